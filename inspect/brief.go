package inspect

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// Brief names a goroutine: enough to recognise it in a list.
type Brief struct {
	Goid uint64 `json:"goid"`
	// Status is the runtime's word; WaitReason "" unless it is parked.
	Status     rt.Status `json:"status"`
	WaitReason string    `json:"wait_reason,omitempty"`
	// Start is the function that it runs, At where the program stands in it.
	Start string `json:"start"`
	At    string `json:"at"`
}

// brief names the goroutine at a.
func (p *Process) brief(a mem.Addr) Brief {
	g, err := p.RT.ReadG(a)
	if err != nil {
		return Brief{At: err.Error()}
	}
	return p.briefOf(&g)
}

// briefOf names g, which may be one that is not in the table of goroutines.
func (p *Process) briefOf(raw *rt.G) Brief {
	g := p.wrap(raw)
	return Brief{Goid: g.Goid, Status: g.Status(), WaitReason: g.WaitReason(), Start: p.printed(g.Start()), At: g.place()}
}

// wrap returns g with the methods of a Goroutine; that of the table if it is
// there.
func (p *Process) wrap(raw *rt.G) *Goroutine {
	if t := p.table.Load(); t != nil {
		if i, ok := t.byAddr(raw.Addr); ok {
			raw = &t.raw[i]
		}
	}
	return &Goroutine{G: raw, p: p, index: int(raw.Index)}
}
