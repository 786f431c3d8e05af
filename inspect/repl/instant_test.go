package repl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/debugger"
	"github.com/go-delve/delve/service/rpc2"
	"github.com/go-delve/delve/service/rpccommon"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/render"
	"rtdbg/inspect/repl"
	"rtdbg/inspect/star"
	"rtdbg/scripts"
)

// source is a way to a process.
type source struct {
	name string
	open func(t *testing.T) (*inspect.Process, error)
	// noHeap says that the heap is left out: what is said to be stuck, or to be
	// able to act, may be unknown then.
	noHeap bool
}

func openSnapshot(t *testing.T, pid int, exe string, heap inspect.Heap) (*inspect.Process, error) {
	l, err := inspect.OpenLive(pid, inspect.Options{Heap: heap})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	c, err := l.Snapshot(t.Context())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	f, err := os.Create(filepath.Join(t.TempDir(), "snapshot"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := c.Save(f); err != nil {
		return nil, err
	}
	return inspect.OpenCore(t.Context(), exe, f.Name(), inspect.Options{})
}

// server is a headless Delve server that has stopped a process.
type server struct {
	*rpccommon.ServerImpl
	addr string
	once *sync.Once
}

func serveProcess(t *testing.T, pid int) server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := rpccommon.NewServer(&service.Config{Listener: l, APIVersion: 2, AcceptMulti: true,
		Debugger: debugger.Config{AttachPid: pid, Backend: "native", CheckGoVersion: false}})
	if err := s.Run(); err != nil {
		target.Missing(t, "start a Delve server: %v", err)
	}
	srv := server{s, l.Addr().String(), new(sync.Once)}
	t.Cleanup(func() { srv.stop(t) }) // what is traced cannot even be killed
	return srv
}

// dump has Delve write a core.
func (s server) dump(t *testing.T) (core string) {
	t.Helper()
	core = filepath.Join(t.TempDir(), "core")
	client := rpc2.NewClient(s.addr)
	defer client.Disconnect(false)
	state, err := client.CoreDumpStart(core)
	for err == nil && state.Dumping {
		state = client.CoreDumpWait(100)
	}
	if err != nil || state.Err != "" {
		t.Fatalf("dump: %v %s", err, state.Err)
	}
	return core
}

func (s server) stop(t *testing.T) {
	t.Helper()
	s.once.Do(func() {
		if err := s.Stop(); err != nil {
			t.Log(err)
		}
	})
}

// standing are the targets of which every source must give the same answers.
func standing() map[string]target.Spec {
	return map[string]target.Spec{
		"channels":          {Program: "pool"},
		"locks, stripped":   {Program: "locks", Ldflags: "-s -w"},
		"deadlocks":         {Program: "deadlocks"},
		"sockets":           {Program: "network"},
		"Go 1.18":           {Program: "pool", Go: "go1.18.10"},
		"Go 1.22, PIE":      {Program: "locks", Go: "go1.22.12", BuildMode: "pie"},
		"Go 1.27, stripped": {Program: "locks", Go: "go1.27.3", Ldflags: "-s -w"},
		"C":                 {Program: "cgo", Cgo: true},
		"the race detector": {Program: "pool", Race: true},
	}
}

// Every command that needs no argument gives the same answer whichever way leads
// to a process. A signal has stopped it, so that all show one instant; the oracle
// is a core that Delve wrote while it stood so.
func TestEverySourceGivesTheSameAnswers(t *testing.T) {
	for name, spec := range standing() {
		t.Run(name, func(t *testing.T) {
			exe := target.Build(t, spec)
			r := target.Start(t, exe, target.Options{})
			stand(t, r.PID)
			got := map[string]map[string]string{}
			list := []source{
				{name: "capture", open: func(t *testing.T) (*inspect.Process, error) {
					return inspect.Attach(t.Context(), r.PID, inspect.Options{})
				}},
				{name: "snapshot with the heap", open: func(t *testing.T) (*inspect.Process, error) {
					return openSnapshot(t, r.PID, exe, inspect.HeapAll)
				}},
				{name: "snapshot", noHeap: true, open: func(t *testing.T) (*inspect.Process, error) {
					return openSnapshot(t, r.PID, exe, inspect.HeapNone)
				}},
			}
			for _, s := range list {
				got[s.name] = answers(t, s)
			}
			server := serveProcess(t, r.PID)
			connected := source{name: "Delve server", open: func(t *testing.T) (*inspect.Process, error) {
				return inspect.Connect(t.Context(), server.addr, inspect.Options{})
			}}
			got[connected.name] = answers(t, connected)
			core := server.dump(t)
			want := answers(t, source{name: "core", open: func(t *testing.T) (*inspect.Process, error) {
				return inspect.OpenCore(t.Context(), exe, core, inspect.Options{})
			}})
			server.stop(t)
			for _, s := range append(list, connected) {
				t.Run(s.name, func(t *testing.T) { s.compare(t, got[s.name], want) })
			}
		})
	}
}

// The same for what ends the instant: a session of Delve's that rtdbg has begun, and
// the kernel's core. The oracle is a capture, which is what Delve's core is.
func TestTheKernelsCoreGivesTheSameAnswers(t *testing.T) {
	for name, spec := range standing() {
		t.Run(name, func(t *testing.T) {
			exe := target.Build(t, spec)
			r := target.Start(t, exe, target.Options{})
			stand(t, r.PID)
			open := func(options inspect.Options) func(t *testing.T) (*inspect.Process, error) {
				return func(t *testing.T) (*inspect.Process, error) { return inspect.Attach(t.Context(), r.PID, options) }
			}
			want := answers(t, source{name: "capture", open: open(inspect.Options{})})
			stopped := source{name: "stopped under Delve", open: open(inspect.Options{Stop: true})}
			got := answers(t, stopped)
			t.Run(stopped.name, func(t *testing.T) { stopped.compare(t, got, want) })
			awaitStopped(t, r.PID)
			want = answers(t, source{name: "capture", open: open(inspect.Options{})})
			kernel := source{name: "core of the kernel", open: func(t *testing.T) (*inspect.Process, error) {
				return inspect.OpenCore(t.Context(), exe, r.CrashStanding().Core, inspect.Options{})
			}}
			got = answers(t, kernel)
			t.Run(kernel.name, func(t *testing.T) { kernel.compare(t, got, want) })
		})
	}
}

// compare compares answers with those of the oracle, as far as the source can
// give them.
func (s source) compare(t *testing.T, got, want map[string]string) {
	for name := range want {
		switch {
		case s.noHeap && needsHeap(name):
			continue
		}
		if d := firstDifference(got[name], want[name]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// needsHeap are the commands whose answers say who can reach what through the
// heap.
func needsHeap(script string) bool {
	switch script {
	case "why", "wakers", "deadlocks", "leaks", "graph", "locks", "lock_convoy", "lost_shutdown", "leak_suspects", "write_pump", "stuck":
		return true
	}
	return false
}

// stand stops a process with a signal and waits until it stands.
func stand(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	awaitStopped(t, pid)
}

// awaitStopped waits until a signal has stopped a process that nobody traces.
func awaitStopped(t *testing.T, pid int) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("State:\tT")) && bytes.Contains(b, []byte("TracerPid:\t0\n")) {
			return
		}
	}
	t.Fatal("the process does not stand")
}

// What differs although the instant is the same: how long ago things were, since
// the clock goes on, and what is said of a thread's system call by the kernel of
// a live process or by registers that only some sources have. The frames of C are
// Delve's where that controls the process, and else by unwind tables and files of
// which Delve's core does not say where they are.
var passing = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`"([a-z_]*_(ns|ms))":-?[0-9]+`), `"$1":0`},
	{regexp.MustCompile(`"number":[^,}]*(,"name":"[^"]*")?(,"arg":[^,}]*)?`), `"number":0`},
	{regexp.MustCompile(`,"kernel_function":"[^"]*"(,"kernel_stack":\[[^]]*\])?`), ``},
	{regexp.MustCompile(`(?m)^\{"thread":[0-9]+,"frame":.*\n?`), ``},
	{regexp.MustCompile(`[0-9]+ should have fired`), `0 should have fired`},
	{regexp.MustCompile(`-?[0-9.]+ ?(h|m|s|ms|µs|ns)+\b`), `0s`},
}

