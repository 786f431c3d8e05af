package inspect

import (
	"context"
	"errors"
)

// ErrMovedOn says that the target has run since it was opened: what is read of
// it now belongs to another instant.
var ErrMovedOn = errors.New("the target has run since it was read")

// AtInstant returns nil while the target stands where it stood when it was
// opened, an error that wraps ErrMovedOn once it has run or runs. Cores and
// captures never move.
func (p *Process) AtInstant(ctx context.Context) error {
	if p.moved.Load() {
		return ErrMovedOn
	}
	return ctx.Err()
}
