package inspect_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// newest are the toolchains that the short matrix covers; "" is the one that
// runs the test.
var newest = []string{"", "go1.27.3"}

// builds are the ways of building that change what rtdbg can go by.
var builds = []struct {
	name string
	spec target.Spec
}{
	{"plain", target.Spec{}},
	{"stripped", target.Spec{Ldflags: "-s -w"}},
	{"pie", target.Spec{BuildMode: "pie"}},
	{"pie-stripped", target.Spec{BuildMode: "pie", Ldflags: "-s -w"}},
}

// open opens a capture and fails the test on any warning.
func open(t *testing.T, c *target.Capture) *inspect.Process {
	t.Helper()
	p, err := inspect.OpenCore(context.Background(), c.Exe, c.Core, inspect.Options{
		Warn:    func(s string) { t.Errorf("warning: %s", s) },
		Verbose: func(s string) { t.Logf("%s", s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

// The crash text is the truth: every goroutine of the core, with every frame,
// equals what the runtime printed while it died.
func TestGoroutinesEqualTheCrashText(t *testing.T) {
	for _, version := range newest {
		for _, program := range []string{"waits", "locks", "pool", "network", "timers"} {
			for _, b := range builds {
				if program != "waits" && b.name != "plain" {
					continue
				}
				spec := b.spec
				spec.Program, spec.Go = program, version
				what := target.Aspect(target.Everything)
				if spec.Ldflags != "" {
					// The target runs with GODEBUG=tracebacklabels=1,
					// which nothing in a stripped program tells.
					what &^= target.Labels
				}
				t.Run(fmt.Sprintf("%s/%s/%s", orHost(version), program, b.name), func(t *testing.T) {
					c := target.Take(t, spec, target.Options{}, target.Kernel)
					compareWithText(t, c, what)
				})
			}
		}
	}
}

func orHost(version string) string {
	if version == "" {
		return "host"
	}
	return version
}

func compareWithText(t *testing.T, c *target.Capture, what target.Aspect) {
	t.Helper()
	p := open(t, c)
	want := c.Crash(t).Goroutines()
	for _, d := range target.Diff(want, dumped(t, p), what) {
		t.Error(d)
	}
	if len(want) < 5 {
		t.Errorf("the crash text has only %d goroutines", len(want))
	}
}

// dumped returns the goroutines of p as its dump, parsed, has them.
func dumped(t *testing.T, p *inspect.Process) []*target.Goroutine {
	t.Helper()
	text, err := target.ParseCrash(dumpText(t, p))
	if err != nil {
		t.Fatalf("the dump is no crash text: %v", err)
	}
	return text.Goroutines()
}

func dumpText(t *testing.T, p *inspect.Process) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteDump(context.Background(), &b, stack.LevelSystem); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The records, which every other output is made from, say the same as the
// dump that is compared with the crash text.
func TestRecordsEqualTheDump(t *testing.T) {
	for _, version := range newest {
		t.Run(orHost(version), func(t *testing.T) {
			c := target.Take(t, target.Spec{Program: "waits", Go: version}, target.Options{}, target.Kernel)
			p := open(t, c)
			byID := make(map[int64]*target.Goroutine)
			for _, g := range dumped(t, p) {
				byID[g.ID] = g
			}
			for _, g := range goroutines(t, p) {
				if !g.Dead() {
					compareRecord(t, g.Record(), byID[int64(g.Goid)])
				}
			}
		})
	}
}

func compareRecord(t *testing.T, r inspect.GoroutineRecord, d *target.Goroutine) {
	t.Helper()
	if d == nil {
		t.Errorf("goroutine %d is not in the dump", r.Goid)
		return
	}
	state := string(r.Status)
	if r.WaitReason != nil {
		state = *r.WaitReason
	}
	if state != d.Status || uint64(r.Addr) != d.Addr || r.LockedToThread != d.Locked {
		t.Errorf("goroutine %d: %s %v locked=%v, the dump has %s %#x locked=%v", r.Goid, state, r.Addr, r.LockedToThread, d.Status, d.Addr, d.Locked)
	}
	if d.CreatedBy != nil && (r.CreatedBy == nil || r.ParentGoid == nil || *r.CreatedBy != d.CreatedBy.Func || int64(*r.ParentGoid) != d.CreatedBy.Goroutine) {
		t.Errorf("goroutine %d: creator differs from the dump's %v", r.Goid, d.CreatedBy)
	}
	if d.ElidedCount == 0 && len(r.Frames) != len(d.Frames) {
		t.Errorf("goroutine %d: %d frames, the dump has %d", r.Goid, len(r.Frames), len(d.Frames))
		return
	}
	for i := range min(len(r.Frames), len(d.Frames)) {
		if f, w := r.Frames[i], d.Frames[i]; d.ElidedCount == 0 && (f.Func != w.Func || f.File != w.File || f.Line != w.Line || f.Inlined != w.Inlined || !w.Inlined && (uint64(f.PC) != w.PC || uint64(f.SP) != w.SP)) {
			t.Errorf("goroutine %d frame %d: %+v, the dump has %+v", r.Goid, i, f, w)
		}
	}
}

func goroutines(t *testing.T, p *inspect.Process) []*inspect.Goroutine {
	t.Helper()
	gs, err := p.Goroutines(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return gs
}

// The text itself, line by line, is what the runtime printed.
func TestDumpReproducesTheCrashText(t *testing.T) {
	for _, version := range newest {
		t.Run(orHost(version), func(t *testing.T) {
			c := target.Take(t, target.Spec{Program: "waits", Go: version}, target.Options{}, target.Kernel)
			p := open(t, c)
			printed := make(map[string]bool)
			for _, block := range blocks(c.Text) {
				printed[block] = true
			}
			n := 0
			for _, block := range blocks(dumpText(t, p)) {
				n++
				if !printed[block] {
					t.Errorf("the runtime did not print:\n%s", block)
				}
			}
			if n < 80 {
				t.Errorf("the dump has only %d goroutines", n)
			}
		})
	}
}

// blocks cuts a crash text into the texts of single goroutines.
func blocks(text string) []string {
	var list []string
	var cur []string
	end := func() {
		if len(cur) > 0 {
			list = append(list, strings.Join(cur, "\n"))
		}
		cur = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "goroutine "):
			end()
			cur = append(cur, line)
		case line == "" || strings.HasPrefix(line, "-----"):
			end()
		case len(cur) > 0:
			cur = append(cur, line)
		}
	}
	end()
	return list
}

// A core that gdb's gcore wrote says the same of all that was parked.
func TestGcoreEqualsTheCrashText(t *testing.T) {
	for _, version := range newest {
		t.Run(orHost(version), func(t *testing.T) {
			c := target.Take(t, target.Spec{Program: "locks", Go: version}, target.Options{}, target.Gcore)
			compareParked(t, open(t, c), c)
		})
	}
}

// So does a core that Delve wrote.
func TestDelveDumpEqualsTheCrashText(t *testing.T) {
	for _, version := range newest {
		for _, ldflags := range []string{"", "-s -w"} {
			t.Run(orHost(version)+ldflags, func(t *testing.T) {
				exe := target.Build(t, target.Spec{Program: "locks", Go: version, Ldflags: ldflags})
				r := target.Start(t, exe, target.Options{})
				c := r.CaptureWith(dumpByDelve(t))
				compareParked(t, open(t, c), c)
			})
		}
	}
}

func dumpByDelve(t *testing.T) func(pid int, out string) error {
	return func(pid int, out string) error {
		ctx := context.Background()
		s, err := delve.Attach(ctx, pid)
		if err != nil {
			target.Missing(t, "attach: %v", err)
		}
		defer s.Close()
		return s.Dump(ctx, out, nil)
	}
}

// compareParked compares the goroutines that are parked in the core and in the
// text, which was printed a moment later.
func compareParked(t *testing.T, p *inspect.Process, c *target.Capture) {
	t.Helper()
	parked := make(map[int64]bool)
	for _, g := range goroutines(t, p) {
		if g.Status() == rt.Waiting && g.M == 0 && !g.System() {
			parked[int64(g.Goid)] = true
		}
	}
	only := func(gs []*target.Goroutine) (list []*target.Goroutine) {
		for _, g := range gs {
			if parked[g.ID] {
				list = append(list, g)
			}
		}
		return list
	}
	want := only(c.Crash(t).Goroutines())
	if len(want) < 20 {
		t.Errorf("only %d goroutines are parked", len(want))
	}
	for _, d := range target.Diff(want, only(dumped(t, p)), target.Everything) {
		t.Error(d)
	}
}

// The tables that are built in give the same answers as the program's own
// DWARF: a stripped copy of the same build, which keeps its build id, is read
// by tables and structure alone.
func TestStrippedTwinGivesTheSameRecords(t *testing.T) {
	for _, version := range newest {
		t.Run(orHost(version), func(t *testing.T) {
			c := target.Take(t, target.Spec{Program: "locks", Go: version}, target.Options{}, target.Kernel)
			twin := *c
			twin.Exe = filepath.Join(t.TempDir(), "twin")
			stripELF(t, c.Exe, twin.Exe)
			want, got := answers(t, open(t, c)), answers(t, open(t, &twin))
			if want != got {
				t.Errorf("answers differ: %s", firstDifference(want, got))
			}
		})
	}
}

// answers is all that is said of every goroutine, as text.
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
	for i, g := range gs {
		fmt.Fprintln(&b, toJSON(t, g.Record()))
		fmt.Fprintln(&b, toJSON(t, wakers[i]))
	}
	return b.String()
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d:\n%s\n%s", i, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines, %d lines", len(x), len(y))
}

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
