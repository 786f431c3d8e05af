package rt

import (
	"fmt"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// PollDesc is the runtime's view of a pollable file descriptor
// (runtime.pollDesc, netpoll.go). It lies outside the heap.
type PollDesc struct {
	Addr mem.Addr `rt:"-"`

	FD uint64 `rt:"fd"`
	// RG and WG are 0 (idle), 1 (ready), 2 (about to wait), or the
	// goroutine that waits to read or to write.
	RG mem.Addr `rt:"rg"`
	WG mem.Addr `rt:"wg"`
	// RD and WD are the deadlines: nanotime, 0 for none, −1 for expired.
	RD      int64    `rt:"rd"`
	WD      int64    `rt:"wd"`
	Closing bool     `rt:"closing"`
	Self    mem.Addr `rt:"self"`
}

// PollDesc reads the pollDesc at a and checks that it is one: its self must
// point to itself.
func (r *Runtime) PollDesc(a mem.Addr) (PollDesc, error) {
	var pd PollDesc
	if err := r.plans.pollDesc.Read(r.Mem, a, &pd); err != nil {
		return PollDesc{}, err
	}
	pd.Addr = a
	if pd.Self != a {
		return PollDesc{}, &NotAnObjectError{Kind: "pollDesc", Addr: a, Why: fmt.Sprintf("its self is %v", pd.Self)}
	}
	return pd, nil
}

// Coro is a coroutine (runtime.coro, coro.go; since Go 1.22).
type Coro struct {
	// GP is the goroutine that is blocked in it.
	GP mem.Addr `rt:"gp"`
	F  mem.Addr `rt:"f"`
}

// ReadCoro reads the coro at a.
func (r *Runtime) ReadCoro(a mem.Addr) (Coro, error) {
	var c Coro
	if r.plans.coro == nil {
		return c, fmt.Errorf("coro %v: %s has no coroutines", a, r.Layout.Go)
	}
	err := r.plans.coro.Read(r.Mem, a, &c)
	return c, err
}

// Bubble is a synctest bubble (runtime.synctestBubble, synctest.go, since Go
// 1.25; runtime.synctestGroup in Go 1.24).
type Bubble struct {
	// ID is its number, since Go 1.25.
	ID uint64 `rt:"id,optional"`
	// Root is the goroutine that made it, Waiter that in synctest.Wait.
	Root   mem.Addr `rt:"root"`
	Waiter mem.Addr `rt:"waiter"`
	// Now is its clock: nanotime and Unix time in ns at once.
	Now int64 `rt:"now"`
	// Total is the number of its goroutines, Running that of those which are
	// not durably blocked, Active what else keeps its clock from advancing.
	Total   int64 `rt:"total"`
	Running int64 `rt:"running"`
	Active  int64 `rt:"active"`
	// Timers is its heap of timers, as that of a P.
	Timers layout.Slice `rt:"timers.heap"`
}

// ReadBubble reads the synctest bubble at a.
func (r *Runtime) ReadBubble(a mem.Addr) (Bubble, error) {
	var b Bubble
	if r.plans.bubble == nil {
		return b, fmt.Errorf("synctest bubble %v: %s has none", a, r.Layout.Go)
	}
	err := r.plans.bubble.Read(r.Mem, a, &b)
	return b, err
}

// BubbleTimers reads the heap of timers of a bubble. With an error, what was
// read is returned.
func (r *Runtime) BubbleTimers(b *Bubble) ([]Timer, error) {
	addrs, err := r.heapOfTimers(b.Timers)
	if err != nil {
		return nil, fmt.Errorf("synctest bubble %d: %w", b.ID, err)
	}
	list := make([]Timer, 0, len(addrs))
	for _, a := range addrs {
		t, err := r.ReadTimer(a)
		if err != nil {
			return list, fmt.Errorf("synctest bubble %d: timer heap: %w", b.ID, err)
		}
		list = append(list, t)
	}
	return list, nil
}

// bubbleStruct is the name of the structure of a bubble in the table.
func bubbleStruct(t *layout.Table) string {
	if t.Structs["runtime.synctestBubble"] == nil {
		return "runtime.synctestGroup"
	}
	return "runtime.synctestBubble"
}
