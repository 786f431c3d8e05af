package inspect_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wait"
)

// kin is what a crash text says of the parked goroutines of one creator.
type kin struct {
	count, parents int
	oldest, newest int64
	reasons        []string
}

func (k *kin) add(count, parents int, oldest, newest int64, reasons ...string) {
	if k.count == 0 || oldest < k.oldest {
		k.oldest = oldest
	}
	k.newest = max(k.newest, newest)
	k.count += count
	k.parents += parents
	k.reasons = append(k.reasons, reasons...)
}

func kinText(all map[string]*kin) string {
	var b strings.Builder
	for _, creator := range slices.Sorted(maps.Keys(all)) {
		k := all[creator]
		reasons := slices.Compact(slices.Sorted(slices.Values(k.reasons)))
		fmt.Fprintf(&b, "%s: %d, %d to %d, %d parents, %q\n", creator, k.count, k.oldest, k.newest, k.parents, reasons)
	}
	return b.String()
}

// The goroutines of one creator are those of which the runtime printed that it is
// theirs.
func TestOriginsAreThoseOfTheCrashText(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		goroutines := c.Crash(t).Goroutines()
		living := map[int64]bool{}
		for _, g := range goroutines {
			living[g.ID] = true
		}
		want := map[string]*kin{}
		for _, g := range goroutines {
			creator, parents := "", 0
			if g.CreatedBy != nil {
				creator = g.CreatedBy.Func
				if living[g.CreatedBy.Goroutine] {
					parents = 1
				}
			}
			// The runtime's own have no frame of anybody else.
			theirs := func(f target.Frame) bool { return !strings.HasPrefix(f.Func, "runtime.") }
			if !parkedStatus(g.Status) || !slices.ContainsFunc(g.Frames, theirs) {
				continue
			}
			if want[creator] == nil {
				want[creator] = new(kin)
			}
			want[creator].add(1, parents, g.ID, g.ID, g.Status)
		}
		for _, places := range []bool{false, true} {
			list, err := p.Origins(t.Context(), inspect.OriginOptions{Places: places})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]*kin{}
			for _, o := range list {
				if got[o.CreatedBy] == nil {
					got[o.CreatedBy] = new(kin)
				}
				parents := 0
				if o.Parents != nil {
					parents = *o.Parents
				}
				got[o.CreatedBy].add(o.Count, parents, int64(o.Oldest), int64(o.Newest), o.WaitReasons...)
				if places && len(o.WaitReasons) != 1 {
					t.Errorf("%s waits for different reasons: %q", o.Place, o.WaitReasons)
				}
			}
			if kinText(got) != kinText(want) {
				t.Errorf("places %v: got\n%s\nwant\n%s", places, kinText(got), kinText(want))
			}
			if !slices.IsSortedFunc(list, func(a, b inspect.Origin) int { return cmp.Compare(b.Count, a.Count) }) {
				t.Errorf("places %v: not in order of size", places)
			}
		}
	})
}

// Which have ended in between is known by the ids that are missing, and that a family
// grew by the collections that found its members parked.
func TestOriginsTellWhatWasStartedOverTime(t *testing.T) {
	const many = 60 // as the program has of each
	for _, tc := range []struct {
		like, start string
		// ended is how many have come and gone between the first and the last.
		ended   int
		inOrder bool
		// parents are left of those who started them, and alone are those who are
		// all that is left of what was started by who has ended.
		parents, alone int
	}{
		{"clients", "main.serve", 4 * (many - 1), false, many, 0},
		{"pairs", "main.worker", 0, false, many, 0},
		{"ticking", "main.result", 0, true, many, 0},
		{"hub", "main.pump", many - 1, false, 0, many},
		{"chat", "main.pump", many - 1, false, 0, 0},
	} {
		t.Run(tc.like, func(t *testing.T) {
			const procs = 2
			c := target.Take(t, target.Spec{Program: "lookalikes"}, target.Options{Args: []string{"-like", tc.like}, Env: []string{fmt.Sprint("GOMAXPROCS=", procs)}}, target.Kernel)
			list, err := open(t, c).Origins(t.Context(), inspect.OriginOptions{})
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(list, func(o inspect.Origin) bool { return o.Start == tc.start })
			if i < 0 {
				t.Fatalf("no origin of %s: %s", tc.start, toJSON(t, list))
			}
			// Each P may hold a batch of ids, which count for nothing, and so do those
			// that it gave out of order.
			const batches = 16 * procs
			o := list[i]
			if o.Parents == nil || *o.Parents != tc.parents || *o.Alone != tc.alone {
				t.Errorf("%s", toJSON(t, o))
			}
			if o.Count != many || o.Ended > tc.ended+batches || o.Ended < tc.ended-2*batches || o.InOrder != tc.inOrder {
				t.Errorf("%s", toJSON(t, o))
			}
		})
	}
}

// Those of one origin wait on as many objects as the program has made for them, and
// leaked are those that nobody can wake: whoever holds a mutex could give it up.
func TestOriginsCountObjectsAndLeaks(t *testing.T) {
	const n = 600
	for _, tc := range []struct {
		shape, start string
		kind         wait.Kind
		objects      int
		leaked       int
	}{
		{"fanin", "main.sender", wait.Chan, 1, n},
		{"pairs", "main.half", wait.Chan, n, n},
		{"mutex", "main.locker", wait.Mutex, n / 100, 0},
	} {
		t.Run(tc.shape, func(t *testing.T) {
			p := open(t, parked(t, tc.shape, n))
			for _, leaked := range []bool{false, true} {
				list, err := p.Origins(t.Context(), inspect.OriginOptions{Leaked: leaked})
				if err != nil {
					t.Fatal(err)
				}
				want := n
				if leaked {
					want = tc.leaked
				}
				i := slices.IndexFunc(list, func(o inspect.Origin) bool { return o.Start == tc.start })
				switch {
				case i < 0 && want == 0:
				case i < 0 || list[i].Count != want || list[i].Objects != tc.objects || !slices.Equal(list[i].Kinds, []wait.Kind{tc.kind}):
					t.Errorf("leaked %v: %s", leaked, toJSON(t, list))
				}
			}
		})
	}
}
