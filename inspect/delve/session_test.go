package delve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"rtdbg/inspect/mem"
)

func TestAddressFindsWhatTheChildPrinted(t *testing.T) {
	for _, variant := range []string{"dwarf", "pie"} {
		t.Run(variant, func(t *testing.T) {
			c := start(t, variant)
			s := attach(t, c)
			ctx := testContext(t)
			goid, err := strconv.ParseInt(c.vars["goid"], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			parked := frameOf(t, s, goid)
			for _, tc := range []struct {
				expr  string
				scope Scope
				want  string
			}{
				{"main.global.jobs", Scope{}, "jobs"},
				{"main.global", Scope{}, "global"},
				{"*main.global", Scope{}, "global"},
				{"main.global.mu", Scope{}, "mu"},
				{"&main.global.mu", Scope{}, "mu"},
				{"main.locker", Scope{}, "mu"},
				{"main.byValue", Scope{}, "byValue"},
				{"main.list", Scope{}, "list"},
				{"main.list[0]", Scope{}, "list0"},
				{fmt.Sprintf(`(*"main.pool")(%s).mu`, c.vars["global"]), Scope{}, "mu"},
				{c.vars["jobs"], Scope{}, "jobs"},
				{"local", parked, "local"},
			} {
				got, err := s.Address(ctx, tc.expr, tc.scope)
				if err != nil || got != c.addr(tc.want) {
					t.Errorf("Address(%s) = %v, %v; the child printed %v", tc.expr, got, err, c.addr(tc.want))
				}
			}
		})
	}
}

// frameOf finds the frame of main.park, in which the variable local is.
func frameOf(t *testing.T, s *Session, goid int64) Scope {
	t.Helper()
	for frame := range 10 {
		scope := Scope{Goroutine: goid, Frame: frame}
		if _, err := s.Eval(testContext(t), "local", scope, Load{}); err == nil {
			return scope
		}
	}
	t.Fatalf("no frame of goroutine %d has the variable local", goid)
	return Scope{}
}

func TestAddressRefusesWhatHasNone(t *testing.T) {
	s := attach(t, start(t, "dwarf"))
	for _, tc := range []struct{ expr, want string }{
		{"main.nilChan", "nil chan int"},
		{"main.nilPtr", "nil *main.pool"},
		{"main.noLock", "nil sync.Locker"},
		{"1.5", "no address"},
		{`"abc"`, "no address"},
		{"main.nilPtr.jobs", "main.nilPtr.jobs"},
		{"main.nothing", "main.nothing"},
		{"main.", "main."},
		{"", "evaluate"},
	} {
		got, err := s.Address(testContext(t), tc.expr, Scope{})
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Address(%q) = %v, %v; want one line with %q", tc.expr, got, err, tc.want)
		}
	}
}

func TestEvalReadsValues(t *testing.T) {
	c := start(t, "dwarf")
	s := attach(t, c)
	ctx := testContext(t)
	eval := func(expr string, load Load) *Value {
		t.Helper()
		v, err := s.Eval(ctx, expr, Scope{}, load)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := eval("main.text", Load{}); v.Text != "a string of the child" || v.Kind != reflect.String || v.Type != "string" {
		t.Errorf("main.text = %+v", v)
	}
	if v := eval("main.text", Load{Strings: 8}); v.Text != "a string" || v.Len != 21 {
		t.Errorf("main.text up to 8 bytes = %+v", v)
	}
	v := eval("main.list", Load{})
	var elems []string
	for _, e := range v.Children {
		elems = append(elems, e.Text)
	}
	if !slices.Equal(elems, []string{"11", "22", "33"}) || v.Len != 3 || v.Base != c.addr("list0") || v.Addr != c.addr("list") {
		t.Errorf("main.list = %+v", v)
	}
	if v := eval("main.list", Load{Elems: 1}); len(v.Children) != 1 || v.Len != 3 {
		t.Errorf("main.list up to 1 element = %+v", v)
	}
	if v := eval("main.global", Load{NoFollow: true}); v.Kind != reflect.Pointer || len(v.Children) != 1 || v.Children[0].Addr != c.addr("global") {
		t.Errorf("main.global = %+v", v)
	}
	if v := eval("main.global.jobs", Load{}); v.Base != c.addr("jobs") || v.Type != "chan int" {
		t.Errorf("main.global.jobs = %+v", v)
	}
	if v := eval("len(main.global.jobs) + 40", Load{}); v.Text != "41" || v.Addr != 0 {
		t.Errorf("len(main.global.jobs) + 40 = %+v", v)
	}
}

func TestPackageVariablesOfACoreThatStoppedInC(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		if os.Getenv("RTDBG_REQUIRE_ORACLES") != "" {
			t.Fatal(err)
		}
		t.Skip("there is no C compiler to build a cgo program with")
	}
	c := start(t, "cgo")
	live := attach(t, c)
	path := filepath.Join(t.TempDir(), "core")
	if err := live.Dump(testContext(t), path, nil); err != nil {
		t.Fatal(err)
	}
	core, err := OpenCore(testContext(t), c.exe, path)
	if err != nil {
		t.Fatal(err)
	}
	defer core.Close()
	for name, s := range map[string]*Session{"process": live, "core": core} {
		if got, err := s.Address(testContext(t), "main.jobs", Scope{}); err != nil || got != c.addr("jobs") {
			t.Errorf("main.jobs of the %s = %v, %v; the child printed %v", name, got, err, c.addr("jobs"))
		}
		if got, err := s.Symbol(testContext(t), "runtime.allgs"); err != nil || got == 0 {
			t.Errorf("runtime.allgs of the %s = %v, %v", name, got, err)
		}
	}
}

