package inspect_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wake"
)

// leakDetecting captures the target leaks, built by a version whose runtime has
// a leak detector, in the middle of a detection: gdb stops it where the garbage
// collector is about to undo the hiding of pointers (gcRestoreSyncObjects,
// runtime/mgc.go).
func leakDetecting(t *testing.T, version string) *target.Capture {
	t.Helper()
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		target.Missing(t, "no gdb: %v", err)
	}
	exe := target.Build(t, target.Spec{Program: "leaks", Go: version})
	c := &target.Capture{Exe: exe, Core: filepath.Join(t.TempDir(), "core"), Vars: make(target.Vars)}
	cmd := exec.Command(gdb, "-nx", "-batch", "-ex", "set startup-with-shell off", "-ex", "handle SIGURG nostop noprint pass",
		"-ex", "break runtime.gcRestoreSyncObjects", "-ex", "run", "-ex", "gcore "+c.Core, "-ex", "kill", exe)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		target.Missing(t, "gdb: %v", err)
	}
	if !strings.Contains(out.String(), "hit Breakpoint 1") {
		t.Fatalf("gdb did not stop the target: %s", out.String())
	}
	for line := range strings.Lines(out.String()) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasSuffix(key, ".goid") {
			c.Vars[key] = value
		}
	}
	return c
}

// T2. While the garbage collector looks for leaked goroutines, the first words of
// the pointers in sudogs are nil. What goroutines wait on is read from the
// second, and is the same as at any other time.
func TestSudogsWhileLeaksAreDetected(t *testing.T) {
	parallel(t)
	const version = "go1.27.3"
	c := leakDetecting(t, version)
	p := open(t, c)
	later := target.Take(t, target.Spec{Program: "leaks", Go: version}, target.Options{}, target.Kernel)
	q := open(t, later)
	hidden := 0
	for key := range c.Vars {
		g, h := goroutine(t, p, c.Vars.Int(t, key)), goroutine(t, q, later.Vars.Int(t, key))
		hidden += hiddenSudogs(t, p, g)
		on, want := g.WaitsOn(), h.WaitsOn()
		if len(on) != len(want) {
			t.Errorf("%s waits on %s, later on %s", key, toJSON(t, on), toJSON(t, want))
			continue
		}
		for i := range on {
			// The capture that gdb takes is another run: addresses differ.
			if on[i].Kind != want[i].Kind || on[i].Op != want[i].Op || on[i].Type != want[i].Type || on[i].Note != want[i].Note || (on[i].Addr == nil) != (want[i].Addr == nil) {
				t.Errorf("%s waits on %s, later on %s", key, toJSON(t, on), toJSON(t, want))
			}
		}
		// The collector's own work list keeps some within reach for now, and
		// some are out of reach that it has not come to yet: what it says of
		// them when it is done stands in the later capture.
		ans := answer(t, p, int64(g.Goid))
		if stuck := ans.Verdict == wake.Never || ans.Verdict == wake.Deadlock; stuck && g.Status() != rt.Leaked && h.Status() != rt.Leaked {
			t.Errorf("%s: status %s, %s", key, g.Status(), toJSON(t, ans))
		}
	}
	if hidden < 10 {
		t.Errorf("only %d sudogs have hidden pointers", hidden)
	}
}

// hiddenSudogs counts the sudogs of g of which the first word of c or elem is
// nil though the second is not.
func hiddenSudogs(t *testing.T, p *inspect.Process, g *inspect.Goroutine) int {
	t.Helper()
	sudogs, err := p.RT.WaitingSudogs(g.G)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range sudogs {
		path := hiddenChan(p)
		if s.C == 0 {
			path = "elem.vp"
		}
		off, _, err := p.RT.Layout.Offset("runtime.sudog", path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := p.RT.ReadWord(s.Addr + addr(off))
		if err != nil {
			t.Fatal(err)
		}
		if w == 0 && (s.C != 0 || s.Elem != 0) {
			n++
		}
	}
	return n
}
