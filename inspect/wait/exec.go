package wait

// Child is a child process that a goroutine waits for in os/exec.(*Cmd).Wait.
type Child struct {
	PID int64 `json:"pid"`
	// Path is the program that it runs.
	Path string `json:"path"`
	// Pipes says that the child has ended and that the goroutines which copy
	// from and to its pipes have not: another process may hold them open.
	Pipes bool `json:"pipes,omitempty"`
}

// cmdWait is the function that waits for a command.
const cmdWait = "os/exec.(*Cmd).Wait"

// child returns the process that the goroutine waits for, nil if it is in no
// Cmd.Wait or its Cmd was not found: a pointer on the stack to an os/exec.Cmd
// whose process has been started.
func (r *Resolver) child(s *subject, pipes bool) *Child {
	tr := s.trace()
	if !calls(tr, cmdWait) {
		return nil
	}
	lo := s.SchedSP
	if s.SyscallSP != 0 {
		lo = s.SyscallSP
	}
	end := frameEnd(tr, cmdWait, 1)
	if end <= lo || end > s.StackHi || lo < s.StackLo || end-lo > maxScan {
		return nil
	}
	for _, w := range r.words(lo, end) {
		if !plausible(w) || w >= s.StackLo && w < s.StackHi || r.rt.InModules(w) {
			continue
		}
		if c, ok := r.rt.ExecCmd(w); ok {
			return &Child{PID: c.PID, Path: c.Path, Pipes: pipes}
		}
	}
	return nil
}
