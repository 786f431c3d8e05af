package inspect_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/exp/trace"

	"rtdbg/inspect"
	"rtdbg/inspect/rt"
)

// nobody is a waker that is no goroutine: a timer, the network, the runtime.
const nobody = 0

// change is a change of a goroutine's state.
type change struct {
	at       trace.Time
	from, to trace.GoState
	// by is the goroutine that executed it, and stack where it was: for a
	// goroutine that is readied, its waker.
	by    uint64
	stack trace.Stack
}

// history is what an execution trace says of each goroutine.
type history struct {
	// changes are in order of time.
	changes map[uint64][]change
	// parent is who created a goroutine, during the trace.
	parent map[uint64]uint64
	// times are those of all events, in order.
	times []trace.Time
}

// readHistory reads an execution trace of Go 1.22 or later.
func readHistory(path string) (*history, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := trace.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", path, err)
	}
	h := &history{changes: make(map[uint64][]change), parent: make(map[uint64]uint64)}
	for {
		ev, err := r.ReadEvent()
		if errors.Is(err, io.EOF) {
			return h, nil
		}
		if err != nil {
			return nil, fmt.Errorf("trace %s: %w", path, err)
		}
		h.add(ev)
	}
}

func (h *history) add(ev trace.Event) {
	h.times = append(h.times, ev.Time())
	if ev.Kind() != trace.EventStateTransition {
		return
	}
	st := ev.StateTransition()
	if st.Resource.Kind != trace.ResourceGoroutine {
		return
	}
	c := change{at: ev.Time(), stack: ev.Stack()}
	c.from, c.to = st.Goroutine()
	if g := ev.Goroutine(); g != trace.NoGoroutine {
		c.by = uint64(g)
	}
	id := uint64(st.Resource.Goroutine())
	if c.from == trace.GoNotExist {
		h.parent[id] = c.by
	}
	h.changes[id] = append(h.changes[id], c)
}

// gap is a stretch of the trace in which nothing happens.
type gap struct{ from, to trace.Time }

// gaps returns the longest n, longest first.
func (h *history) gaps(n int) []gap {
	var all []gap
	for i := 1; i < len(h.times); i++ {
		all = append(all, gap{h.times[i-1], h.times[i]})
	}
	slices.SortFunc(all, func(a, b gap) int { return cmp.Compare(b.to-b.from, a.to-a.from) })
	return all[:min(n, len(all))]
}

// at returns the number of changes of goroutine id up to a time: the next is
// the first after it.
func (h *history) at(id uint64, t trace.Time) int {
	list := h.changes[id]
	n, _ := slices.BinarySearchFunc(list, t, func(c change, t trace.Time) int {
		if c.at <= t {
			return -1
		}
		return 1
	})
	return n
}

// state returns the state of goroutine id at a time.
func (h *history) state(id uint64, t trace.Time) trace.GoState {
	n := h.at(id, t)
	if n == 0 {
		return trace.GoNotExist
	}
	return h.changes[id][n-1].to
}

// woken returns the change that ends the wait in which goroutine id is at a
// time; ok is false if the trace ends before, or if it does not wait.
func (h *history) woken(id uint64, t trace.Time) (c change, ok bool) {
	n := h.at(id, t)
	if n == 0 || h.changes[id][n-1].to != trace.GoWaiting {
		return change{}, false
	}
	for _, c := range h.changes[id][n:] {
		switch {
		case c.to == trace.GoWaiting:
			// The state is told again in each part of the trace.
		case c.to == trace.GoRunnable:
			return c, true
		default:
			return change{}, false
		}
	}
	return change{}, false
}

// ancestor returns the goroutine that existed at a time and descends from
// nobody younger: id itself, or who created it, or who created that one.
// It is nobody where a timer's function was started.
func (h *history) ancestor(id uint64, t trace.Time) uint64 {
	for id != nobody && h.state(id, t) == trace.GoNotExist {
		id = h.parent[id]
	}
	return id
}

// instant finds when a core was taken: among the longest stretches in which
// nothing happened, the one at which the trace agrees best with the core on
// who was parked. It returns how many goroutines the two disagree on.
func (h *history) instant(gs []*inspect.Goroutine) (at trace.Time, differ int) {
	differ = -1
	for _, g := range h.gaps(60) {
		if n := h.disagreements(gs, g.from); differ < 0 || n < differ {
			at, differ = g.from, n
		}
	}
	return at, differ
}

func (h *history) disagreements(gs []*inspect.Goroutine, t trace.Time) int {
	parked := make(map[uint64]bool)
	n := 0
	for _, g := range gs {
		if g.Dead() {
			continue
		}
		parked[g.Goid] = g.Status() == rt.Waiting
		if _, traced := h.changes[g.Goid]; !traced {
			continue
		}
		if (h.state(g.Goid, t) == trace.GoWaiting) != parked[g.Goid] {
			n++
		}
	}
	for id := range h.changes {
		if _, there := parked[id]; !there && h.state(id, t) != trace.GoNotExist {
			n++
		}
	}
	return n
}

// frames names the functions of a stack, innermost first.
func frames(s trace.Stack) []string {
	var list []string
	for f := range s.Frames() {
		name := f.Func[strings.LastIndexByte(f.Func, '/')+1:]
		list = append(list, fmt.Sprintf("%s:%d", name, f.Line))
	}
	return list
}

// calls reports whether one of the functions is on a stack.
func calls(s trace.Stack, funcs ...string) bool {
	for f := range s.Frames() {
		if slices.Contains(funcs, f.Func) {
			return true
		}
	}
	return false
}
