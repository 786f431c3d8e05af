package delve

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDetachLeavesTheProcessRunning(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			c := start(t, v.name)
			s := attach(t, c)
			if got := c.state(); got != "t" {
				t.Errorf("while attached the process is %q, want t (tracing stop)", got)
			}
			if _, err := s.Threads(testContext(t)); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			c.mustRun()
		})
	}
}

func TestDetachWithAnEndedContextStillLetsGo(t *testing.T) {
	c := start(t, "dwarf")
	s := attach(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Detach(ctx, false); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
}

func TestProcessCanBeAttachedAgain(t *testing.T) {
	c := start(t, "stripped")
	for range 3 {
		s := attach(t, c)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		c.mustRun()
	}
}

func TestStoppedProcessStaysStopped(t *testing.T) {
	c := start(t, "stripped")
	if err := syscall.Kill(c.pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "the process is stopped", func() bool { return c.state() == "T" })
	s := attach(t, c)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the process is stopped again", func() bool { return c.state() == "T" })
	if err := syscall.Kill(c.pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
}

func TestCancelledAttachLetsGo(t *testing.T) {
	c := start(t, "dwarf")
	attach(t, c).Close()
	for _, after := range []time.Duration{0, time.Microsecond, 200 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(context.Background(), after)
		s, err := Attach(ctx, c.pid())
		cancel()
		switch {
		case err == nil:
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		case !errors.Is(err, context.DeadlineExceeded):
			t.Errorf("Attach cancelled after %v: %v", after, err)
		}
		c.mustRun()
	}
}

func TestProcessSurvivesTheEndOfTheDebugger(t *testing.T) {
	attach(t, start(t, "stripped")).Close()
	for _, tc := range []struct {
		name string
		sig  syscall.Signal
	}{
		{"SIGINT", syscall.SIGINT}, {"SIGTERM", syscall.SIGTERM}, {"SIGKILL", syscall.SIGKILL},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := start(t, "stripped")
			debugger := exec.Command(os.Args[0])
			debugger.Env = append(os.Environ(), "RTDBG_TEST_ATTACH="+strconv.Itoa(c.pid()))
			out, err := debugger.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := debugger.Start(); err != nil {
				t.Fatal(err)
			}
			line, _ := bufio.NewReader(out).ReadString('\n')
			if line != "attached\n" {
				t.Fatalf("the debugger said %q", line)
			}
			if err := debugger.Process.Signal(tc.sig); err != nil {
				t.Fatal(err)
			}
			err = debugger.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != tc.sig {
				t.Errorf("the debugger ended with %v, want %v", err, tc.sig)
			}
			c.mustRun()
		})
	}
}

// TestSignalWhileAttachingLetsGo ends the debugger at moments all over its
// start and its attach.
func TestSignalWhileAttachingLetsGo(t *testing.T) {
	c := start(t, "stripped")
	attach(t, c).Close()
	for i := range 16 {
		sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}[i%3]
		if signal.Ignored(sig) {
			continue // so it is in the debugger: under nohup
		}
		debugger := exec.Command(os.Args[0])
		debugger.Env = append(os.Environ(), "RTDBG_TEST_ATTACH="+strconv.Itoa(c.pid()))
		if err := debugger.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 5 * time.Millisecond)
		if err := debugger.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		_ = debugger.Wait()
		if got := debugger.ProcessState.Sys().(syscall.WaitStatus); got.Signal() != sig {
			t.Errorf("after %d ms: the debugger ended with %v, want %v", i*5, debugger.ProcessState, sig)
		}
		c.mustRun()
	}
}

// attachUntilSignalled is the process that these tests end.
func attachUntilSignalled(target string) {
	pid, err := strconv.Atoi(target)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if _, err := Attach(context.Background(), pid); err != nil {
		fmt.Println(err)
		time.Sleep(patience) // the signal is under way
		os.Exit(1)
	}
	fmt.Println("attached")
	select {}
}

