package stack

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// diffLine returns the first line in which two texts differ.
func diffLine(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := 0; i < len(g) || i < len(w); i++ {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return "got  " + a + "\nwant " + b
		}
	}
	return ""
}

// checkParked compares the text of every goroutine that does not run.
func checkParked(t *testing.T, p *process) {
	u, gs, n := p.syms.NewUnwinder(), p.allgs(), 0
	blocks := p.blocks()
	for _, want := range p.text.Goroutines() {
		block, ok := blocks[want.ID]
		g := gs[want.ID]
		if !ok || want.Unavailable || strings.HasPrefix(want.Status, "running") {
			continue
		}
		n++
		if g.addr == 0 {
			t.Errorf("goroutine %d is not in allgs", want.ID)
			continue
		}
		tr := u.Unwind(g.start)
		if tr.Err != nil {
			t.Errorf("goroutine %d: %v", want.ID, tr.Err)
		}
		got := u.AppendText(nil, tr, LevelSystem)
		if want.ID != 1 {
			got = p.syms.AppendCreatedBy(got, g.gopc, uint64(g.parent), LevelSystem)
		}
		if d := diffLine(string(got), block); d != "" {
			t.Errorf("goroutine %d [%s]:\n%s", want.ID, want.Status, d)
		}
	}
	if n < 10 {
		t.Errorf("only %d goroutines compared", n)
	}
}

// checkStackAll compares with what runtime.Stack(buf, true) said in the target:
// the frames that lower levels of GOTRACEBACK show.
func checkStackAll(t *testing.T, p *process) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(p.c.Core), "stack.txt"))
	if err != nil {
		t.Fatal(err)
	}
	u, gs, n := p.syms.NewUnwinder(), p.allgs(), 0
	blocks := strings.Split(strings.TrimSpace(string(text)), "\n\n")
	for _, block := range blocks[1:] { // the first is the one that asked
		var id int64
		head, want, _ := strings.Cut(block+"\n", "\n")
		if _, err := fmt.Sscanf(head, "goroutine %d [", &id); err != nil {
			t.Fatalf("header %q: %v", head, err)
		}
		g, ok := gs[id]
		if !ok || p.syms.IsSystem(g.startpc, false) {
			t.Errorf("goroutine %d: in allgs %v, system", id, ok)
			continue
		}
		delete(gs, id)
		n++
		tr := u.Unwind(g.start)
		got := u.AppendText(nil, tr, LevelAll)
		got = p.syms.AppendCreatedBy(got, g.gopc, uint64(g.parent), LevelAll)
		if d := diffLine(string(got), want); d != "" {
			t.Errorf("goroutine %d:\n%s", id, d)
		}
	}
	if n < 25 {
		t.Errorf("only %d goroutines compared", n)
	}
	for id, g := range gs {
		f := p.syms.StartFunc(g.startpc)
		if id != 1 && f.Name != "main.main.gowrap1" && !strings.HasPrefix(f.Name, "main.spin") && !strings.HasPrefix(f.Name, "main.main.") && !p.syms.IsSystem(g.startpc, false) {
			t.Errorf("goroutine %d that starts at %s is left out by the runtime", id, f.Name)
		}
	}
}

// checkRunning compares the stacks that a signal interrupted, each printed by
// its own M: those of goroutines and those of idle Ms. It returns how many
// there were of each.
func checkRunning(t *testing.T, p *process) (user, system int) {
	u, gs := p.syms.NewUnwinder(), p.allgs()
	for _, s := range p.text.Sections {
		m, regs, ok := p.interrupted(t, u, s)
		if !ok {
			continue
		}
		for name, v := range p.printedRegs(regs) {
			if v != s.Regs[name] {
				t.Errorf("M %d: %s = %#x, want %#x", s.M, name, v, s.Regs[name])
			}
		}
		want := s.Goroutines[0]
		if want.Status == "syscall" || p.field(m, "runtime.m", "vdsoSP") != 0 {
			continue // printed from where it left Go code
		}
		g, ok := gs[want.ID]
		if ok {
			user++
		} else {
			system++
			g = goroutine{} // the bounds of C's stacks are not exact
		}
		if ok && inRaceDetector(want.Frames) && (mem.Addr(regs.SP) < g.lo || mem.Addr(regs.SP) >= g.hi) {
			continue // it has no stack of its own: racecall (runtime/race_amd64.s) has switched to that of g0
		}
		tr := u.Unwind(Start{
			PC: mem.Addr(regs.PC), SP: mem.Addr(regs.SP), LR: mem.Addr(regs.LR),
			Lo: g.lo, Hi: g.hi, Trap: true,
		})
		got := u.AppendText(nil, tr, LevelSystem)
		if ok && want.ID != 1 {
			got = p.syms.AppendCreatedBy(got, g.gopc, uint64(g.parent), LevelSystem)
		}
		// What follows is a blank line, or the registers.
		_, rest, found := strings.Cut(p.c.Text, "]:\n"+string(got))
		if !found || rest[0] != '\n' && !strings.HasPrefix(rest, "rax ") && !strings.HasPrefix(rest, "r0 ") {
			t.Errorf("M %d goroutine %d (%v), not in the crash text:\n%s", s.M, want.ID, tr.Err, got)
		}
	}
	return user, system
}

