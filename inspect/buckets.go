package inspect

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// BucketsBy says which goroutines stand in one bucket.
type BucketsBy string

// The choices. All but ByCreator part goroutines of different states as well.
const (
	// ByStack: the same stack, of which BucketOptions.Depth may be a part,
	// and the same creator.
	ByStack BucketsBy = "stack"
	// ByTop: the program stands in the same function.
	ByTop BucketsBy = "top"
	// ByState: the same wait reason, or the same status.
	ByState BucketsBy = "state"
	// ByCreator: the same go statement, whatever their state.
	ByCreator BucketsBy = "creator"
)

// BucketOptions are the choices of Buckets.
type BucketOptions struct {
	// By is ByStack if it is "".
	By BucketsBy
	// Depth is how many frames, the innermost first, are compared and
	// shown; 0 is all.
	Depth int
	// Min is the size of the smallest bucket that is wanted.
	Min int
}

// Bucket is goroutines that are alike.
type Bucket struct {
	Count int `json:"count"`
	// State is the wait reason, or the status of goroutines that do not
	// wait; "" if they differ.
	State string `json:"state,omitempty"`
	// States are the numbers by state where they differ.
	States map[string]int `json:"states,omitempty"`
	// Goids are at most wake.MaxGoids of the goroutines, oldest first.
	Goids []uint64 `json:"goids"`
	// MinWaitNS and MaxWaitNS are the shortest and the longest wait that is
	// known, ns; WaitsKnown counts those that are.
	MinWaitNS  *int64 `json:"min_wait_ns"`
	MaxWaitNS  *int64 `json:"max_wait_ns"`
	WaitsKnown int    `json:"waits_known"`
	// WaitAccuracy says how exact the waits are.
	WaitAccuracy Accuracy `json:"-"`
	// CreatedBy is the function that started them, "" if they differ.
	CreatedBy string `json:"created_by,omitempty"`
	// System says that they are the runtime's own.
	System bool `json:"system"`
	// LockedToThread counts those that are locked to their threads.
	LockedToThread int `json:"locked_to_thread"`
	// WaitsOn is what the first of them waits on, without addresses.
	WaitsOn []BucketWait `json:"waits_on"`
	// Frames are what their stacks have in common, innermost first. More
	// counts the frames of the first that are left out.
	Frames []BucketFrame `json:"frames"`
	More   int           `json:"more_frames,omitempty"`

	// since are the nanotimes from which the longest and the shortest wait
	// count, index the place of the first goroutine.
	longest, shortest int64
	index             int
	// newest is the largest of Goids when there are as many as are wanted.
	newest uint64
}

// BucketWait is a kind of object that is waited on, and the operation.
type BucketWait struct {
	Kind wait.Kind `json:"kind"`
	Op   wait.Op   `json:"op"`
}

