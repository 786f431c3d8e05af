package inspect

import (
	"cmp"
	"context"
	"slices"
)

// Family is goroutines that are in the same state at the same place and that the
// same function started: what grows when something leaks.
type Family struct {
	// State is the wait reason, or the status of goroutines that do not wait.
	State string `json:"state"`
	// Func, File and Line are where the program stands.
	Func string `json:"func"`
	File string `json:"file"`
	Line int    `json:"line"`
	// CreatedBy is the function that started them, "" if they differ.
	CreatedBy string `json:"created_by,omitempty"`
	System    bool   `json:"system"`
	Count     int    `json:"count"`
	// Change is how many more there are than the time before.
	Change int `json:"change"`
	// MaxWaitNS is the longest wait that is known, ns.
	MaxWaitNS *int64 `json:"max_wait_ns"`
}

// familyKey is what the members of a family have in common.
type familyKey struct {
	state, function, file string
	line                  int
	createdBy             string
}

func (f *Family) key() familyKey {
	return familyKey{f.State, f.Func, f.File, f.Line, f.CreatedBy}
}

// Families returns the families of goroutines, the largest first.
func (p *Process) Families(ctx context.Context) ([]Family, error) {
	buckets, err := p.Buckets(ctx, BucketOptions{By: ByTop})
	if err != nil {
		return nil, err
	}
	list := make([]Family, 0, len(buckets))
	for _, b := range buckets {
		f := Family{State: b.State, CreatedBy: b.CreatedBy, System: b.System, Count: b.Count, MaxWaitNS: b.MaxWaitNS}
		if len(b.Frames) > 0 {
			top := b.Frames[0]
			f.Func, f.File, f.Line = top.Func, top.File, top.Line
		}
		list = append(list, f)
	}
	return list, nil
}

// CompareFamilies fills in the changes from before to after, and adds the families
// that are gone with a Count of 0 at the end.
func CompareFamilies(before, after []Family) []Family {
	was := make(map[familyKey]Family, len(before))
	for _, f := range before {
		was[f.key()] = f
	}
	list := slices.Clone(after)
	for i := range list {
		k := list[i].key()
		list[i].Change = list[i].Count - was[k].Count
		delete(was, k)
	}
	for _, f := range before {
		if gone, ok := was[f.key()]; ok {
			gone.Change, gone.Count, gone.MaxWaitNS = -gone.Count, 0, nil
			list = append(list, gone)
		}
	}
	return list
}

// Telling returns at most n of the families: those that changed most, and the
// largest of the others, in order of their size.
func Telling(families []Family, n int) []Family {
	size := func(a, b Family) int { return cmp.Compare(b.Count, a.Count) }
	list := slices.Clone(families)
	slices.SortStableFunc(list, size)
	if n <= 0 || len(list) <= n {
		return list
	}
	changed := slices.Clone(list)
	slices.SortStableFunc(changed, func(a, b Family) int { return cmp.Compare(abs(b.Change), abs(a.Change)) })
	var picked []Family
	for _, f := range changed[:(n+1)/2] {
		if f.Change != 0 {
			picked = append(picked, f)
		}
	}
	for _, f := range list {
		if len(picked) == n {
			break
		}
		if !slices.ContainsFunc(picked, func(g Family) bool { return g.key() == f.key() }) {
			picked = append(picked, f)
		}
	}
	slices.SortStableFunc(picked, size)
	return picked
}

func abs(n int) int { return max(n, -n) }
