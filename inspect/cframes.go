package inspect

import (
	"context"

	"rtdbg/inspect/delve"
)

// ThreadFrames returns the stack of a thread with its C frames, innermost
// first, as Delve unwinds it.
func (p *Process) ThreadFrames(ctx context.Context, thread int) ([]delve.CFrame, error) {
	s, err := p.delve(ctx)
	if err != nil {
		return nil, err
	}
	return s.ThreadStack(ctx, thread)
}
