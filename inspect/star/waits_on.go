package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

func waitsOnClass() *class[wait.On] {
	type W = wait.On
	return (&class[W]{
		name: "WaitsOn",
		doc:  "one thing that a goroutine waits on",
		str:  func(in *Interp, w W) string { return in.onPhrase(&w) },
		attrs: []attr[W]{
			{"kind", "chan, mutex, rwmutex, waitgroup, cond, sema, timer, pollfd, coro, syscall, gc, runtime, bubble", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Kind)) }},
			{"op", "recv, send, lock, rlock, wait, read, write, sleep, resume", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Op)) }},
			{"addr", "address of the object, None if there is none or it was not found", address, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.Addr, addr)) }},
			{"type", "Go type of the object, \"\" if unknown", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Type)) }},
			{"name", "what the program calls the object, or the name of a semaphore of the runtime; \"\" if unknown", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Name)) }},
			{"select", "it is a case of a select", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(starlark.Bool(w.Select)) }},
			{"case", "number of the case in source order, None if unknown", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.Case, integer)) }},
			{"case_line", "line of the case in the source, None if unknown", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.Line, integer)) }},
			{"nil", "the channel is nil", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(starlark.Bool(w.Nil)) }},
			{"value", "what would be sent, printed by its type; \"\" for nothing", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Value)) }},
			{"when_ns", "nanotime at which time ends the wait, None if it does not or is unknown", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.WhenNS, integer)) }},
			{"in_ns", "ns left until then", duration, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.InNS, integer)) }},
			{"fd", "file descriptor of an IO wait", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.FD, integer)) }},
			{"thread", "kernel's id of the thread in a system call", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.Thread, natural)) }},
			{"queue", "run queue of a runnable goroutine, \"\" for none", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Queue)) }},
			{"position", "place in that queue, from 0", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.Position, integer)) }},
			{"ready_ns", "for how long a runnable goroutine has been so, None if not known", duration, func(_ *Interp, w W) (starlark.Value, error) { return ok(optional(w.ReadyNS, integer)) }},
			{"detail", "what else is known: the state of a lock, the ends of a connection, the context or signals of a channel; \"\" for nothing", plain, func(in *Interp, w W) (starlark.Value, error) { return ok(text(in.onDetail(&w))) }},
			{"note", "what could not be found out, or what else is known", plain, func(_ *Interp, w W) (starlark.Value, error) { return ok(text(w.Note)) }},
		},
	}).finish()
}

// onPhrase says in words what is waited on: "waits to receive from chan int
// 0xc000012345 (len 0, cap 4)".
func (in *Interp) onPhrase(w *wait.On) string {
	var s string
	switch {
	case w.Queue != "":
		s = "is runnable in " + w.Queue
		if w.Position != nil {
			s += fmt.Sprintf(" at position %d", *w.Position)
		}
		if w.ReadyNS != nil {
			s += ", for " + ns(*w.ReadyNS)
		}
	case w.Nil:
		s = "waits " + verb(w) + " a nil channel"
	case w.Kind == wait.Timer && w.Op == wait.Sleep:
		s = "sleeps"
	case w.Kind == wait.Syscall:
		s = "is in a system call or C"
		if w.Thread != nil {
			s += fmt.Sprintf(" on thread %d", *w.Thread)
		}
	case (w.Kind == wait.GC || w.Kind == wait.Runtime) && w.Note != "":
		s = "waits"
	case w.Kind == wait.GC, w.Kind == wait.Runtime:
		s = "waits for the runtime"
	default:
		s = "waits " + verb(w) + " " + in.onObject(w)
	}
	if d := in.onDetail(w); d != "" {
		s += ", " + d
	}
	if w.WhenNS != nil {
		if d, how, ok := in.p.Now().Until(*w.WhenNS); ok {
			s += ", " + timeLeft(d, how)
		}
	}
	if w.Note != "" {
		s += " (" + w.Note + ")"
	}
	return s
}

// timeLeft says when something in n ns, which is known so well, happens.
func timeLeft(n int64, how inspect.Accuracy) string {
	if n < 0 {
		return lasting(-n, how) + " overdue"
	}
	return lasting(n, how) + " left"
}

// onObject names the object: its type or kind, its address, how full it is.
func (in *Interp) onObject(w *wait.On) string {
	name := orWord(w.Name, orWord(w.Type, kindWord(w.Kind)))
	if w.Name != "" && w.Type != "" && w.Kind != wait.Sema {
		name = w.Name + " (" + w.Type + ")"
	}
	if w.FD != nil {
		return fmt.Sprintf("file descriptor %d", *w.FD)
	}
	if w.Addr == nil {
		return name
	}
	name += " " + w.Addr.String()
	if w.Kind != wait.Chan {
		return name
	}
	c, err := in.p.RT.ReadChan(*w.Addr)
	if err != nil {
		return name
	}
	return name + fill(&c)
}

// fill says how full a channel is, nothing for one of a timer: the program
// cannot see that buffer.
func fill(c *rt.Hchan) string {
	if c.Timer != 0 {
		return " of a timer"
	}
	s := fmt.Sprintf(" (len %d, cap %d", c.QCount, c.DataQSiz)
	if c.Closed != 0 {
		s += ", closed"
	}
	return s + ")"
}

// kindWord is the kind of an object whose type is unknown.
func kindWord(k wait.Kind) string {
	switch k {
	case wait.Mutex:
		return "sync.Mutex"
	case wait.RWMutex:
		return "sync.RWMutex"
	case wait.WaitGroup:
		return "sync.WaitGroup"
	case wait.Cond:
		return "sync.Cond"
	case wait.Sema:
		return "semaphore"
	case wait.PollFD:
		return "pollDesc"
	case wait.Coro:
		return "coroutine"
	case wait.Bubble:
		return "synctest bubble"
	}
	return string(k)
}

// verb is what the goroutine wants of the object, after "waits".
func verb(w *wait.On) string {
	switch w.Op {
	case wait.Recv:
		return "to receive from"
	case wait.Send:
		return "to send to"
	case wait.RLock:
		return "to read-lock"
	case wait.Resume:
		return "to be resumed by"
	case wait.Wait:
		switch w.Kind {
		case wait.Sema:
			return "to acquire"
		case wait.Cond:
			return "for a signal of"
		}
		return "for"
	}
	return "to " + string(w.Op)
}
