package inspect

import (
	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/tracee"
)

// nameThreads gives threads of this host, which a debugger knows by the ids that
// they have in this PID namespace, those that they have in their own: the runtime
// knows them by these (m.procid).
func (p *Process) nameThreads(threads []arch.Thread) {
	p.tids = make(map[int]int)
	var kernel map[uint64]mem.KernelWait
	if p.kernel != nil {
		kernel = make(map[uint64]mem.KernelWait, len(p.kernel))
	}
	for i := range threads {
		here, own := threads[i].TID, threads[i].TID
		if st, err := tracee.ReadStatus(here); err == nil && st.Inner != 0 {
			own = st.Inner
		}
		p.tids[own], threads[i].TID = here, own
		if w, ok := p.kernel[uint64(here)]; ok {
			kernel[uint64(own)] = w
		}
	}
	p.kernel = kernel
}

// threadHere is the id in this PID namespace of a thread that the target knows by
// the given one, as a debugger does.
func (p *Process) threadHere(own int) int {
	if here, ok := p.tids[own]; ok {
		return here
	}
	return own
}
