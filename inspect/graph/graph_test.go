package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// world reads a graph from lines: "a > m" says that goroutine a waits on object
// m, "m < b! c" that b or c can end that: inferred with "!", proven with "!!",
// as a mere peer with "~". Objects are channels unless their names begin with
// "mu". Goroutines whose names begin with "live" are not stuck.
type world struct {
	in      Input
	names   []string
	objects []string
}

func read(t *testing.T, text string) *world {
	t.Helper()
	w := &world{}
	var waiters, waits [][]int32
	var roles [][]Role
	number := func(names *[]string, name string) int32 {
		i := slices.Index(*names, name)
		if i < 0 {
			i = len(*names)
			*names = append(*names, name)
		}
		for len(waits) < len(w.names) {
			waits = append(waits, nil)
		}
		for len(waiters) < len(w.objects) {
			waiters, roles = append(waiters, nil), append(roles, nil)
		}
		return int32(i)
	}
	for _, line := range strings.Split(text, ";") {
		f := strings.Fields(line)
		if len(f) < 3 {
			t.Fatalf("line %q", line)
		}
		switch f[1] {
		case ">":
			g := number(&w.names, f[0])
			for _, name := range f[2:] {
				o := number(&w.objects, name)
				waiters[o], waits[g] = append(waiters[o], g), append(waits[g], o)
			}
		case "<":
			o := number(&w.objects, f[0])
			for _, name := range f[2:] {
				r := Role{How: "end", Certainty: certainty(uint8(1 + strings.Count(name, "!"))), Peer: strings.HasSuffix(name, "~")}
				for _, one := range strings.Split(strings.TrimRight(name, "!~"), "+") {
					r.Goroutines = append(r.Goroutines, number(&w.names, one))
				}
				roles[o] = append(roles[o], r)
			}
		}
	}
	w.in = Input{
		Goroutines: len(w.names), Objects: len(w.objects),
		Stuck: func(g int32) bool { return !strings.HasPrefix(w.names[g], "live") },
		Kind: func(o int32) wait.Kind {
			if strings.HasPrefix(w.objects[o], "mu") {
				return wait.Mutex
			}
			return wait.Chan
		},
		Waiters: func(o int32) []int32 { return waiters[o] },
		Waits:   func(g int32) []int32 { return waits[g] },
		Roles:   func(o int32) []Role { return roles[o] },
	}
	w.in.Enders = endersOfRoles(&w.in)
	return w
}

// endersOfRoles is the Enders of an Input, by its Roles.
func endersOfRoles(in *Input) func(o int32, visit func(g int32, c wake.Certainty)) {
	return func(o int32, visit func(g int32, c wake.Certainty)) {
		for _, r := range in.Roles(o) {
			for _, g := range r.Goroutines {
				if !r.Peer {
					visit(g, r.Certainty)
				}
			}
		}
	}
}

// say writes a set as "cycle of members behind certainty".
func (w *world) say(d Deadlock) string {
	var cycle, members []string
	for _, s := range d.Cycle {
		cycle = append(cycle, w.names[s.From]+"-"+w.objects[s.Object])
	}
	for _, g := range d.Goroutines {
		members = append(members, w.names[g])
	}
	return fmt.Sprintf("%s of %s +%d %s", strings.Join(cycle, " "), strings.Join(members, ","), d.Behind, d.Certainty)
}

