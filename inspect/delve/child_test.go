package delve

import (
	"bufio"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rtdbg/inspect/mem"
)

// patience ends a test that would hang otherwise. Nothing is concluded from
// how long anything took.
const patience = time.Minute

// childSource prints where its variables are, as "name value" lines, and then
// a line for ever: its heartbeat.
const childSource = `package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

type pool struct {
	pad  uint64
	mu   sync.Mutex
	jobs chan int
}

var (
	global  = &pool{jobs: make(chan int, 3)}
	byValue pool
	nilChan chan int
	nilPtr  *pool
	byName  = map[string]int{"a": 1}
	locker  sync.Locker = &global.mu
	noLock  sync.Locker
	text    = "a string of the child"
	list    = []int{11, 22, 33}
	pattern [200000]byte
	big     []byte
)

func goid() string {
	buf := make([]byte, 64)
	return strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
}

//go:noinline
func park(local chan string, ready chan string) {
	ready <- fmt.Sprintf("goid %s\nlocal %p", goid(), local)
	<-local
	runtime.KeepAlive(local)
}

func main() {
	for i := range pattern {
		pattern[i] = byte(i * 7 >> 3)
	}
	if len(os.Args) > 1 {
		big = make([]byte, 1<<30)
	}
	global.jobs <- 5
	fmt.Fprint(io.Discard, nilChan, nilPtr, byName, locker, noLock, text, list, byValue.pad)
	ready := make(chan string)
	go park(make(chan string), ready)
	fmt.Println(<-ready)
	fmt.Printf("jobs %p\nglobal %p\nmu %p\nbyValue %p\npattern %p\nlist0 %p\nlist %p\n",
		global.jobs, global, &global.mu, &byValue, &pattern, &list[0], &list)
	fmt.Println("version", runtime.Version())
	fmt.Println("ready 1")
	for {
		fmt.Println("beat")
		time.Sleep(2 * time.Millisecond)
	}
}
`

// variants are the ways to link the child.
var variants = []struct {
	name  string
	flags []string
	dwarf bool
}{
	{"dwarf", nil, true},
	{"stripped", []string{"-ldflags=-s -w"}, false},
	{"pie", []string{"-buildmode=pie"}, true},
	{"stripped pie", []string{"-buildmode=pie", "-ldflags=-s -w"}, false},
}

// cgoSource is a program all of whose threads stop in C or in the kernel, and
// the first one in pause(2).
const cgoSource = `package main

// #include <unistd.h>
import "C"

import "fmt"

var jobs = make(chan int, 3)

func init() {
	fmt.Printf("jobs %p\nready 1\n", jobs)
	C.pause()
}

func main() {}
`

// builder builds each variant once for all tests.
type builder struct {
	dir  string
	mu   sync.Mutex
	exes map[string]string
}

var children builder

func TestMain(m *testing.M) {
	if target := os.Getenv("RTDBG_TEST_ATTACH"); target != "" {
		attachUntilSignalled(target)
	}
	dir, err := os.MkdirTemp("", "rtdbg-delve-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	children = builder{dir: dir, exes: map[string]string{}}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// build returns the executable of a variant of the child.
func build(t *testing.T, variant string) string {
	t.Helper()
	children.mu.Lock()
	defer children.mu.Unlock()
	if exe := children.exes[variant]; exe != "" {
		return exe
	}
	source := childSource
	if variant == "cgo" {
		source = cgoSource
	}
	src := filepath.Join(children.dir, "src "+variant)
	if err := os.MkdirAll(src, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"go.mod": "module child\n\ngo 1.22\n", "main.go": source} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	exe := filepath.Join(children.dir, strings.ReplaceAll(variant, " ", "-"))
	args, cgo := []string{"build", "-o", exe, "-gcflags=child=-N -l"}, "0"
	for _, v := range variants {
		if v.name == variant {
			args = append(args, v.flags...)
		}
	}
	if variant == "cgo" {
		cgo = "1"
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the %s child: %v\n%s", variant, err, out)
	}
	children.exes[variant] = exe
	return exe
}

// child is a running child and what it said about itself.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	exe  string
	vars map[string]string
	n    atomic.Int64
	eof  chan struct{}
}

func start(t *testing.T, variant string, args ...string) *child {
	t.Helper()
	exe := build(t, variant)
	c := &child{t: t, cmd: exec.Command(exe, args...), exe: exe, vars: map[string]string{}, eof: make(chan struct{})}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.eof
		_ = c.cmd.Wait()
	})
	in := bufio.NewReader(out)
	for c.vars["ready"] == "" {
		line, err := in.ReadString('\n')
		if err != nil {
			close(c.eof)
			t.Fatalf("the child ended: %v", err)
		}
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		c.vars[key] = value
	}
	go c.listen(in)
	return c
}

func (c *child) listen(in *bufio.Reader) {
	defer close(c.eof)
	for {
		if _, err := in.ReadString('\n'); err != nil {
			_, _ = io.Copy(io.Discard, in)
			return
		}
		c.n.Add(1)
	}
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// addr is an address that the child printed.
func (c *child) addr(name string) mem.Addr {
	c.t.Helper()
	n, err := strconv.ParseUint(c.vars[name], 0, 64)
	if err != nil {
		c.t.Fatalf("the child printed %q for %s", c.vars[name], name)
	}
	return mem.Addr(n)
}

// mustRun waits until the child has made further heartbeats. Of those in the
// pipe already there are at most 64 KiB.
func (c *child) mustRun() {
	c.t.Helper()
	until(c.t, "the child beats", func() bool { return c.state() != "T" && c.state() != "t" })
	from := c.n.Load()
	until(c.t, "the child beats", func() bool { return c.n.Load() > from+20 })
}

// state is the kernel's letter for what the child does.
func (c *child) state() string { return stateOf(c.pid()) }

func stateOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.Fields(after)[0]
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// attach attaches, or skips the test where that is forbidden.
func attach(t *testing.T, c *child) *Session {
	t.Helper()
	s, err := Attach(testContext(t), c.pid())
	if err != nil {
		forbidden(t, err)
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func forbidden(t *testing.T, err error) {
	t.Helper()
	if !strings.Contains(err.Error(), "not permitted") {
		return
	}
	if os.Getenv("RTDBG_REQUIRE_ORACLES") != "" {
		t.Fatal(err)
	}
	t.Skipf("this machine does not let tests attach: %v", err)
}

// elfSymbol is the address and size of a symbol of an executable that is not
// position-independent, by its ELF symbol table.
func elfSymbol(t *testing.T, exe, name string) (addr mem.Addr, size uint64) {
	t.Helper()
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, sym := range syms {
		if sym.Name == name {
			return mem.Addr(sym.Value), sym.Size
		}
	}
	t.Fatalf("%s has no symbol %s", exe, name)
	return 0, 0
}

// wantPattern is what the child fills its variable pattern with.
func wantPattern() []byte {
	b := make([]byte, 200000)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	return b
}
