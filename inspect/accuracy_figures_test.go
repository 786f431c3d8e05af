package inspect_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// figures count wakes.
type figures struct {
	wakes, named, firstTwo int
	// entries are how many were named for each.
	entries []int
}

func (f *figures) add(x foretold) {
	f.wakes++
	if x.entry >= 0 {
		f.named++
	}
	if x.entry == 0 || x.entry == 1 {
		f.firstTwo++
	}
	f.entries = append(f.entries, len(x.answer.Wakers))
}

func (f figures) percent(n int) float64 { return 100 * float64(n) / float64(max(f.wakes, 1)) }

func (f figures) median() int {
	if len(f.entries) == 0 {
		return 0
	}
	list := slices.Sorted(slices.Values(f.entries))
	return list[len(list)/2]
}

func (f figures) String() string {
	return fmt.Sprintf("%5d %7.1f %7.1f %7d", f.wakes, f.percent(f.named), f.percent(f.firstTwo), f.median())
}

// byOrigin are the figures of each kind of waker.
type byOrigin struct {
	// every is those by goroutines that were there and from outside; the
	// others are counted apart.
	every figures
	each  [collector + 1]figures
}

func tally(list []foretold) *byOrigin {
	t := new(byOrigin)
	for _, x := range list {
		if x.origin == existing || x.origin == outside {
			t.every.add(x)
		}
		t.each[x.origin].add(x)
	}
	return t
}

func (t *byOrigin) all() figures           { return t.every }
func (t *byOrigin) of(o origin) figures    { return t.each[o] }
func (t *byOrigin) row(name string) string { return fmt.Sprintf("%-34s %s\n", name, t.every) }

// tableOf shows the figures of a list of wakes: all, by kind of waker, by wait
// reason and by shape.
func tableOf(list []foretold) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-34s %5s %7s %7s %7s\n", "", "wakes", "named%", "first2%", "entries")
	total := tally(list)
	b.WriteString(total.row("all"))
	for o, name := range []string{"by goroutines", "(by goroutines born later)", "from outside", "(by who ends a collection)"} {
		fmt.Fprintf(&b, "%-34s %s\n", name, total.of(origin(o)))
	}
	for _, by := range []func(foretold) string{
		func(x foretold) string { return "[" + x.answer.WaitReason + "]" },
		func(x foretold) string { return x.shape },
	} {
		groups := make(map[string][]foretold)
		for _, x := range list {
			groups[by(x)] = append(groups[by(x)], x)
		}
		names := slices.SortedFunc(maps.Keys(groups), func(x, y string) int {
			return cmp.Or(cmp.Compare(missed(groups[y]), missed(groups[x])), strings.Compare(x, y))
		})
		b.WriteByte('\n')
		for _, name := range names {
			b.WriteString(tally(groups[name]).row(name))
		}
	}
	return b.String()
}

// missed weighs how much a group falls short.
func missed(list []foretold) int {
	f := tally(list).all()
	return 2*(f.wakes-f.named) + f.named - f.firstTwo
}