// inRaceDetector reports whether the runtime printed nothing of a goroutine but
// that it was in the race detector's own code.
func inRaceDetector(frames []target.Frame) bool {
	return !slices.ContainsFunc(frames, func(f target.Frame) bool { return f.Func != "racecall" && !f.C })
}

// printedRegs returns registers by the names that runtime.dumpregs has for
// them.
func (p *process) printedRegs(r arch.Regs) map[string]uint64 {
	if p.exe.Arch.UsesLR {
		return map[string]uint64{"pc": r.PC, "sp": r.SP, "r29": r.FP, "r28": r.G, "lr": r.LR}
	}
	return map[string]uint64{"rip": r.PC, "rsp": r.SP, "rbp": r.FP, "r14": r.G}
}

// interrupted returns the m of a section and the registers at which it was
// interrupted.
func (p *process) interrupted(t *testing.T, u *Unwinder, s target.Section) (mem.Addr, arch.Regs, bool) {
	m := p.symbol("runtime.allm")
	for m = p.word(m); m != 0 && int64(p.field(m, "runtime.m", "id")) != s.M; {
		m = p.field(m, "runtime.m", "alllink")
	}
	if m == 0 {
		t.Errorf("no m %d", s.M)
		return 0, arch.Regs{}, false
	}
	gsignal := p.g(p.field(m, "runtime.m", "gsignal"))
	regs, ok, err := u.SignalContext(p.thread(m).Regs, gsignal.lo, gsignal.hi)
	if err != nil || !ok {
		t.Errorf("M %d: SignalContext: %v, %v", s.M, ok, err)
		return 0, arch.Regs{}, false
	}
	return m, regs, true
}

