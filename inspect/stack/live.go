package stack

import "rtdbg/inspect/mem"

// Live returns what Pointers visits, as a slice that is valid until the next
// use of u. Called right after Unwind of the same stack it reads nothing anew.
func (u *Unwinder) Live(t Trace, hi mem.Addr, roots []mem.Addr) ([]Pointer, error) {
	u.live = u.live[:0]
	err := u.Pointers(t, hi, roots, func(p Pointer) { u.live = append(u.live, p) })
	return u.live, err
}
