package delve

import (
	"context"
	"errors"
	"fmt"

	"rtdbg/inspect/mem"

	"github.com/go-delve/delve/service/rpc2"
)

// ReadMemory fills b with the target's memory at addr, in pieces of at most
// 64 KiB (rpc2.ExamineMemoryLengthLimit). Delve answers a piece whole or not
// at all; the error is then a *mem.Fault over that piece, whose cause is
// Delve's word for it: it does not tell what is not mapped from what a core
// lacks. Other errors (a lost connection, a running target) are no faults.
func (s *Session) ReadMemory(ctx context.Context, b []byte, addr mem.Addr) error {
	for len(b) > 0 {
		piece := b[:min(len(b), rpc2.ExamineMemoryLengthLimit)]
		out, err := call[rpc2.ExaminedMemoryOut](ctx, s, "ExamineMemory", rpc2.ExamineMemoryIn{Address: uint64(addr), Length: len(piece)})
		switch {
		case err != nil && s.faulty(err):
			return &mem.Fault{Addr: addr, Len: len(piece), Err: fmt.Errorf("unreadable by Delve: %w", err)}
		case err != nil:
			return err
		case len(out.Mem) != len(piece):
			return &mem.Fault{Addr: addr, Len: len(piece), Err: fmt.Errorf("got %d bytes from Delve", len(out.Mem))}
		}
		copy(b, out.Mem)
		b = b[len(piece):]
		addr += mem.Addr(len(piece))
	}
	return nil
}

// faulty reports whether err is the server's answer about the memory, not a
// failure to ask.
func (s *Session) faulty(err error) bool {
	for _, cause := range []error{
		ErrClosed, ErrRunning, ErrExited, ErrDumping, ErrLost, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, cause) {
			return false
		}
	}
	return true
}
