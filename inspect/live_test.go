package inspect_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/debugger"
	"github.com/go-delve/delve/service/rpccommon"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// A live process gives the same answers as a core of it, and runs on.
func TestAttachAnswersAsACoreDoes(t *testing.T) {
	for _, version := range newest {
		for _, ldflags := range []string{"", "-s -w"} {
			t.Run(orHost(version)+ldflags, func(t *testing.T) {
				exe := target.Build(t, target.Spec{Program: "locks", Go: version, Ldflags: ldflags})
				r := target.Start(t, exe, target.Options{})
				p, err := inspect.Attach(context.Background(), r.PID, inspect.Options{Warn: func(s string) { t.Error(s) }, Verbose: func(s string) { t.Log(s) }})
				if err != nil {
					target.Missing(t, "attach: %v", err)
				}
				checkLocks(t, p, r.Vars)
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
				awaitRunning(t, r.PID)
			})
		}
	}
}

// Of a live process the kernel says where its threads wait; it said the same to
// the test, before.
func TestAttachSaysWhatTheKernelSays(t *testing.T) {
	r := target.Start(t, target.Build(t, target.Spec{Program: "waits"}), target.Options{})
	before := kernelWaits(t, r.PID)
	p, err := inspect.Attach(context.Background(), r.PID, inspect.Options{Warn: func(s string) { t.Error(s) }})
	if err != nil {
		target.Missing(t, "attach: %v", err)
	}
	defer p.Close()
	for _, name := range []string{"sysread", "flock", "futex", "nanosleep"} {
		on := goroutine(t, p, r.Vars.Int(t, name+".goid")).WaitsOn()
		if len(on) != 1 || on[0].Syscall == nil || on[0].Syscall.Number == nil || on[0].Thread == nil {
			t.Errorf("%s: %s", name, toJSON(t, on))
			continue
		}
		s := on[0].Syscall
		if got, want := fmt.Sprint(*s.Number, " ", s.KernelFunction), before[*on[0].Thread]; got != want {
			t.Errorf("%s: %q, the kernel said %q", name, got, want)
		}
	}
}

// kernelWaits reads of each thread the number of its system call and the
// function of the kernel that it waits in.
func kernelWaits(t *testing.T, pid int) map[uint64]string {
	t.Helper()
	waits := make(map[uint64]string)
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	entries, err := os.ReadDir(tasks)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		call, err := os.ReadFile(tasks + "/" + e.Name() + "/syscall")
		if err != nil {
			target.Missing(t, "what the kernel says of a thread: %v", err)
		}
		function, _ := os.ReadFile(tasks + "/" + e.Name() + "/wchan")
		number, _, _ := strings.Cut(string(call), " ")
		tid, _ := strconv.ParseUint(e.Name(), 10, 64)
		waits[tid] = number + " " + strings.TrimPrefix(string(function), "0")
	}
	return waits
}

// checkLocks compares the queues of the target's locks and their holders.
func checkLocks(t *testing.T, p *inspect.Process, vars target.Vars) {
	t.Helper()
	for _, key := range []string{"mutex", "collide3", "cond", "waitgroup"} {
		var got []int64
		for _, w := range waiters(t, p, vars.Addr(t, key)).Waiters {
			got = append(got, int64(w.Goid))
		}
		if want := vars.Ints(t, key+".waiters"); !slices.Equal(got, want) {
			t.Errorf("%s: waiters %v, want %v", key, got, want)
		}
	}
	if a := answer(t, p, vars.Ints(t, "mutex.waiters")[0]); len(a.Wakers) == 0 || a.Wakers[0].Goid != uint64(vars.Int(t, "mutex.holder")) {
		t.Errorf("wakers of the first waiter: %s", toJSON(t, a))
	}
}

// awaitRunning waits until no thread of the process is stopped or traced.
func awaitRunning(t *testing.T, pid int) {
	t.Helper()
	for range 100 {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "TracerPid:\t0") && !strings.Contains(string(b), "State:\tt") && !strings.Contains(string(b), "State:\tT") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the process is still stopped or traced")
}

// serve starts a headless Delve server in this process and returns its address.
func serve(t *testing.T, cfg debugger.Config, args []string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.CheckGoVersion = false
	s := rpccommon.NewServer(&service.Config{Listener: l, APIVersion: 2, AcceptMulti: true, ProcessArgs: args, Debugger: cfg})
	if err := s.Run(); err != nil {
		target.Missing(t, "start a Delve server: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Logf("stop the Delve server: %v", err)
		}
	})
	return l.Addr().String()
}

// A server that serves a process, and one that serves a core, are read through
// their memory alone or with the executable at hand.
func TestConnectAnswersAsACoreDoes(t *testing.T) {
	t.Run("process", func(t *testing.T) {
		exe := target.Build(t, target.Spec{Program: "locks"})
		r := target.Start(t, exe, target.Options{})
		addr := serve(t, debugger.Config{AttachPid: r.PID, Backend: "native"}, nil)
		connectAndCheck(t, addr, r.Vars)
	})
	t.Run("core", func(t *testing.T) {
		c := target.Take(t, target.Spec{Program: "locks"}, target.Options{}, target.Kernel)
		addr := serve(t, debugger.Config{CoreFile: c.Core, Backend: "core"}, []string{c.Exe})
		connectAndCheck(t, addr, c.Vars)
	})
}

func connectAndCheck(t *testing.T, addr string, vars target.Vars) {
	t.Helper()
	p, err := inspect.Connect(context.Background(), addr, inspect.Options{
		Warn: func(s string) { t.Error(s) }, Verbose: func(s string) { t.Log(s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	checkLocks(t, p, vars)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