func TestDumpReopensAsCore(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			c := start(t, v.name)
			live := attach(t, c)
			threads, err := live.Threads(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			path := filepath.Join(dir, "core")
			var last Progress
			if err := live.Dump(testContext(t), path, func(p Progress) { last = p }); err != nil {
				t.Fatal(err)
			}
			if last.BytesTotal != 0 && last.BytesDone > last.BytesTotal {
				t.Errorf("progress %+v", last)
			}
			onlyFile(t, dir, "core")
			if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
				t.Errorf("the core has mode %v, %v", info.Mode(), err)
			}
			if err := live.Close(); err != nil {
				t.Fatal(err)
			}
			c.mustRun()

			s, err := OpenCore(testContext(t), c.exe, path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			got := make([]byte, len(wantPattern()))
			if err := s.ReadMemory(testContext(t), got, c.addr("pattern")); err != nil || !bytes.Equal(got, wantPattern()) {
				t.Errorf("the core's bytes differ from what the child wrote (%v)", err)
			}
			if inCore, err := s.Threads(testContext(t)); err != nil || !reflect.DeepEqual(inCore, threads) {
				t.Errorf("threads of the core %+v, %v; of the process %+v", inCore, err, threads)
			}
			target, err := s.Target(testContext(t))
			if err != nil || target.PID != c.pid() || !target.Recorded || target.GoVersion != c.vars["version"] || target.Core != path {
				t.Errorf("Target = %+v, %v", target, err)
			}
			if addr, err := s.Address(testContext(t), "main.global.jobs", Scope{}); v.dwarf && (err != nil || addr != c.addr("jobs")) {
				t.Errorf("main.global.jobs = %v, %v; the child printed %v", addr, err, c.addr("jobs"))
			} else if !v.dwarf && !errors.Is(err, ErrNoDWARF) {
				t.Errorf("main.global.jobs without DWARF: %v", err)
			}
			if err := s.Dump(testContext(t), filepath.Join(dir, "again"), nil); err == nil {
				t.Error("a core could be dumped")
			}
		})
	}
}

// onlyFile checks that dir has the named file and no other.
func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != name {
		t.Errorf("files left: %q, want %q", got, name)
	}
}

func TestCancelledDumpLeavesNoFile(t *testing.T) {
	c := start(t, "dwarf", "big")
	s := attach(t, c)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(testContext(t))
	defer cancel()
	path := filepath.Join(dir, "core")
	err := s.Dump(ctx, path, func(Progress) {
		if err := s.ReadMemory(ctx, make([]byte, 8), c.addr("jobs")); !errors.Is(err, ErrDumping) {
			t.Errorf("ReadMemory during a dump: %v", err)
		}
		if err := s.Dump(ctx, path+"2", nil); !errors.Is(err, ErrDumping) {
			t.Errorf("a second dump during a dump: %v", err)
		}
		cancel()
	})
	if err == nil {
		t.Skip("the dump was complete before it was cancelled")
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Dump = %v, want it cancelled", err)
	}
	onlyFile(t, dir, "")
	if err := s.ReadMemory(testContext(t), make([]byte, 8), c.addr("jobs")); err != nil {
		t.Errorf("after a cancelled dump: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.mustRun()
}

func TestCloseDuringDumpLeavesNoFile(t *testing.T) {
	c := start(t, "dwarf", "big")
	s := attach(t, c)
	dir := t.TempDir()
	err := s.Dump(testContext(t), filepath.Join(dir, "core"), func(Progress) {
		if err := s.Close(); err != nil {
			t.Errorf("Close during a dump: %v", err)
		}
	})
	if err == nil {
		t.Skip("the dump was complete before the session was closed")
	}
	onlyFile(t, dir, "")
	c.mustRun()
}

func TestProcessKilledDuringDumpIsNoCore(t *testing.T) {
	c := start(t, "dwarf", "big")
	s := attach(t, c)
	dir := t.TempDir()
	killed := false
	err := s.Dump(testContext(t), filepath.Join(dir, "core"), func(Progress) {
		if !killed {
			killed = true
			_ = syscall.Kill(c.pid(), syscall.SIGKILL)
		}
	})
	if !killed {
		t.Fatal("no progress was reported")
	}
	if !errors.Is(err, ErrExited) {
		t.Errorf("Dump of a process killed meanwhile = %v, want ErrExited", err)
	}
	onlyFile(t, dir, "")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	waitFor(t, c, syscall.SIGKILL)
}

func TestDumpRefusesBadPaths(t *testing.T) {
	c := start(t, "stripped")
	s := attach(t, c)
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "no", "such", "dir"), "/dev/null", filepath.Join(dir, strings.Repeat("x", 300))} {
		err := s.Dump(testContext(t), path, nil)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("Dump to %s = %v", path, err)
		}
	}
	onlyFile(t, dir, "")
}
