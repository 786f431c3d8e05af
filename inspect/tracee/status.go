// Package tracee knows processes of this host as the kernel presents them: what
// /proc says of one, whether it may be traced and why not, and how to stop all
// its threads for a moment (ptrace(2)) so that it runs on whatever becomes of
// the process that stopped it.
package tracee

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/exe"
)

// ErrExited says that the process has ended.
var ErrExited = errors.New("the target has exited")

// Status is what /proc/PID/status says of a process or thread
// (proc_pid_status(5)).
type Status struct {
	Name string
	// State is the letter of the State line: R, S, D, T (stopped), t (stopped
	// by its tracer), Z (zombie), X.
	State byte
	// tgid is the process that the thread belongs to.
	tgid int
	// Tracer is the thread that traces this process, 0 for none. It counts as
	// TracerPid, but ptrace(2) ties tracees to threads.
	Tracer int
	// Inner is the process's or thread's id in its own PID namespace.
	Inner int
	uid   int
	// pending are the signals that wait to be delivered to the process or to
	// its first thread, own those to the thread alone: bit n-1 stands for
	// signal n.
	pending, own uint64
	// permitted and effective are its capabilities (capabilities(7)), by bit.
	permitted, effective uint64
	// switches is how often the thread has left a processor.
	switches uint64
}

// ReadStatus reads /proc/PID/status. The error wraps fs.ErrNotExist or
// syscall.ESRCH when there is no such process.
func ReadStatus(pid int) (Status, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Status{}, err
	}
	var st Status
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		first, _, _ := strings.Cut(value, "\t")
		switch key {
		case "Name":
			st.Name = value
		case "State":
			if value != "" {
				st.State = value[0]
			}
		case "Tgid":
			st.tgid, _ = strconv.Atoi(value)
		case "TracerPid":
			st.Tracer, _ = strconv.Atoi(value)
		case "NSpid":
			ids := strings.Fields(value)
			if len(ids) > 0 {
				st.Inner, _ = strconv.Atoi(ids[len(ids)-1])
			}
		case "Uid":
			st.uid, _ = strconv.Atoi(first)
		case "SigPnd", "ShdPnd":
			n, _ := strconv.ParseUint(value, 16, 64)
			st.pending |= n
			if key == "SigPnd" {
				st.own = n
			}
		case "CapPrm":
			st.permitted, _ = strconv.ParseUint(value, 16, 64)
		case "CapEff":
			st.effective, _ = strconv.ParseUint(value, 16, 64)
		case "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches":
			n, _ := strconv.ParseUint(value, 10, 64)
			st.switches += n
		}
	}
	return st, nil
}

// Stopped reports whether a signal has stopped the process (job control), as
// opposed to a tracer.
func (st Status) Stopped() bool { return st.State == 'T' }

// TrapPending reports whether the process is to get a SIGTRAP.
func (st Status) TrapPending() bool { return st.pending&(1<<(syscall.SIGTRAP-1)) != 0 }

// Dead reports whether the process has ended: only its exit status remains.
func (st Status) Dead() bool { return st.State == 'Z' || st.State == 'X' }

// TracerProcess returns the process whose thread traces this one, 0 for none.
func (st Status) TracerProcess() int {
	if st.Tracer == 0 {
		return 0
	}
	if by, err := ReadStatus(st.Tracer); err == nil && by.tgid != 0 {
		return by.tgid
	}
	return st.Tracer
}

// Gone reports whether the process has ended. A process that cannot be looked
// at counts as alive.
func Gone(pid int) bool {
	st, err := ReadStatus(pid)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
	}
	return st.Dead()
}

