package inspect_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
)

// twinPrograms are the targets whose answers are compared; without the full
// matrix the first two, whose captures other tests need as well.
var twinPrograms = []string{"locks", "waits", "timers", "network", "runq"}

// The tables that are built in, and the search by structure, give the same
// answers as the program's own DWARF and symbols: a copy of the same build
// without section headers, which keeps its build id, is read by tables and
// structure alone.
func TestStrippedTwinGivesTheSameAnswers(t *testing.T) {
	programs := twinPrograms
	if !full() {
		programs = programs[:2]
	}
	for _, version := range matrixReleases() {
		for _, program := range programs {
			t.Run(version+"/"+program, func(t *testing.T) {
				parallel(t)
				c := target.Take(t, target.Spec{Program: program, Go: version}, target.Options{}, target.Kernel)
				twin := *c
				twin.Exe = filepath.Join(t.TempDir(), "twin")
				stripELF(t, c.Exe, twin.Exe)
				p, q := open(t, c), open(t, &twin)
				if !strings.HasPrefix(p.Info().Layouts, "DWARF") || strings.HasPrefix(q.Info().Layouts, "DWARF") {
					t.Fatalf("layouts are from %s, those of the twin from %s", p.Info().Layouts, q.Info().Layouts)
				}
				sameAnswers(t, p, q)
			})
		}
	}
}

// sameAnswers compares all that is said of two Processes that have the same
// instant open.
func sameAnswers(t *testing.T, p, q *inspect.Process) {
	t.Helper()
	const second = 1e9
	a, b := p.Now(), q.Now()
	if d := a.NS - b.NS; a.Known != b.Known || d > second || d < -second {
		t.Errorf("the instant is %+v, of the other %+v", a, b)
	}
	if want, got := unnamed(answers(t, p)), unnamed(answers(t, q)); want != got {
		t.Errorf("answers differ: %s", firstDifference(want, got))
	}
}

// duration is a time up to the instant of the capture, or from it, in JSON.
var duration = regexp.MustCompile(`"(in_ns|wait_ns|min_ns|ready_ns|runnable_ns|for_ns|mark_ns|since_last_ns)":(-?\d+)`)

// spoken is such a time in a sentence.
var spoken = regexp.MustCompile(` for \d[0-9.hmsµn]*`)

// symbolic is a package-level variable with its address.
var symbolic = regexp.MustCompile(`[^ "]+ \((0x[0-9a-f]+)\)`)

// named is what only a program with symbols and DWARF can say: the names of
// variables, and with them the sentences of evidence.
var named = regexp.MustCompile(`,"name":"[^"]*"|"evidence":\[("(\\.|[^"\\])*",?)*\]|; runtime\.[\w.]+ is it`)

// unnamed takes the names of variables out of text.
func unnamed(text string) string { return named.ReplaceAllString(text, "") }

// absolute turns the durations in text into points in time: the instant of a
// capture may be known by the clock of this host, which was read when it was
// opened, and never the same twice.
func absolute(t *testing.T, text string, now inspect.Now) string {
	t.Helper()
	base := now.NS
	if !now.Known {
		base = now.Least
	}
	return duration.ReplaceAllStringFunc(text, func(s string) string {
		m := duration.FindStringSubmatch(s)
		d, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if m[1] != "in_ns" {
			d = -d
		}
		return fmt.Sprintf("%s at %d", m[1], base+d)
	})
}

// answers is all that is said of the run queues, of every goroutine, of who can
// wake it, and of who waits on each object that a goroutine waits on, as text.
func answers(t *testing.T, p *inspect.Process) string {
	t.Helper()
	gs := goroutines(t, p)
	wakers, err := p.Wakers(context.Background(), gs)
	if err != nil {
		t.Fatal(err)
	}
	q, err := p.RunQ(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintln(&b, toJSON(t, q))
	objects := make(map[mem.Addr]bool)
	for i, g := range gs {
		r := g.Record()
		fmt.Fprintln(&b, toJSON(t, r))
		fmt.Fprintln(&b, toJSON(t, wakers[i]))
		for _, on := range r.WaitsOn {
			if on.Addr != nil {
				objects[*on.Addr] = true
			}
		}
	}
	for _, a := range slices.Sorted(maps.Keys(objects)) {
		w, err := p.Waiters(context.Background(), a)
		fmt.Fprintln(&b, a, toJSON(t, w), err)
	}
	// A stripped program has no names of variables.
	text := symbolic.ReplaceAllString(absolute(t, b.String(), p.Now()), "$1")
	return spoken.ReplaceAllString(text, " for TIME")
}

// firstDifference shows the first line in which two texts differ, from a little
// before the difference on.
func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		at := 0
		for at < min(len(x[i]), len(y[i])) && x[i][at] == y[i][at] {
			at++
		}
		return fmt.Sprintf("line %d (%s…):\n%s\n%s", i, clip(x[i], 0, 80), clip(x[i], at-100, at+200), clip(y[i], at-100, at+200))
	}
	return fmt.Sprintf("%d lines, %d lines", len(x), len(y))
}

// clip returns the bytes of s from lo to hi, as far as there are any.
func clip(s string, lo, hi int) string { return s[max(lo, 0):min(hi, len(s))] }

// stripELF writes a copy of an executable without section headers: no symbols
// and no DWARF can be found in it, and its segments are the same.
func stripELF(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	// e_shoff, e_shentsize, e_shnum and e_shstrndx of a 64-bit ELF header.
	for _, field := range [...]struct{ off, size int }{{0x28, 8}, {0x3a, 2}, {0x3c, 2}, {0x3e, 2}} {
		clear(b[field.off : field.off+field.size])
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}