func TestDeadlocks(t *testing.T) {
	for _, x := range []struct {
		name, graph string
		want        []string
	}{
		{"two locks", "a > mu1; b > mu2; mu1 < b!; mu2 < a!", []string{"a-mu1 b-mu2 of a,b +0 inferred"}},
		{"own lock", "a > mu1; mu1 < a!", []string{"a-mu1 of a +0 inferred"}},
		{"own channel is no cycle", "a > c; c < a", nil},
		{"live goroutines make no cycle", "a > mu1; live > mu2; mu1 < live!; mu2 < a!", nil},
		{"peers make no cycle", "a > jobs quit; b > jobs quit; jobs < a~ b~", nil},
		{"weakest step", "a > mu1; b > c; mu1 < b!!; c < a", []string{"a-mu1 b-c of a,b +0 possible"}},
		{"three", "a > mu1; b > mu2; c > mu3; mu1 < b!; mu2 < c!; mu3 < a!", []string{"a-mu1 b-mu2 c-mu3 of a,b,c +0 inferred"}},
		{"two sets", "a > mu1; b > mu2; mu1 < b!; mu2 < a!; c > x; d > y; x < d; y < c",
			[]string{"a-mu1 b-mu2 of a,b +0 inferred", "c-x d-y of c,d +0 possible"}},
		{"a sure cycle within what may be", "a > mu1; b > mu2; mu1 < b!; mu2 < a!; c > x; d > y; x < d a; y < c; a > y",
			[]string{"a-mu1 b-mu2 of a,b +0 inferred", "c-x d-y of c,d +0 possible"}},
		{"those behind are counted", "a > mu1; b > mu2; mu1 < b!; mu2 < a!; c > mu1; d > x; x < c; live2 > mu2",
			[]string{"a-mu1 b-mu2 of a,b +2 inferred"}},
		{"workers and their producer", "p > jobs; w1 > results; w2 > results; jobs < w1+w2; results < p",
			[]string{"p-jobs w1-results of p,w1,w2 +0 possible"}},
		{"the shortest cycle", "a > m; b > n; c > o; m < b c; n < c; o < a", []string{"a-m c-o of a,b,c +0 possible"}},
		{"a chain is no cycle", "a > mu1; b > mu2; mu1 < b!; mu2 < c!", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := read(t, x.graph)
			var got []string
			for _, d := range Deadlocks(w.in) {
				got = append(got, w.say(d))
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("got  %q\nwant %q", got, x.want)
			}
		})
	}
}

func TestRoots(t *testing.T) {
	for _, x := range []struct {
		name, graph string
		want        []string
	}{
		{"one holder", "a > mu1; b > mu1; mu1 < live!", []string{"live 2 inferred of 1 via mu1"}},
		{"a chain", "a > mu1; b > mu2; c > mu3; mu1 < b!; mu2 < c!; mu3 < live!", []string{"live 3 inferred of 1 via mu3"}},
		{"the weakest step counts", "a > mu1; b > c; mu1 < b!; c < live", []string{"live 2 possible of 1 via c"}},
		{"a circle has no end", "a > mu1; b > mu2; mu1 < b!; mu2 < a!; c > mu1", nil},
		{"a circle ends where it is least sure", "a > mu1; b > c; d > mu1; mu1 < b!; c < a", []string{"b 2 inferred of 1 via mu1 in a circle"}},
		{"who leads to such a circle", "a > mu1; b > c; d > mu2; mu1 < b!; c < a; mu2 < a!", []string{"b 2 inferred of 1 via mu1 in a circle"}},
		{"what explains is not followed to what does not", "a > mu1; b > jobs; mu1 < b!; jobs < live1+live2",
			[]string{"b 1 inferred of 1 via mu1", "live1 1 possible of 2 via jobs"}},
		{"the surest case of a select", "a > x mu1; x < live1; mu1 < live2!", []string{"live2 1 inferred of 1 via mu1"}},
		{"a choice", "a > jobs; jobs < live1+live2", []string{"live1 1 possible of 2 via jobs"}},
		{"the larger first", "a > mu1; b > mu2; c > mu2; mu1 < live1!; mu2 < live2!", []string{"live2 2 inferred of 1 via mu2", "live1 1 inferred of 1 via mu1"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := read(t, x.graph)
			var got []string
			for _, r := range Roots(w.in) {
				var via []string
				for _, o := range r.Objects {
					via = append(via, w.objects[o])
				}
				root := fmt.Sprintf("%s %d %s of %d via %s", w.names[r.Goroutine], r.Behind, r.Certainty, r.Choice, strings.Join(via, ","))
				if r.Circle {
					root += " in a circle"
				}
				got = append(got, root)
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("got  %q\nwant %q", got, x.want)
			}
		})
	}
}

