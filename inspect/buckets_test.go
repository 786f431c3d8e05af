package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// parkedGroups groups the goroutines of a crash text that the way to it did not
// change, as key says, and lists the ids of each group.
func parkedGroups(text *target.CrashText, key func(g *target.Goroutine) string) []string {
	groups := map[string][]int64{}
	for _, g := range text.Goroutines() {
		if parkedStatus(g.Status) {
			groups[key(g)] = append(groups[key(g)], g.ID)
		}
	}
	return idLists(slices.Collect(maps.Values(groups)))
}

func parkedStatus(s string) bool {
	return s != "running" && s != "runnable" && s != "syscall"
}

func idLists[T int64 | uint64](groups [][]T) []string {
	var list []string
	for _, ids := range groups {
		slices.Sort(ids)
		list = append(list, fmt.Sprint(ids))
	}
	slices.Sort(list)
	return list
}

// stackKey is what goroutines of one bucket have in common in a crash text.
func stackKey(g *target.Goroutine) string {
	var b strings.Builder
	fmt.Fprint(&b, g.Status, g.ElidedCount)
	for _, f := range g.Frames {
		fmt.Fprintln(&b, f.Func, f.File, f.Line, f.Off, f.Inlined)
	}
	if g.CreatedBy != nil {
		fmt.Fprintln(&b, g.CreatedBy.Func, g.CreatedBy.File, g.CreatedBy.Line, g.CreatedBy.Off)
	}
	return b.String()
}

// The buckets of parked goroutines are those that come of grouping what the
// runtime printed.
func TestBucketsAreThoseOfTheCrashText(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		text := c.Crash(t)
		for by, key := range map[inspect.BucketsBy]func(g *target.Goroutine) string{
			inspect.ByStack: stackKey,
			inspect.ByState: func(g *target.Goroutine) string { return g.Status },
		} {
			list, err := p.Buckets(context.Background(), inspect.BucketOptions{By: by})
			if err != nil {
				t.Fatal(err)
			}
			var got [][]uint64
			last := list[0].Count
			for _, b := range list {
				if b.Count > last || b.Count != len(b.Goids) && len(b.Goids) != 100 {
					t.Errorf("by %s: %s", by, toJSON(t, b))
				}
				last = b.Count
				if parkedStatus(b.State) {
					got = append(got, slices.Clone(b.Goids))
				}
			}
			if got, want := idLists(got), parkedGroups(text, key); !slices.Equal(got, want) {
				t.Errorf("by %s: got\n%s\nwant\n%s", by, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	})
}

// What is counted is the same whatever it is grouped by.
func TestBucketsHoldEveryGoroutineOnce(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "waits", Go: "go1.27.3"}, target.Options{}, target.Kernel)
	p := open(t, c)
	alive := 0
	for _, g := range goroutines(t, p) {
		if !g.Dead() {
			alive++
		}
	}
	for _, o := range []inspect.BucketOptions{{}, {By: inspect.ByTop}, {By: inspect.ByState}, {By: inspect.ByCreator}, {Depth: 1}, {Depth: 3}} {
		list, err := p.Buckets(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, b := range list {
			n += b.Count
			if o.Depth > 0 && len(b.Frames) > o.Depth {
				t.Errorf("%+v: %d frames", o, len(b.Frames))
			}
		}
		if n != alive {
			t.Errorf("%+v: %d goroutines, there are %d", o, n, alive)
		}
	}
	few, err := p.Buckets(context.Background(), inspect.BucketOptions{Min: 2})
	if err != nil || slices.ContainsFunc(few, func(b inspect.Bucket) bool { return b.Count < 2 }) || len(few) == 0 {
		t.Errorf("Min 2: %s, %v", toJSON(t, few), err)
	}
	if _, err := p.Buckets(context.Background(), inspect.BucketOptions{By: "color"}); err == nil {
		t.Error("goroutines are grouped by color")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Buckets(ctx, inspect.BucketOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
