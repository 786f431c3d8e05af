package inspect

import (
	"slices"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
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

// ownThreads are the threads of a core with the ids by which the runtime knows them,
// where the core has others: a debugger outside the PID namespace of the process
// wrote it. It is nil if a thread has its own id there, or none can be told.
func (p *Process) ownThreads(r *rt.Runtime, threads []arch.Thread) []arch.Thread {
	if p.core == nil {
		return nil
	}
	own := slices.Clone(threads)
	told := make(map[int]bool)
	for i := range own {
		id := procID(r, own[i].Regs)
		switch {
		case id == 0: // a thread of C
			continue
		case id == own[i].TID, told[id]:
			return nil
		}
		told[id], own[i].TID = true, id
	}
	if len(told) == 0 {
		return nil
	}
	return own
}

// procID is the id by which the runtime knows a thread, 0 if it does not. The thread
// has its g in a register, or on amd64 below its thread pointer (runtime.tlsg, -8
// where the Go linker has the say).
func procID(r *rt.Runtime, regs arch.Regs) int {
	inTLS, err := r.ReadWord(mem.Addr(regs.TLS) - 8)
	if err != nil || regs.TLS == 0 {
		inTLS = 0
	}
	for _, a := range []uint64{inTLS, regs.G} {
		g, err := r.ReadG(mem.Addr(a))
		if a == 0 || err != nil {
			continue
		}
		m, err := r.ReadM(g.M)
		if g.M != 0 && err == nil && slices.Contains([]mem.Addr{m.G0, m.CurG, m.GSignal}, mem.Addr(a)) {
			return int(m.ProcID)
		}
	}
	return 0
}
