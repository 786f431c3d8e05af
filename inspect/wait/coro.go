package wait

// describeCoro says on which side of a coroutine a goroutine waits: that which
// iter.Pull started executes the sequence and waits to be asked for the next
// value; the other called next or stop and waits for the sequence to yield or to
// end (iter/iter.go, runtime/coro.go; since Go 1.22).
func describeCoro(s *subject, on *On) {
	if on.Note != "" {
		on.Note += ": it starts with the first call of next"
		return
	}
	frames := s.trace().Stack.Frames
	const outer = 3 // runtime.corostart and what calls it
	for i := max(0, len(frames)-outer); i < len(frames); i++ {
		for _, l := range frames[i].Lines() {
			if l.Func == "runtime.corostart" {
				on.Note = "it has yielded: a call of next or stop of its iterator resumes it"
				return
			}
		}
	}
	on.Note = "it called next or stop of an iterator: that yields or ends to resume it"
}
