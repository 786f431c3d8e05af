package stack

import "rtdbg/inspect/mem"

// FrameObjects calls visit with the extent of each variable in physical frame i
// of t whose address is taken and that holds pointers, in the order of their
// addresses (FUNCDATA_StackObjects).
func (u *Unwinder) FrameObjects(t Trace, i int, visit func(mem.Range)) error {
	if i < 0 || i >= len(t.Stack.Frames) {
		return nil
	}
	m, dead := u.liveMap(t.Stack, i)
	if dead {
		return nil
	}
	p := &t.Stack.Frames[i]
	sp, fp := t.SP+mem.Addr(p.SP), t.SP+mem.Addr(p.FP)
	varp, argp := u.varp(sp, fp), fp+mem.Addr(u.syms.arch.MinFrameSize)
	for _, o := range m.objects {
		at := varp + mem.Addr(int64(o.off))
		if o.off >= 0 {
			at = argp + mem.Addr(o.off)
		}
		if at >= sp {
			visit(mem.Range{Start: at, End: at + mem.Addr(o.size)})
		}
	}
	return m.err
}