// checkFuncIDs compares the special functions with what their names say
// (cmd/internal/objabi/funcid.go).
func checkFuncIDs(t *testing.T, p *process) {
	ids := map[string]pcln.FuncID{
		"runtime.asyncPreempt": pcln.FuncIDAsyncPreempt, "runtime.goexit": pcln.FuncIDGoexit,
		"runtime.gcBgMarkWorker": pcln.FuncIDGcBgMarkWorker, "runtime.gopanic": pcln.FuncIDGopanic,
		"runtime.main": pcln.FuncIDRuntimeMain, "runtime.mcall": pcln.FuncIDMcall,
		"runtime.morestack": pcln.FuncIDMorestack, "runtime.mstart": pcln.FuncIDMstart,
		"runtime.panicwrap": pcln.FuncIDPanicwrap, "runtime.sigpanic": pcln.FuncIDSigpanic,
		"runtime.systemstack": pcln.FuncIDSystemstack, "runtime.systemstack_switch": pcln.FuncIDSystemstackSwitch,
		"runtime.cgocallback": pcln.FuncIDCgocallback,
		"runtime.debugCallV2": pcln.FuncIDDebugCallV2, "runtime.abort": pcln.FuncIDAbort,
		"runtime.runfinq": pcln.FuncIDRunFinalizers, "runtime.runFinalizers": pcln.FuncIDRunFinalizers,
		"runtime.runCleanups": pcln.FuncIDRunCleanups, "runtime.corostart": pcln.FuncIDCorostart,
		"runtime.gopark": pcln.FuncIDNormal, "main.main": pcln.FuncIDNormal,
		"main.derived.wait": pcln.FuncIDWrapper, "main.(*value).wait": pcln.FuncIDWrapper,
	}
	if p.minor < 20 {
		delete(ids, "runtime.systemstack_switch") // misspelt in Go 1.18
	}
	n := 0
	for f := range p.syms.Table().All() {
		if f.ID == pcln.FuncIDUnknown {
			t.Errorf("%s has an unknown ID", f.Name)
		}
		// A wrapper between ABIs has the name of what it wraps.
		want, ok := ids[f.Name]
		if ok && (f.ID != pcln.FuncIDWrapper || !strings.HasPrefix(f.Name, "runtime.")) {
			n++
			if f.ID != want {
				t.Errorf("%s has ID %d, want %d", f.Name, f.ID, want)
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d special functions", n)
	}
}

func TestShapesMatchCrashText(t *testing.T) {
	forVersions(t, func(t *testing.T, version string) {
		c := target.Start(t, buildShapes(t, version), target.Options{}).Crash()
		p := open(t, c)
		checkParked(t, p)
		if _, n := checkRunning(t, p); n < 1 {
			t.Error("no system stack compared")
		}
		checkFuncIDs(t, p)
		checkStackAll(t, p)
		checkHeapDump(t, p)
		checkPointers(t, p)
		checkShortcuts(t, p)
		checkElision(t, p)
	})
}

// TestRunningGoroutineMatchesCrashText compares a goroutine that a signal
// finds in the middle of its code.
func TestRunningGoroutineMatchesCrashText(t *testing.T) {
	forVersions(t, func(t *testing.T, version string) {
		// It must not be preempted just when the signal arrives.
		o := target.Options{Args: []string{"spin"}, Env: []string{"GODEBUG=asyncpreemptoff=1"}}
		p := open(t, target.Start(t, buildShapes(t, version), o).Crash())
		if n, _ := checkRunning(t, p); n != 1 {
			t.Errorf("%d running goroutines compared, want 1", n)
		}
	})
}

func TestBuildModesMatchCrashText(t *testing.T) {
	if testing.Short() {
		t.Skip("only the plain build in short mode")
	}
	for _, flags := range [][]string{{"-buildmode=pie"}, {"-gcflags=all=-N -l"}, {"-ldflags=-s=false -w=false", "-trimpath"}} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			p := open(t, target.Start(t, buildShapes(t, "", flags...), target.Options{}).Crash())
			checkParked(t, p)
			checkRunning(t, p)
			checkHeapDump(t, p)
		})
	}
}

// checkElision unwinds with a lower MaxFrames: the text stays the same, for the
// frames that it elides are missing.
func checkElision(t *testing.T, p *process) {
	u, small, n := p.syms.NewUnwinder(), p.syms.NewUnwinder(), 0
	small.maxFrames, small.outers = 250, 110
	for id, g := range p.allgs() {
		whole, part := u.Unwind(g.start), small.Unwind(g.start)
		if len(whole.Stack.Frames) <= small.maxFrames {
			if whole.Stack != part.Stack {
				t.Errorf("goroutine %d: equal stacks are two values", id)
			}
			continue
		}
		n++
		if got := len(part.Stack.Frames) + part.Stack.Elided; got != len(whole.Stack.Frames) || len(part.Stack.Frames) != small.maxFrames {
			t.Errorf("goroutine %d: %d frames with those elided, want %d", id, got, len(whole.Stack.Frames))
		}
		want := string(u.AppendText(nil, whole, LevelSystem))
		if d := diffLine(string(small.AppendText(nil, part, LevelSystem)), want); d != "" {
			t.Errorf("goroutine %d:\n%s", id, d)
		}
	}
	if n == 0 {
		t.Error("no deep stack")
	}
}

// TestCgoMatchesCrashText compares a program with C threads and C stacks.
func TestCgoMatchesCrashText(t *testing.T) {
	for _, s := range []target.Spec{
		{Program: "waits", Cgo: true},
		{Program: "waits", Cgo: true, BuildMode: "pie"},
		{Program: "waits", Race: true},
	} {
		t.Run(fmt.Sprintf("pie=%v,race=%v", s.BuildMode != "", s.Race), func(t *testing.T) {
			if testing.Short() && (s.Race || s.BuildMode != "") {
				t.Skip("only the plain build in short mode")
			}
			p := open(t, target.Take(t, s, target.Options{}, target.Kernel))
			checkParked(t, p)
			checkRunning(t, p)
		})
	}
}

// TestWaitsMatchCrashText compares a target with every way to wait.
func TestWaitsMatchCrashText(t *testing.T) {
	forVersions(t, func(t *testing.T, version string) {
		p := open(t, target.Take(t, target.Spec{Program: "waits", Go: version}, target.Options{}, target.Kernel))
		checkParked(t, p)
		checkRunning(t, p)
	})
}
