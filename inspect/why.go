package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// Group is goroutines that stand at the same place for the same reason and
// with the same prospects.
type Group struct {
	// Goids are at most wake.MaxGoids of the goroutines, oldest first;
	// Count is all of them.
	Goids []uint64 `json:"goids"`
	Count int      `json:"count"`
	// State is the wait reason, or the status of goroutines that do not
	// wait.
	State   string       `json:"state"`
	Verdict wake.Verdict `json:"verdict"`
	// Function, File and Line are the innermost frame that is not the
	// runtime's or package sync's: where the program stands.
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	// CreatedBy is the function that started them.
	CreatedBy string `json:"created_by,omitempty"`
	// WaitNS is the longest wait among them that is known, in ns.
	WaitNS *int64 `json:"wait_ns"`
	// WaitAccuracy says how exact WaitNS is.
	WaitAccuracy Accuracy `json:"-"`
	// Behind counts the goroutines that wait for one of these, through others
	// or not, where that is known: see Root.
	Behind int `json:"behind,omitempty"`
	// WaitsOn and Wakers are those of the first goroutine.
	WaitsOn []wait.On    `json:"waits_on"`
	Wakers  []wake.Waker `json:"wakers"`
	// More counts the wakers that are left out.
	More int    `json:"more,omitempty"`
	Note string `json:"note,omitempty"`
	// Idle says that waiting like this is normal: for the network, a timer,
	// or as one of the runtime's own goroutines, with nobody behind.
	Idle bool `json:"idle"`

	system bool
}

// Diagnosis is the answer to why a program does not go on.
type Diagnosis struct {
	// Goroutines counts those that are not dead, Stuck those for which
	// nobody was found that could wake them, Threads the threads.
	Goroutines int `json:"goroutines"`
	Stuck      int `json:"stuck"`
	Threads    int `json:"threads"`
	// Deadlocks are the sets of goroutines that wait only for each other, of
	// those that are alike the first, at most MaxStories of them;
	// MoreDeadlocks counts the rest.
	Deadlocks     []Deadlock `json:"deadlocks"`
	MoreDeadlocks int        `json:"more_deadlocks,omitempty"`
	// Roots are the goroutines for which others wait, those with the most
	// behind them first, at most MaxStories of them; MoreRoots counts the
	// rest.
	Roots     []Root `json:"roots"`
	MoreRoots int    `json:"more_roots,omitempty"`
	// Groups are in order of what they tell, the idle ones last.
	Groups []Group `json:"groups"`

	// groupOf is the place in Groups of each goroutine, -1 for dead ones.
	groupOf []int32
}

// MaxStories is the most deadlocks, and the most roots, in a Diagnosis.
const MaxStories = 100

// Why groups all goroutines by what keeps them, the most telling first.
func (p *Process) Why(ctx context.Context) (*Diagnosis, error) {
	d, err := p.groups(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.stories(ctx, d); err != nil {
		return nil, err
	}
	d.sort()
	return d, nil
}

// state is the wait reason of a goroutine that waits, the status of others.
func (g *Goroutine) state() string {
	if r := g.WaitReason(); r != "" {
		return r
	}
	return string(g.Status())
}

func stuck(v wake.Verdict) bool {
	return v == wake.Deadlock || v == wake.Never
}

// sort puts the groups in order of what they tell.
func (d *Diagnosis) sort() {
	order := make([]int, len(d.Groups))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return byTelling(&d.Groups[x], &d.Groups[y]) })
	sorted, place := make([]Group, len(order)), make([]int32, len(order))
	for to, from := range order {
		sorted[to], place[from] = d.Groups[from], int32(to)
	}
	d.Groups = sorted
	for i, at := range d.groupOf {
		if at >= 0 {
			d.groupOf[i] = place[at]
		}
	}
}

// byTelling orders groups: what is stuck for certain, what others stand behind,
// what may be stuck, what waits for others, what runs, what is idle. Among
// equals those with more behind them come first, then larger and older ones.
func byTelling(a, b *Group) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.Behind, a.Behind), cmp.Compare(b.Count, a.Count), cmp.Compare(b.waited(), a.waited()))
}

// waited is the longest wait that is known, 0 for none.
func (gr *Group) waited() int64 {
	if gr.WaitNS == nil {
		return 0
	}
	return *gr.WaitNS
}

func (gr *Group) rank() int {
	switch {
	case gr.Verdict == wake.Deadlock && !gr.Idle:
		return 0
	case gr.Verdict == wake.Never && !gr.Idle:
		return 1
	case gr.Behind > 0:
		return 2
	case gr.system:
		return 90
	case gr.Idle:
		return 50
	case gr.Verdict == wake.Unknown:
		return 3
	case gr.Verdict == wake.Wakeable && !gr.receives():
		return 4
	case gr.Verdict == wake.Wakeable:
		return 5
	case gr.State == string(rt.Running), gr.State == string(rt.Runnable):
		return 6
	case gr.Verdict == wake.Woken:
		return 7
	}
	return 50
}

// receives reports whether the group waits to receive and nothing else: mostly
// for work, and not held up in it.
func (gr *Group) receives() bool {
	return !slices.ContainsFunc(gr.WaitsOn, func(on wait.On) bool { return on.Op != wait.Recv })
}

// Summary says the diagnosis in one sentence.
func (d *Diagnosis) Summary() string {
	return fmt.Sprintf("%d goroutines on %d threads; %d are stuck: nobody who can run is able to wake them", d.Goroutines, d.Threads, d.Stuck)
}