// answers runs every command that needs no argument.
func answers(t *testing.T, from source) map[string]string {
	t.Helper()
	p, err := from.open(t)
	if err != nil {
		t.Fatalf("%s: %v", from.name, err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Errorf("%s: %v", from.name, err)
		}
	}()
	list := make(map[string]string)
	for _, name := range scripts.Names() {
		s, err := star.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		args, err := s.ParseArgs(nil, nil)
		var usage *star.UsageError
		if errors.As(err, &usage) {
			continue // it needs an argument
		}
		if err != nil {
			t.Fatal(err)
		}
		answer := answerOf(t, p, s, args)
		for _, e := range passing {
			answer = e.is.ReplaceAllString(answer, e.as)
		}
		list[name] = answer
	}
	return list
}

func answerOf(t *testing.T, p *inspect.Process, s *star.Script, args star.Args) string {
	t.Helper()
	name := "json"
	if s.Name == "dump" {
		name = "text"
	}
	format, err := render.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := repl.Run(context.WithoutCancel(t.Context()), p, repl.Request{Script: s, Args: args, Format: format, Out: &out}); err != nil {
		return "error: " + err.Error()
	}
	return out.String()
}

// firstDifference tells the first line in which two answers differ.
func firstDifference(got, want string) string {
	if got == want {
		return ""
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			n := 0
			for n < min(len(a), len(b)) && a[n] == b[n] {
				n++
			}
			from := max(n-80, 0)
			return fmt.Sprintf("line %d: …%.200s\nwant …%.200s", i+1, a[from:], b[from:])
		}
	}
	return ""
}
