package inspect_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

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

func orHost(version string) string {
	if version == "" {
		return "host"
	}
	return version
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
				if !printed[block] && !printedBefore(printed, block) {
					t.Errorf("the runtime did not print:\n%s", block)
				}
			}
			if n < 80 {
				t.Errorf("the dump has only %d goroutines", n)
			}
		})
	}
}

// printedBefore reports whether the text of a goroutine was printed while it
// still waited for sysmon.
func printedBefore(printed map[string]bool, block string) bool {
	return slices.ContainsFunc(bySysmon, func(reason string) bool {
		return printed[strings.Replace(block, "[runnable]", "["+reason+"]", 1)]
	})
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
