package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// The oracle is the text that the runtime prints of itself as it crashes,
// compared with what is read from the core that the kernel dumps right after.

// versions are the Go versions that the tests run with; "" is the running one.
var versions = []string{"", "go1.27.3", "go1.25.5", "go1.22.12", "go1.20.14", "go1.18.10"}

func forVersions(t *testing.T, f func(t *testing.T, version string)) {
	for _, v := range versions {
		name := v
		if v == "" {
			name = "running"
		}
		t.Run(name, func(t *testing.T) {
			if v != "" && testing.Short() {
				t.Skip("only the running toolchain in short mode")
			}
			f(t, v)
		})
	}
}

// buildShapes builds testdata/shapes.
func buildShapes(t *testing.T, version string, flags ...string) string {
	t.Helper()
	return buildShapesFor(t, runtime.GOARCH, version, flags...)
}

func buildShapesFor(t *testing.T, goarch, version string, flags ...string) string {
	t.Helper()
	goCmd := filepath.Join(target.GOROOT(t, version), "bin", "go")
	dir, err := filepath.Abs("testdata/shapes")
	if err != nil {
		t.Fatal(err)
	}
	// A copy, because the go line of the module has to fit the toolchain.
	src := t.TempDir()
	if err := os.CopyFS(src, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	minor := minorOf(t, version)
	mod := fmt.Sprintf("module shapes\n\ngo 1.%d\n", minor)
	if err := os.WriteFile(filepath.Join(src, "go.mod"), []byte(mod), 0o644); err != nil {
		t.Fatal(err)
	}
	if minor >= 27 {
		if err := os.Rename(filepath.Join(src, "go127.go.txt"), filepath.Join(src, "go127.go")); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(src, "shapes")
	cmd := exec.Command(goCmd, append(append([]string{"build", "-o", out}, flags...), ".")...)
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0", "GODEBUG=goindex=0", "GOROOT=", "GOARCH="+goarch)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build shapes with %s: %v\n%s", goCmd, err, b)
	}
	return out
}

// minorOf returns N of version go1.N.P, by default the running one.
func minorOf(t testing.TB, version string) (minor int) {
	t.Helper()
	if version == "" {
		version = runtime.Version()
	}
	if _, err := fmt.Sscanf(version, "go1.%d", &minor); err != nil {
		t.Skipf("unreleased Go %s", version)
	}
	return minor
}

// process is a crashed target.
type process struct {
	t     testing.TB
	c     *target.Capture
	text  *target.CrashText
	core  *mem.Core
	tab   *layout.Table
	bias  uint64
	exe   *exe.File
	minor int
	syms  *Symbols
}

func open(t testing.TB, c *target.Capture) *process {
	t.Helper()
	f, err := exe.Open(c.Exe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	core, err := mem.OpenCore(c.Core, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { core.Close() })
	d, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	tab, err := layout.FromDWARF(d, layout.Want{
		Structs: []string{"runtime.g", "runtime.m", "runtime.moduledata"},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, c: c, text: c.Crash(t), core: core, tab: tab, exe: f}
	if p.bias, err = core.LoadBias(); err != nil {
		t.Fatal(err)
	}
	p.minor = minorOf(t, tab.Go)
	table, err := pcln.New(core, f.Arch, p.minor, []pcln.Module{p.module()})
	if err != nil {
		t.Fatal(err)
	}
	if p.syms, err = New(core, f.Arch, table); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *process) symbol(name string) mem.Addr {
	a, _, ok := p.exe.Symbol(name)
	if !ok {
		p.t.Fatalf("no symbol %s", name)
	}
	return mem.Addr(a + p.bias)
}

func (p *process) word(a mem.Addr) mem.Addr {
	var b [8]byte
	if err := p.core.ReadAt(b[:], a); err != nil {
		p.t.Fatal(err)
	}
	return mem.Addr(p.exe.Arch.Order.Uint64(b[:]))
}

// field reads a field of one word at most.
func (p *process) field(a mem.Addr, structName, path string) mem.Addr {
	off, size, err := p.tab.Offset(structName, path)
	if err != nil {
		p.t.Fatal(err)
	}
	w := p.word(a + mem.Addr(off))
	if size < 8 {
		w &= 1<<(8*size) - 1
	}
	return w
}

func (p *process) module() pcln.Module {
	md := p.symbol("runtime.firstmoduledata")
	get := func(name string) mem.Addr { return p.field(md, "runtime.moduledata", name) }
	return pcln.Module{
		PCHeader: get("pcHeader"), Text: get("text"), EText: get("etext"),
		MinPC: get("minpc"), MaxPC: get("maxpc"), GoFunc: get("gofunc"), RoData: get("rodata"),
	}
}

// goroutine is a g of the target.
type goroutine struct {
	addr, gopc, startpc, lo, hi, m mem.Addr
	id, parent                     int64
	syscall                        bool
	start                          Start
}

func (p *process) g(a mem.Addr) goroutine {
	get := func(name string) mem.Addr { return p.field(a, "runtime.g", name) }
	g := goroutine{
		addr: a, id: int64(get("goid")), gopc: get("gopc"), startpc: get("startpc"),
		lo: get("stack.lo"), hi: get("stack.hi"), m: get("m"),
	}
	if p.minor >= 21 {
		g.parent = int64(get("parentGoid"))
	}
	g.start = Start{PC: get("sched.pc"), SP: get("sched.sp"), LR: get("sched.lr"), Lo: g.lo, Hi: g.hi}
	if sp := get("syscallsp"); sp != 0 {
		g.syscall = true
		g.start = Start{PC: get("syscallpc"), SP: sp, Lo: g.lo, Hi: g.hi, Syscall: true}
	}
	return g
}

// allgs returns the goroutines that are not dead, by id.
func (p *process) allgs() map[int64]goroutine {
	at := p.symbol("runtime.allgs")
	ptr, n := p.word(at), p.word(at+8)
	gs := make(map[int64]goroutine)
	for i := range n {
		if g := p.g(p.word(ptr + 8*i)); g.id != 0 {
			gs[g.id] = g
		}
	}
	return gs
}

// blocks returns the lines under each goroutine's header in the crash text,
// for those that have a stack there.
func (p *process) blocks() map[int64]string {
	blocks := make(map[int64]string)
	for block := range strings.SplitSeq(p.c.Text, "\n\n") {
		at := strings.LastIndex("\n"+block, "\ngoroutine ")
		if at < 0 {
			continue
		}
		head, rest, _ := strings.Cut(block[at:], "\n")
		id, err := strconv.ParseInt(strings.Fields(head)[1], 10, 64)
		if err != nil || id == 0 || strings.Contains(rest, "stack unavailable") {
			continue
		}
		if _, ok := blocks[id]; !ok {
			blocks[id] = strings.TrimRight(rest, "\n") + "\n"
		}
	}
	return blocks
}

// thread returns the thread of an M.
func (p *process) thread(m mem.Addr) arch.Thread {
	tid := int(p.field(m, "runtime.m", "procid"))
	for _, th := range p.core.Threads() {
		if th.TID == tid {
			return th
		}
	}
	p.t.Fatalf("no thread %d of m %v", tid, m)
	return arch.Thread{}
}
