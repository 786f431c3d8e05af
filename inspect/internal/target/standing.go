package target

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// CrashStanding has the kernel dump core of a target that a signal has stopped, as
// it stands: none of its threads executes an instruction of the program any more.
//
// A Go program handles SIGABRT, and would run. So gdb has one thread make one
// system call in the place of the program, rt_sigaction, which gives SIGABRT back
// its default action; puts the thread's registers back; and delivers the signal.
func (r *Running) CrashStanding() *Capture {
	r.tb.Helper()
	core, err := r.crash(r.abortStanding)
	return r.capture(core, err)
}

func (r *Running) abortStanding() (core bool, err error) {
	if runtime.GOARCH != "amd64" {
		return false, fmt.Errorf("%w: the system call is made on amd64 only", errNoOracle)
	}
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		return false, fmt.Errorf("%w: %w", errNoOracle, err)
	}
	instruction, err := r.find("x", []byte{0x0f, 0x05}, 1)
	if err != nil {
		return false, fmt.Errorf("an instruction syscall: %w", err)
	}
	const sigactionSize = 32
	defaults, err := r.find("w", make([]byte, sigactionSize), 8)
	if err != nil {
		return false, fmt.Errorf("a zero sigaction: %w", err)
	}
	args := []string{"-nx", "-batch", "-p", fmt.Sprint(r.PID)}
	for _, command := range abortingCommands(instruction, defaults) {
		args = append(args, "-ex", command)
	}
	// How gdb ends does not count: the death of what it debugs confuses some versions.
	if text, err := exec.Command(gdb, args...).CombinedOutput(); !bytes.Contains(text, []byte("sigaction returned 0\n")) {
		return false, fmt.Errorf("gdb: %v: %s", err, clip(string(text), 2000))
	}
	return r.awaitAbort()
}

// abortingCommands are gdb's, for a thread that is stopped anywhere.
func abortingCommands(instruction, defaults uint64) []string {
	registers := strings.Fields("orig_rax rax rdi rsi rdx r10 rcx r11 eflags rip")
	list := []string{
		"maint set internal-error quit yes", "maint set internal-error corefile no", "set confirm off", "set scheduler-locking on",
		"handle SIGSTOP nostop noprint nopass", "handle SIGABRT nostop noprint pass"}
	for _, name := range registers {
		list = append(list, fmt.Sprintf("set $was_%s = $%s", name, name))
	}
	const rtSigaction, sigabrt, sigsetSize = 13, 6, 8
	list = append(list,
		fmt.Sprintf("set $rip = %#x", instruction), "set $orig_rax = -1",
		fmt.Sprintf("set $rax = %d", rtSigaction), fmt.Sprintf("set $rdi = %d", sigabrt),
		fmt.Sprintf("set $rsi = %#x", defaults), "set $rdx = 0", fmt.Sprintf("set $r10 = %d", sigsetSize),
		"stepi", `printf "sigaction returned %ld\n", $rax`)
	for _, name := range registers[1:] {
		list = append(list, fmt.Sprintf("set $%s = $was_%s", name, name))
	}
	return append(list, "set $orig_rax = $was_orig_rax", "signal SIGABRT")
}

// find looks for bytes, at a multiple of align, in a mapping of a file or without a
// name that has the permission, "w" or "x".
func (r *Running) find(permission string, what []byte, align int) (uint64, error) {
	maps, err := os.Open(filepath.Join("/proc", fmt.Sprint(r.PID), "maps"))
	if err != nil {
		return 0, err
	}
	defer maps.Close()
	memory, err := os.Open(filepath.Join("/proc", fmt.Sprint(r.PID), "mem"))
	if err != nil {
		return 0, err
	}
	defer memory.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var start, end uint64
		var perms string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &start, &end, &perms); err != nil {
			return 0, fmt.Errorf("maps: %q: %w", lines.Text(), err)
		}
		if !strings.Contains(perms, permission) || strings.Contains(lines.Text(), "[") {
			continue
		}
		b := make([]byte, min(end-start, 16<<20))
		if _, err := memory.ReadAt(b, int64(start)); err != nil {
			continue
		}
		for i := 0; i+len(what) <= len(b); i += align {
			if bytes.HasPrefix(b[i:], what) {
				return start + uint64(i), nil
			}
		}
	}
	return 0, fmt.Errorf("not found in process %d", r.PID)
}
