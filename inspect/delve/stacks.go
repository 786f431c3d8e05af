package delve

import (
	"context"
	"fmt"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"

	"rtdbg/inspect/mem"
)

// CFrame is a frame of a thread as Delve unwinds it: by frame pointers and
// unwind tables, through C and Go.
type CFrame struct {
	PC mem.Addr
	// Func is "" where no symbol covers PC.
	Func string
	File string
	Line int
}

// maxCFrames bounds the stack of a thread.
const maxCFrames = 60

// ThreadStack returns the stack of a thread, innermost first, C frames
// included. Delve selects the thread for that; the one that was selected before
// is selected again.
func (s *Session) ThreadStack(ctx context.Context, thread int) ([]CFrame, error) {
	before, err := call[rpc2.StateOut](ctx, s, "State", rpc2.StateIn{NonBlocking: true})
	if err != nil {
		return nil, fmt.Errorf("stack of thread %d: %w", thread, err)
	}
	if err := s.selectThread(ctx, thread); err != nil {
		return nil, err
	}
	out, err := call[rpc2.StacktraceOut](ctx, s, "Stacktrace", rpc2.StacktraceIn{Id: -1, Depth: maxCFrames})
	if t := before.State.CurrentThread; t != nil && t.ID != thread {
		if err := s.selectThread(ctx, t.ID); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, fmt.Errorf("stack of thread %d: %w", thread, err)
	}
	frames := make([]CFrame, 0, len(out.Locations))
	for i := range out.Locations {
		l := &out.Locations[i]
		f := CFrame{PC: mem.Addr(l.PC), File: l.File, Line: l.Line}
		if l.Function != nil {
			f.Func = l.Function.Name()
		}
		frames = append(frames, f)
	}
	return frames, nil
}

func (s *Session) selectThread(ctx context.Context, thread int) error {
	if _, err := call[rpc2.CommandOut](ctx, s, "Command", api.DebuggerCommand{Name: api.SwitchThread, ThreadID: thread}); err != nil {
		return fmt.Errorf("select thread %d: %w", thread, err)
	}
	return nil
}
