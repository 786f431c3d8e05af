package star

import (
	"go.starlark.net/starlark"

	"rtdbg/inspect/render"
)

// unreadable is the value of what could not be read. It prints as such and is
// false, so that a report goes on; using an attribute of it is an error.
type unreadable struct{ err error }

func (u unreadable) String() string        { return render.Unreadable(u.err) }
func (u unreadable) Type() string          { return "unreadable" }
func (u unreadable) Freeze()               {}
func (u unreadable) Truth() starlark.Bool  { return starlark.False }
func (u unreadable) Hash() (uint32, error) { return starlark.String(u.err.Error()).Hash() }

// AttrNames are none but the reason.
func (u unreadable) AttrNames() []string { return []string{"reason"} }

// Attr returns the reason; anything else fails with it.
func (u unreadable) Attr(name string) (starlark.Value, error) {
	if name == "reason" {
		return starlark.String(u.err.Error()), nil
	}
	return nil, u.err
}
