package star

import (
	"fmt"
	"strings"

	"rtdbg/inspect/wait"
)

// onDetail says what else is known of what is waited on: the state of a lock,
// the ends of a connection, what a channel belongs to; "" for nothing.
func (in *Interp) onDetail(w *wait.On) string {
	var parts []string
	if w.Value != "" {
		parts = append(parts, "value "+w.Value)
	}
	if w.Syscall != nil {
		parts = append(parts, syscallPhrase(w)...)
	}
	if c := w.Child; c != nil && c.Pipes {
		parts = append(parts, fmt.Sprintf("child process %d, %s, whose pipes are still open", c.PID, c.Path))
	} else if c != nil {
		parts = append(parts, fmt.Sprintf("child process %d, %s", c.PID, c.Path))
	}
	if w.Context != nil {
		parts = append(parts, in.contextPhrase(w.Context))
	}
	if len(w.Signals) > 0 {
		parts = append(parts, "signals "+strings.Join(w.Signals, " "))
	}
	if s := w.Socket; s != nil && s.Net != "" {
		parts = append(parts, socketPhrase(s))
	}
	if w.Lock != nil {
		parts = append(parts, w.Lock.String())
	}
	return strings.Join(parts, "; ")
}

// syscallPhrase names a system call or C function, and says what became of the
// thread's P.
func syscallPhrase(w *wait.On) []string {
	var parts []string
	switch s := w.Syscall; {
	case s.C != "":
		parts = append(parts, "C function "+s.C)
		if s.Number != nil {
			parts = append(parts, "in "+orWord(s.Name, fmt.Sprintf("system call %d", *s.Number)))
		}
	case s.Name != "" && w.FD != nil:
		parts = append(parts, fmt.Sprintf("%s of file descriptor %d", s.Name, *w.FD))
	case s.Name != "":
		parts = append(parts, s.Name)
	case s.Number != nil:
		parts = append(parts, fmt.Sprintf("system call %d", *s.Number))
	}
	if f := w.Syscall.KernelFunction; f != "" {
		parts = append(parts, "waits in the kernel in "+f)
	}
	switch {
	case w.Syscall.P != nil:
		parts = append(parts, fmt.Sprintf("still holds P %d", *w.Syscall.P))
	case w.Syscall.Lost:
		parts = append(parts, "holds no P")
	}
	return parts
}

// socketPhrase names the ends of a connection, or a file.
func socketPhrase(s *wait.Socket) string {
	text := s.Net
	for _, part := range [...]struct{ before, text string }{{" ", s.Local}, {" → ", s.Remote}, {" ", s.Name}} {
		if part.text != "" {
			text += part.before + part.text
		}
	}
	return text
}

// appendOnDetail appends the members of w that few have. They are small, and
// encoded by encoding/json.
func appendOnDetail(b []byte, w *wait.On) []byte {
	if w.Syscall != nil {
		b = appendMarshalled(append(b, `,"syscall":`...), w.Syscall)
	}
	if w.Child != nil {
		b = appendMarshalled(append(b, `,"child":`...), w.Child)
	}
	if w.Context != nil {
		b = appendMarshalled(append(b, `,"context":`...), w.Context)
	}
	if len(w.Signals) > 0 {
		b = appendMarshalled(append(b, `,"signals":`...), w.Signals)
	}
	if w.Socket != nil {
		b = appendMarshalled(append(b, `,"socket":`...), w.Socket)
	}
	if w.Lock != nil {
		b = appendMarshalled(append(b, `,"lock":`...), w.Lock)
	}
	return b
}