func TestEvalCallsNoFunctions(t *testing.T) {
	c := start(t, "dwarf")
	s := attach(t, c)
	if v, err := s.Eval(testContext(t), "main.goid()", Scope{}, Load{}); err == nil {
		t.Errorf("Eval called a function: %+v", v)
	}
}

func TestReadMemoryReadsBytesOfTheChild(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			c := start(t, v.name)
			s := attach(t, c)
			want := wantPattern()
			for _, part := range []struct{ off, n int }{{0, 1}, {3, 8}, {0, 1 << 16}, {1, 1<<16 + 1}, {0, len(want)}, {5, 0}} {
				got := make([]byte, part.n)
				if err := s.ReadMemory(testContext(t), got, c.addr("pattern")+mem.Addr(part.off)); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want[part.off:part.off+part.n]) {
					t.Errorf("%d bytes at offset %d differ from what the child wrote", part.n, part.off)
				}
			}
		})
	}
}

func TestReadMemoryFaultsWhereNothingIsMapped(t *testing.T) {
	s := attach(t, start(t, "dwarf"))
	for _, addr := range []mem.Addr{0, 8, 1 << 46, ^mem.Addr(0) - 3} {
		var fault *mem.Fault
		if err := s.ReadMemory(testContext(t), make([]byte, 8), addr); !errors.As(err, &fault) || fault.Addr != addr {
			t.Errorf("read at %v: %v, want a fault there", addr, err)
		}
	}
}

func TestSymbolAgreesWithELFSymbolTable(t *testing.T) {
	c := start(t, "dwarf")
	s := attach(t, c)
	for _, name := range []string{"runtime.allgs", "runtime.sched", "main.global", "runtime.gopark", "main.main", "internal/poll.ErrNoDeadline", "os.(*File).Write"} {
		want, _ := elfSymbol(t, c.exe, name)
		if got, err := s.Symbol(testContext(t), name); err != nil || got != want {
			t.Errorf("Symbol(%s) = %v, %v; the ELF symbol table says %v", name, got, err, want)
		}
	}
	if got, err := s.Symbol(testContext(t), "main.nothing"); err == nil {
		t.Errorf("Symbol(main.nothing) = %v", got)
	}
}

func TestSymbolWithoutDWARFFindsFunctionsOnly(t *testing.T) {
	// Both are linked from the same code; only the tables differ.
	unstripped := build(t, "dwarf")
	s := attach(t, start(t, "stripped"))
	fn, err := s.Symbol(testContext(t), "runtime.gopark")
	if err != nil {
		t.Fatal(err)
	}
	if want, size := elfSymbol(t, unstripped, "runtime.gopark"); fn == 0 || size == 0 {
		t.Errorf("runtime.gopark = %v, in the unstripped child %v", fn, want)
	}
	if _, err := s.Symbol(testContext(t), "runtime.allgs"); !errors.Is(err, ErrNoDWARF) {
		t.Errorf("Symbol(runtime.allgs) without DWARF: %v, want ErrNoDWARF", err)
	}
	if _, err := s.Eval(testContext(t), "main.global", Scope{}, Load{}); !errors.Is(err, ErrNoDWARF) {
		t.Errorf("Eval without DWARF: %v, want ErrNoDWARF", err)
	}
	names, err := s.Functions(testContext(t), `^runtime\.gopark$`)
	if err != nil || !slices.Equal(names, []string{"runtime.gopark"}) {
		t.Errorf("Functions = %v, %v", names, err)
	}
}

func TestThreadsAreThoseOfTheKernel(t *testing.T) {
	c := start(t, "dwarf")
	s := attach(t, c)
	threads, err := s.Threads(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", c.pid()))
	if err != nil {
		t.Fatal(err)
	}
	if len(threads) != len(tasks) {
		t.Errorf("%d threads, the kernel has %d", len(threads), len(tasks))
	}
	m0, m0size := elfSymbol(t, c.exe, "runtime.m0")
	for _, th := range threads {
		sp, pc, err := kernelSPPC(c.pid(), th.TID)
		if err != nil {
			t.Errorf("thread %d: %v", th.TID, err)
			continue
		}
		if th.Regs.PC != pc || th.Regs.SP != sp {
			t.Errorf("thread %d: pc %#x sp %#x, the kernel says pc %#x sp %#x", th.TID, th.Regs.PC, th.Regs.SP, pc, sp)
		}
		// Without cgo the first thread's thread pointer points into m0.tls.
		if tls := mem.Addr(th.Regs.TLS); th.TID == c.pid() && (tls < m0 || tls >= m0+mem.Addr(m0size)) {
			t.Errorf("the first thread's TLS is %v, not within runtime.m0 at %v", tls, m0)
		}
	}
}

// kernelSPPC reads the stack pointer and program counter of a stopped thread
// from the last two words of /proc/PID/task/TID/syscall (proc_pid_syscall(5)).
func kernelSPPC(pid, tid int) (sp, pc uint64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, tid))
	if err != nil {
		return 0, 0, err
	}
	words := strings.Fields(string(text))
	if len(words) < 3 {
		return 0, 0, fmt.Errorf("the kernel says %q", text)
	}
	if sp, err = strconv.ParseUint(words[len(words)-2], 0, 64); err != nil {
		return 0, 0, err
	}
	pc, err = strconv.ParseUint(words[len(words)-1], 0, 64)
	return sp, pc, err
}

