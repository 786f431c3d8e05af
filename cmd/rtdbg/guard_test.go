package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect/repl/repltest"
)

// TestMain makes the test the process that rtdbg starts of itself.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && (os.Args[1] == guardServer || os.Args[1] == guardProcess) {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestKilledRtdbgLeavesTheTargetRunning(t *testing.T) {
	exe := build(t)
	s := repltest.Serve(t)
	s.Dlv.Resume()
	s.AwaitBeats()
	k := repltest.OnTerminal(t, exec.Command(exe, "connect", s.Addr, "--stop"), env(t))
	k.Expect("goroutines)> ")
	s.AwaitStop()
	k.Kill()
	s.AwaitBeats()
	s.Dlv.Expect("(dlv) ")
	// At any moment of a halt, an answer and a resume.
	for range 12 {
		cmd := exec.Command(exe, "connect", s.Addr, "--stop", "runq")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(150 * time.Millisecond))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		s.AwaitBeats()
	}
}

// What another client has resumed and halted since is not the guard's.
func TestKilledRtdbgLeavesTheTargetToWhoTookItOver(t *testing.T) {
	exe := build(t)
	s := repltest.Serve(t)
	s.Dlv.Resume()
	s.AwaitBeats()
	k := repltest.OnTerminal(t, exec.Command(exe, "connect", s.Addr, "--stop"), env(t))
	k.Expect("goroutines)> ")
	s.Dlv.Expect("(dlv) ")
	s.Dlv.Resume()
	s.AwaitBeats()
	s.Dlv.Halt()
	guards := children(t, k.PID())
	if len(guards) != 1 {
		t.Fatalf("rtdbg has started %v", guards)
	}
	k.Kill()
	awaitEnd(t, guards[0])
	s.AwaitStop()
}

// children are the processes that a process has started and that run.
func children(t *testing.T, pid int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(after); f[0] != "Z" && f[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	return pids
}

// awaitEnd waits until a process has ended.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(b), ") Z ") {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("process %d does not end", pid)
		}
	}
}