// A long chain and a large component end, without deep recursion.
func TestLargeGraphs(t *testing.T) {
	const n = 100_000
	waits := make([][]int32, n)
	for i := range waits {
		waits[i] = []int32{int32(i)}
	}
	in := Input{
		Goroutines: n, Objects: n,
		Stuck:   func(int32) bool { return true },
		Kind:    func(int32) wait.Kind { return wait.Mutex },
		Waiters: func(o int32) []int32 { return waits[o] },
		Waits:   func(g int32) []int32 { return waits[g] },
		Roles:   func(o int32) []Role { return []Role{{Goroutines: waits[(o+1)%n], Certainty: wake.Inferred}} },
	}
	in.Enders = endersOfRoles(&in)
	sets := Deadlocks(in)
	if len(sets) != 1 || len(sets[0].Cycle) != n {
		t.Errorf("a ring: %d sets", len(sets))
	}
	if roots := Roots(in); len(roots) != 0 {
		t.Errorf("a ring has %d roots", len(roots))
	}
	in.Roles = func(o int32) []Role {
		if o == n-1 {
			return nil
		}
		return []Role{{Goroutines: waits[o+1], Certainty: wake.Inferred}}
	}
	if sets := Deadlocks(in); len(sets) != 0 {
		t.Errorf("a chain: %d sets", len(sets))
	}
	if roots := Roots(in); len(roots) != 1 || roots[0].Behind != n-1 || roots[0].Goroutine != n-1 {
		t.Errorf("a chain: roots %+v", roots)
	}
}

// fold writes a folded graph with goroutines grouped by the first letters of
// their names.
func (w *world) fold(limit int) []string {
	var groups []string
	groupOf := make([]int32, len(w.names))
	for i, name := range w.names {
		at := slices.Index(groups, name[:1])
		if at < 0 {
			at = len(groups)
			groups = append(groups, name[:1])
		}
		groupOf[i] = int32(at)
	}
	name := func(g int32) string {
		if g == Others {
			return "others"
		}
		return groups[g]
	}
	f := Fold(w.in, groupOf, limit)
	var out []string
	for _, e := range f.Waits {
		t := f.Things[e.Thing]
		out = append(out, fmt.Sprintf("%d %s > %d %s", e.Count, name(e.Group), t.Count, w.objects[t.First]))
	}
	for _, e := range f.Acts {
		t := f.Things[e.Thing]
		out = append(out, fmt.Sprintf("%d %s < %d %s %s", t.Count, w.objects[t.First], e.Count, name(e.Group), e.Certainty))
	}
	if f.Rest > 0 {
		out = append(out, fmt.Sprintf("rest %d groups, %d things", f.Rest, f.RestThings))
	}
	return out
}

func TestFold(t *testing.T) {
	for _, x := range []struct {
		name, graph string
		limit       int
		want        []string
	}{
		{"one object", "a1 > m; a2 > m; m < b!", 9, []string{"2 a > 1 m", "1 m < 1 b inferred"}},
		{"like objects are one", "a1 > m; a2 > n; m < b1!; n < b2!", 9, []string{"2 a > 2 m", "2 m < 1 b inferred"}},
		{"unlike ones are not", "a1 > m; a2 > n; m < b1!; n < c", 9, []string{"1 a > 1 m", "1 a > 1 n", "1 m < 1 b inferred", "1 n < 1 c possible"}},
		{"peers are no edge", "a1 > m n; a2 > m n; m < a1+a2~", 9, []string{"4 a > 2 m"}},
		{"the limit", "a > m; b > n; c > n; m < b; n < d; d > o; o < e", 2,
			[]string{"1 a > 1 m", "1 b > 1 n", "1 others > 1 n", "1 m < 1 b possible", "1 n < 1 others possible", "rest 3 groups, 1 things"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := read(t, x.graph).fold(x.limit); !slices.Equal(got, x.want) {
				t.Errorf("got  %q\nwant %q", got, x.want)
			}
		})
	}
}