// Check explains why the process pid cannot be attached to, before anything is
// stopped.
func Check(pid int) (Status, error) {
	if pid <= 0 {
		return Status{}, fmt.Errorf("attach to process %d: a process id is a positive number", pid)
	}
	st, err := ReadStatus(pid)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		return st, fmt.Errorf("attach to process %d: there is no such process in this PID namespace", pid)
	case err != nil:
		return st, fmt.Errorf("attach to process %d: %w", pid, err)
	case st.tgid != 0 && st.tgid != pid:
		return st, fmt.Errorf("attach to process %d: that is a thread of process %d: attach to %d", pid, st.tgid, st.tgid)
	case pid == os.Getpid():
		return st, fmt.Errorf("attach to process %d: that is this process, which cannot stop itself", pid)
	case st.Dead():
		return st, fmt.Errorf("attach to process %d (%s): %w: it is a zombie, only its exit status is left", pid, st.Name, ErrExited)
	case st.Tracer != 0:
		return st, fmt.Errorf("attach to process %d (%s): process %s already traces it, and a process can have only one tracer: detach that one first, or connect to it if it is a headless Delve server", pid, st.Name, processName(st.TracerProcess()))
	}
	return st, checkExecutable(pid, st)
}

// processName returns "12 (gdb)", or "12" where the name cannot be read.
func processName(pid int) string {
	if st, err := ReadStatus(pid); err == nil {
		return fmt.Sprintf("%d (%s)", pid, st.Name)
	}
	return strconv.Itoa(pid)
}

func checkExecutable(pid int, st Status) error {
	link := fmt.Sprintf("/proc/%d/exe", pid)
	path, err := os.Readlink(link)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return NotPermitted(pid, st)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("attach to process %d (%s): it has no executable: it is a thread of the kernel, or just ended", pid, st.Name)
	case err != nil:
		return fmt.Errorf("attach to process %d (%s): %w", pid, st.Name, err)
	}
	f, err := exe.Open(link)
	switch {
	case errors.Is(err, exe.ErrNotGo):
		return fmt.Errorf("attach to process %d (%s): that is not a Go program", pid, path)
	case err != nil:
		return fmt.Errorf("attach to process %d (%s): its executable cannot be read: %w", pid, path, err)
	}
	return f.Close()
}

// NotPermitted explains an EPERM of ptrace(2) by the rules of "Ptrace access
// mode checking" there.
func NotPermitted(pid int, st Status) error {
	const what = "attach to process %d (%s): not permitted: "
	if uid := os.Geteuid(); uid != 0 && uid != st.uid {
		return fmt.Errorf(what+"it belongs to user %d: run as that user, or as root", pid, st.Name, st.uid)
	}
	scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	switch mode := strings.TrimSpace(string(scope)); {
	case err != nil || mode == "0":
	case mode == "1":
		return fmt.Errorf(what+"kernel.yama.ptrace_scope is 1 and it is not a child of this process: run as root, give CAP_SYS_PTRACE, or set kernel.yama.ptrace_scope to 0", pid, st.Name)
	case mode == "2":
		return fmt.Errorf(what+"kernel.yama.ptrace_scope is 2: CAP_SYS_PTRACE is needed (run as root)", pid, st.Name)
	case mode == "3":
		return fmt.Errorf(what+"kernel.yama.ptrace_scope is 3: nobody may attach until the next boot", pid, st.Name)
	}
	own, err := ReadStatus(os.Getpid())
	switch {
	case err == nil && own.effective&(1<<unix.CAP_SYS_PTRACE) != 0:
		return fmt.Errorf(what+"CAP_SYS_PTRACE does not reach it: it is outside this user namespace, or a security module forbids it", pid, st.Name)
	case own.uid != st.uid:
		return fmt.Errorf(what+withoutPtrace+"it belongs to user %d", pid, st.Name, st.uid)
	case st.permitted&^own.permitted != 0:
		return fmt.Errorf(what+withoutPtrace+"the process has capabilities that this one lacks", pid, st.Name)
	}
	return fmt.Errorf(what+withoutPtrace+"the process belongs to another group, gained privileges or made itself undumpable", pid, st.Name)
}

// withoutPtrace precedes what a process can be whom only that capability reaches.
const withoutPtrace = "CAP_SYS_PTRACE is missing (in a container: --cap-add=SYS_PTRACE), and "