func TestTargetDescribesTheProcess(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			c := start(t, v.name, "an argument")
			s := attach(t, c)
			got, err := s.Target(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != KindProcess || got.State != StateStopped || got.Recorded || got.PID != c.pid() ||
				got.Executable != c.exe || got.GoVersion != c.vars["version"] || got.Backend != "native" || got.GOARCH != runtime.GOARCH || got.Delve != "1.27.2" {
				t.Errorf("Target = %+v", got)
			}
			if !strings.HasPrefix(got.Command, c.exe) || !strings.Contains(got.Command, "an argument") {
				t.Errorf("Command = %q", got.Command)
			}
			if n := len(got.BuildID); n != 40 {
				t.Errorf("BuildID = %q", got.BuildID)
			}
			warned := strings.Contains(strings.Join(s.Warnings(), "\n"), "no DWARF")
			if warned == v.dwarf {
				t.Errorf("DWARF is there: %v; warnings: %q", v.dwarf, s.Warnings())
			}
		})
	}
}

func TestNothingReachesStderr(t *testing.T) {
	c := start(t, "stripped")
	out, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	saved := os.Stderr
	os.Stderr = out
	defer func() { os.Stderr = saved }()
	s := attach(t, c)
	_, _ = s.Eval(testContext(t), "main.global", Scope{}, Load{})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if os.Stderr != out {
		t.Error("os.Stderr was not put back")
	}
	if text, err := os.ReadFile(out.Name()); err != nil || len(text) > 0 {
		t.Errorf("written to stderr: %q, %v", text, err)
	}
}

func TestAttachLeavesTheCodeUnchanged(t *testing.T) {
	c := start(t, "dwarf")
	var before, after [16]byte
	at, _ := elfSymbol(t, c.exe, "runtime.fatalpanic")
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", c.pid()))
	if err != nil {
		t.Skip(err)
	}
	defer memory.Close()
	if _, err := memory.ReadAt(before[:], int64(at)); err != nil {
		t.Fatal(err)
	}
	attach(t, c)
	if _, err := memory.ReadAt(after[:], int64(at)); err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Errorf("the code at runtime.fatalpanic was % x, is % x", before, after)
	}
}

func TestClosedSessionFails(t *testing.T) {
	c := start(t, "dwarf")
	s := attach(t, c)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	ctx := testContext(t)
	for name, err := range map[string]error{
		"ReadMemory": s.ReadMemory(ctx, make([]byte, 1), 0),
		"Dump":       s.Dump(ctx, filepath.Join(t.TempDir(), "core"), nil),
		"Eval":       func() error { _, err := s.Eval(ctx, "1", Scope{}, Load{}); return err }(),
		"Threads":    func() error { _, err := s.Threads(ctx); return err }(),
		"Target":     func() error { _, err := s.Target(ctx); return err }(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

func TestKilledProcessIsReportedAndReaped(t *testing.T) {
	c := start(t, "dwarf")
	s := attach(t, c)
	if err := syscall.Kill(c.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the process is dead", func() bool { return c.state() == "Z" })
	if err := s.ReadMemory(testContext(t), make([]byte, 8), c.addr("jobs")); !errors.Is(err, ErrExited) {
		t.Errorf("ReadMemory of a dead process: %v, want ErrExited", err)
	}
	if state, err := s.State(testContext(t)); err != nil || state != StateExited {
		t.Errorf("State of a dead process: %v, %v", state, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	waitFor(t, c, syscall.SIGKILL)
}

// waitFor checks that the child's parent gets its exit status.
func waitFor(t *testing.T, c *child, sig syscall.Signal) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-c.eof
		_ = c.cmd.Wait()
	}()
	if !awaitFor(done, patience) {
		t.Fatal("the parent did not get the exit status")
	}
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != sig {
		t.Errorf("the child ended with %v, want %v", c.cmd.ProcessState, sig)
	}
}

func TestDetachCanKill(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			c := start(t, v.name)
			if err := attach(t, c).Detach(context.Background(), true); err != nil {
				t.Fatal(err)
			}
			waitFor(t, c, syscall.SIGKILL)
		})
	}
}