// BucketFrame is a frame that goroutines have in common.
type BucketFrame struct {
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Buckets groups the goroutines that are not dead, the largest group first.
func (p *Process) Buckets(ctx context.Context, o BucketOptions) ([]Bucket, error) {
	if err := p.eachStack(ctx, nil); err != nil {
		return nil, err
	}
	fine, err := p.fineBuckets(ctx)
	if err != nil {
		return nil, err
	}
	key, err := p.bucketKey(o)
	if err != nil {
		return nil, err
	}
	var list []Bucket
	at := make(map[any]int)
	for i := range fine {
		g := p.gs[fine[i].index]
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		k := key(g)
		n, ok := at[k]
		if !ok {
			n = len(list)
			at[k] = n
			list = append(list, p.newBucket(g, o))
		}
		p.merge(&list[n], &fine[i], g)
	}
	list = slices.DeleteFunc(list, func(b Bucket) bool { return b.Count < o.Min })
	for i := range list {
		p.finish(&list[i])
	}
	slices.SortStableFunc(list, func(a, b Bucket) int { return cmp.Compare(b.Count, a.Count) })
	return list, nil
}

// fineKey is what goroutines share that no choice of buckets parts.
type fineKey struct {
	stack  *stack.Stack
	goPC   mem.Addr
	start  mem.Addr
	status rt.Status
	reason uint8
	broken bool // the stack could not be followed to its end
}

// fineBuckets groups the goroutines by all that is compared without a look at
// functions: several workers, each with a part of them, in order of creation.
func (p *Process) fineBuckets(ctx context.Context) ([]Bucket, error) {
	n := runtime.GOMAXPROCS(0)
	parts := make([]fineGroups, n)
	var wg sync.WaitGroup
	for w := range n {
		wg.Go(func() {
			for i := w * len(p.gs) / n; i < (w+1)*len(p.gs)/n; i++ {
				if i%4096 == 0 && ctx.Err() != nil {
					return
				}
				parts[w].add(p, i)
			}
		})
	}
	wg.Wait()
	for _, part := range parts[1:] {
		parts[0].join(&part)
	}
	return parts[0].list, ctx.Err()
}

// fineGroups are buckets by fineKey, in order of their first goroutine.
type fineGroups struct {
	at   map[fineKey]int
	keys []fineKey
	list []Bucket
}

func (f *fineGroups) bucket(k fineKey, index int) *Bucket {
	n, ok := f.at[k]
	if !ok {
		if f.at == nil {
			f.at = make(map[fineKey]int)
		}
		n = len(f.list)
		f.at[k] = n
		f.keys = append(f.keys, k)
		f.list = append(f.list, Bucket{index: index, longest: math.MaxInt64})
	}
	return &f.list[n]
}

// add counts goroutine number i, unless it is dead.
func (f *fineGroups) add(p *Process, i int) {
	g := p.gs[i]
	status := g.Status()
	if dead(status) {
		return
	}
	t := g.Trace()
	k := fineKey{stack: t.Stack, goPC: g.GoPC, start: g.StartPC, status: status, broken: t.Err != nil}
	waits := status == rt.Waiting || status == rt.Leaked
	if waits {
		k.reason = g.G.WaitReason
	}
	b := f.bucket(k, i)
	b.Count++
	b.addGoid(g.Goid)
	if g.LockedM != 0 {
		b.LockedToThread++
	}
	if (waits || status == rt.Syscall) && g.WaitSince != 0 {
		b.WaitsKnown++
		b.longest, b.shortest = min(b.longest, g.WaitSince), max(b.shortest, g.WaitSince)
	}
}

// join adds the groups of later goroutines.
func (f *fineGroups) join(o *fineGroups) {
	for i, k := range o.keys {
		f.bucket(k, o.list[i].index).take(&o.list[i])
	}
}

// take adds to b what the fields of o count.
func (b *Bucket) take(o *Bucket) {
	b.Count += o.Count
	for _, id := range o.Goids {
		b.addGoid(id)
	}
	b.LockedToThread += o.LockedToThread
	b.WaitsKnown += o.WaitsKnown
	b.longest, b.shortest = min(b.longest, o.longest), max(b.shortest, o.shortest)
}

// addGoid keeps the smallest ids, some more than are wanted.
func (b *Bucket) addGoid(id uint64) {
	if len(b.Goids) >= wake.MaxGoids && id > b.newest {
		return
	}
	b.Goids = append(b.Goids, id)
	if len(b.Goids) >= 2*wake.MaxGoids || len(b.Goids) == wake.MaxGoids {
		b.cutGoids()
	}
}

// cutGoids leaves the wanted number of ids, sorted.
func (b *Bucket) cutGoids() {
	slices.Sort(b.Goids)
	b.Goids = b.Goids[:min(len(b.Goids), wake.MaxGoids)]
	b.newest = b.Goids[len(b.Goids)-1]
}

// bucketKey returns what must be equal in one bucket.
func (p *Process) bucketKey(o BucketOptions) (func(g *Goroutine) any, error) {
	switch o.By {
	case ByState:
		return func(g *Goroutine) any { return g.state() }, nil
	case ByCreator:
		return func(g *Goroutine) any { return g.GoPC }, nil
	case ByTop:
		return func(g *Goroutine) any {
			f, _ := g.Place()
			return [2]string{f.Func, g.state()}
		}, nil
	case ByStack, "":
	default:
		return nil, fmt.Errorf("goroutines are grouped by %s, %s, %s or %s, not by %q", ByStack, ByTop, ByState, ByCreator, string(o.By))
	}
	if o.Depth > 0 {
		return func(g *Goroutine) any {
			var b strings.Builder
			frames, _ := p.bucketFrames(g, o.Depth)
			for _, f := range frames {
				fmt.Fprintf(&b, "%s\n%s:%d\n", f.Func, f.File, f.Line)
			}
			return [2]string{b.String(), g.state()}
		}, nil
	}
	type key struct {
		stack *stack.Stack
		goPC  mem.Addr
		state string
		err   bool
	}
	return func(g *Goroutine) any {
		t := g.Trace()
		return key{t.Stack, g.GoPC, g.state(), t.Err != nil}
	}, nil
}

// newBucket returns an empty bucket for goroutines like g.
func (p *Process) newBucket(g *Goroutine, o BucketOptions) Bucket {
	b := Bucket{State: g.state(), CreatedBy: p.printed(g.CreatedBy()), System: g.System(),
		Goids: []uint64{}, WaitsOn: []BucketWait{}, Frames: []BucketFrame{}, longest: math.MaxInt64, index: g.index}
	for _, on := range g.WaitsOn() {
		if w := (BucketWait{on.Kind, on.Op}); !slices.Contains(b.WaitsOn, w) {
			b.WaitsOn = append(b.WaitsOn, w)
		}
	}
	switch o.By {
	case ByState, ByCreator:
	case ByTop:
		if f, ok := g.Place(); ok {
			b.Frames = append(b.Frames, BucketFrame{p.printed(f.Func), f.File, f.Line.Line})
		}
	default:
		b.Frames, b.More = p.bucketFrames(g, o.Depth)
	}
	return b
}

// bucketFrames returns the innermost frames of g that a traceback shows, at
// most limit of them unless it is 0, and counts the others.
func (p *Process) bucketFrames(g *Goroutine, limit int) (frames []BucketFrame, more int) {
	t := g.Trace()
	frames = []BucketFrame{}
	t.EachShown(stack.LevelAll, func(f *stack.Frame) bool {
		if limit > 0 && len(frames) == limit {
			more++
			return true
		}
		frames = append(frames, BucketFrame{p.printed(f.Func), f.File, f.Line.Line})
		return true
	})
	return frames, more + t.Stack.ElidedLogical
}

// merge adds the goroutines of fine, of which g is the first, to b.
func (p *Process) merge(b, fine *Bucket, g *Goroutine) {
	b.take(fine)
	state := g.state()
	if b.States == nil {
		b.States = make(map[string]int)
	}
	b.States[state] += fine.Count
	b.System = b.System && g.System()
	if b.CreatedBy != p.printed(g.CreatedBy()) {
		b.CreatedBy = ""
	}
}

// finish completes b when all goroutines are in it.
func (p *Process) finish(b *Bucket) {
	if len(b.States) > 1 {
		b.State = ""
		b.WaitsOn = []BucketWait{}
	} else {
		b.States = nil
	}
	b.cutGoids()
	if b.WaitsKnown == 0 {
		return
	}
	if d, how, ok := p.Now().Since(b.longest); ok {
		b.MaxWaitNS, b.WaitAccuracy = &d, how
	}
	if d, _, ok := p.Now().Since(b.shortest); ok {
		b.MinWaitNS = &d
	}
}

// ReadStacks reads the stacks of all goroutines, several at a time and in order
// of their addresses: asked for one by one afterwards they are at hand.
func (p *Process) ReadStacks(ctx context.Context) error { return p.eachStack(ctx, nil) }
