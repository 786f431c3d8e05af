package inspect_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
)

// runqCases are the ways in which the target fills its queues. local is how many
// stand behind the P of main, the rest in the global queue, in front of them.
var runqCases = []struct {
	name  string
	args  []string
	n     int
	local int
}{
	{"one P", []string{"-procs=1"}, 20, 20},
	{"two Ps", nil, 20, 20},
	{"four Ps", []string{"-procs=4"}, 20, 20},
	{"overflow", []string{"-n=300"}, 300, 171},
	{"overflow of one P", []string{"-n=300", "-procs=1"}, 300, 171},
	{"locked", []string{"-locked"}, 20, 20},
	{"gosched", []string{"-procs=1", "-gosched"}, 20, 20},
}

// The run queues hold the goroutines that the target made runnable, in that
// order, and say what keeps them.
func TestRunQueuesAreThoseThatTheTargetFilled(t *testing.T) {
	for _, version := range append([]string{"go1.18.10", "go1.22.12"}, newest...) {
		for _, c := range runqCases {
			t.Run(orHost(version)+"/"+c.name, func(t *testing.T) {
				parallel(t)
				capture := target.Take(t, target.Spec{Program: "runq", Go: version}, target.Options{Args: c.args}, target.Kernel)
				p := open(t, capture)
				q, err := p.RunQ(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				want := capture.Vars.Ints(t, "runnable.goids")
				own := q.NowRunnable - dropSystem(q)
				if len(want) != c.n || own != c.n {
					t.Fatalf("%d are runnable, the target says %d, want %d", own, len(want), c.n)
				}
				checkOrder(t, q, want, c.local, uint64(capture.Vars.Int(t, "main.goid")))
				if len(q.Odd) > 0 {
					t.Errorf("odd: %s", toJSON(t, q.Odd))
				}
				if c.name == "locked" {
					i := slices.IndexFunc(q.Ps, func(p inspect.RunQP) bool { return len(p.Queued) > 0 })
					if first := q.Ps[i].Queued[1]; first.LockedM == nil || !strings.Contains(first.Why, "it is locked to m") {
						t.Errorf("the first is %s", toJSON(t, first))
					}
				}
			})
		}
	}
}

// dropSystem takes the runtime's own goroutines, which sysmon makes runnable when
// it likes, out of the queues, and returns how many they were.
func dropSystem(q *inspect.RunQ) int {
	n := len(q.GlobalQueued)
	system := func(g inspect.Queued) bool { return strings.HasPrefix(g.Start, "runtime.") }
	q.GlobalQueued = slices.DeleteFunc(q.GlobalQueued, system)
	dropped := n - len(q.GlobalQueued)
	for i := range q.Ps {
		n := len(q.Ps[i].Queued)
		q.Ps[i].Queued = slices.DeleteFunc(q.Ps[i].Queued, system)
		dropped += n - len(q.Ps[i].Queued)
	}
	return dropped
}

// checkOrder compares the queues with the goroutines in the order in which they
// were made runnable: the last is runnext, if main woke them.
func checkOrder(t *testing.T, q *inspect.RunQ, want []int64, local int, mainGoid uint64) {
	t.Helper()
	i := slices.IndexFunc(q.Ps, func(p inspect.RunQP) bool { return p.Goid != nil && *p.Goid == mainGoid })
	if i < 0 {
		t.Fatalf("main runs on no P: %s", toJSON(t, q))
	}
	pp := &q.Ps[i]
	var got []int64
	tracked := 0
	for _, queue := range [][]inspect.Queued{q.GlobalQueued, pp.Queued} {
		for _, g := range queue {
			got = append(got, int64(g.Goid))
			if g.Status != rt.Runnable || !strings.HasPrefix(g.Start, "main.") || g.Why == "" {
				t.Errorf("%s", toJSON(t, g))
			}
			if g.RunnableNS != nil {
				tracked++
			}
		}
	}
	if pp.RunNext != nil {
		// The first to run was the last to come.
		at := len(q.GlobalQueued)
		got = append(slices.Delete(slices.Clone(got), at, at+1), int64(*pp.RunNext))
	}
	if n := len(want); n > 257 {
		// Half of the ring went to the global queue, with the one that did not
		// fit behind it.
		want = slices.Concat(want[:128], want[256:257], want[128:256], want[257:])
	}
	if len(pp.Queued) != local {
		t.Errorf("%d stand behind main's P, %d in the global queue, want %d behind the P", len(pp.Queued), len(q.GlobalQueued), local)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the queues are %v, want %v", got, want)
	}
	busy := "Ps are busy"
	if len(q.Ps) == 1 {
		busy = "it is the only P"
	}
	if why := pp.Queued[0].Why; !strings.Contains(why, busy) {
		t.Errorf("why: %s", why)
	}
	if len(want) > 100 && tracked == 0 {
		t.Error("the runtime tracks one goroutine in eight, and none has a time")
	}
}

// What does not fit together is noticed: in cores in which one thing was
// changed.
func TestRunQueuesThatDoNotFitAreNoticed(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "runq"}, target.Options{}, target.Kernel)
	p := open(t, c)
	ps, err := p.RT.AllPs()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(ps, func(p rt.P) bool { return p.RunQTail-p.RunQHead > 2 })
	pp := &ps[i]
	queue, err := pp.Queue()
	if err != nil {
		t.Fatal(err)
	}
	preempted := p.RT.Layout.Consts["runtime._Gpreempted"]
	goid := func(i int) uint64 { return goroutineAt(t, p, uint64(queue[i])).Goid }
	cases := []struct {
		what  string
		goid  uint64
		patch func(patch)
	}{
		{"lost", goid(0), func(to patch) {
			to.field(t, p, pp.Addr, "runtime.p", "runqhead", uint64(pp.RunQHead+1))
		}},
		{"not runnable", goid(1), func(to patch) {
			to.field(t, p, queue[1], "runtime.g", "atomicstatus", uint64(preempted))
		}},
		{"twice", goid(2), func(to patch) {
			to.field(t, p, pp.Addr, "runtime.p", "runnext", uint64(queue[2]))
		}},
		{"corrupt", 0, func(to patch) {
			to.field(t, p, pp.Addr, "runtime.p", "runqhead", uint64(pp.RunQTail-300))
		}},
	}
	for _, tt := range cases {
		t.Run(tt.what, func(t *testing.T) {
			to := patch{}
			tt.patch(to)
			q, err := open(t, to.apply(t, c, p)).RunQ(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(q.Odd, func(f inspect.QueueFinding) bool {
				return f.What == tt.what && f.Verdict == "suspicious" && (tt.goid == 0 || f.Goid != nil && *f.Goid == tt.goid)
			}) {
				t.Errorf("odd: %s, want goroutine %d %s", toJSON(t, q.Odd), tt.goid, tt.what)
			}
		})
	}
}

func goroutineAt(t *testing.T, p *inspect.Process, a uint64) *inspect.Goroutine {
	t.Helper()
	g, err := p.GoroutineAt(context.Background(), addr(a))
	if err != nil {
		t.Fatal(err)
	}
	return g
}
