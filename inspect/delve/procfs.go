package delve

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
)

// procStatus is what /proc/PID/status says of a process (proc_pid_status(5)).
type procStatus struct {
	name string
	// state is the letter of the State line: R, S, D, T (stopped), t (stopped
	// by its tracer), Z (zombie), X.
	state byte
	// tgid is the process that the thread belongs to.
	tgid int
	// tracer is the thread that traces this process, 0 for none. It counts as
	// TracerPid, but ptrace(2) ties tracees to threads.
	tracer int
	uid    int
	// pending are the signals that wait to be delivered to the process or to
	// its first thread: bit n-1 stands for signal n.
	pending uint64
}

// readStatus reads /proc/PID/status. The error wraps fs.ErrNotExist or
// syscall.ESRCH when there is no such process.
func readStatus(pid int) (procStatus, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return procStatus{}, err
	}
	var st procStatus
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimSpace(value)
		first, _, _ := strings.Cut(value, "\t")
		switch key {
		case "Name":
			st.name = value
		case "State":
			if value != "" {
				st.state = value[0]
			}
		case "Tgid":
			st.tgid, _ = strconv.Atoi(value)
		case "TracerPid":
			st.tracer, _ = strconv.Atoi(value)
		case "Uid":
			st.uid, _ = strconv.Atoi(first)
		case "SigPnd", "ShdPnd":
			n, _ := strconv.ParseUint(value, 16, 64)
			st.pending |= n
		}
	}
	return st, nil
}

// stopped reports whether a signal has stopped the process (job control), as
// opposed to a tracer.
func (st procStatus) stopped() bool { return st.state == 'T' }

// trapPending reports whether the process is to get a SIGTRAP.
func (st procStatus) trapPending() bool { return st.pending&(1<<(syscall.SIGTRAP-1)) != 0 }

// dead reports whether the process has ended: only its exit status remains.
func (st procStatus) dead() bool { return st.state == 'Z' || st.state == 'X' }

// tracerProcess returns the process whose thread traces this one, 0 for none.
func (st procStatus) tracerProcess() int {
	if st.tracer == 0 {
		return 0
	}
	if by, err := readStatus(st.tracer); err == nil && by.tgid != 0 {
		return by.tgid
	}
	return st.tracer
}

// gone reports whether the process has ended. A process that cannot be looked
// at counts as alive.
func gone(pid int) bool {
	st, err := readStatus(pid)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
	}
	return st.dead()
}

// checkProcess explains why Attach cannot work, before it stops anything.
func checkProcess(pid int) (procStatus, error) {
	if pid <= 0 {
		return procStatus{}, fmt.Errorf("attach to process %d: a process id is a positive number", pid)
	}
	st, err := readStatus(pid)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
		return st, fmt.Errorf("attach to process %d: there is no such process in this PID namespace", pid)
	case err != nil:
		return st, fmt.Errorf("attach to process %d: %w", pid, err)
	case st.tgid != 0 && st.tgid != pid:
		return st, fmt.Errorf("attach to process %d: that is a thread of process %d: attach to %d", pid, st.tgid, st.tgid)
	case pid == os.Getpid():
		return st, fmt.Errorf("attach to process %d: that is this process, which cannot stop itself", pid)
	case st.dead():
		return st, fmt.Errorf("attach to process %d (%s): %w: it is a zombie, only its exit status is left", pid, st.name, ErrExited)
	case st.tracer != 0:
		return st, fmt.Errorf("attach to process %d (%s): process %s already traces it, and a process can have only one tracer: detach that one first, or connect to it if it is a headless Delve server", pid, st.name, processName(st.tracerProcess()))
	}
	return st, checkProcessExecutable(pid, st)
}

// processName returns "12 (gdb)", or "12" where the name cannot be read.
func processName(pid int) string {
	if st, err := readStatus(pid); err == nil {
		return fmt.Sprintf("%d (%s)", pid, st.name)
	}
	return strconv.Itoa(pid)
}

func checkProcessExecutable(pid int, st procStatus) error {
	link := fmt.Sprintf("/proc/%d/exe", pid)
	path, err := os.Readlink(link)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return notPermitted(pid, st)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("attach to process %d (%s): it has no executable: it is a thread of the kernel, or just ended", pid, st.name)
	case err != nil:
		return fmt.Errorf("attach to process %d (%s): %w", pid, st.name, err)
	}
	if err := checkGoExecutable(link); err != nil {
		return fmt.Errorf("attach to process %d (%s): %w", pid, path, err)
	}
	return nil
}

// notPermitted explains an EPERM of ptrace(2) by the rules of "Ptrace access
// mode checking" there.
func notPermitted(pid int, st procStatus) error {
	const what = "attach to process %d (%s): not permitted: "
	if uid := os.Geteuid(); uid != 0 && uid != st.uid {
		return fmt.Errorf(what+"it belongs to user %d: run as that user, or as root", pid, st.name, st.uid)
	}
	scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	switch mode := strings.TrimSpace(string(scope)); {
	case err != nil || mode == "0":
	case mode == "1":
		return fmt.Errorf(what+"kernel.yama.ptrace_scope is 1 and it is not a child of this process: run as root, give CAP_SYS_PTRACE, or set kernel.yama.ptrace_scope to 0", pid, st.name)
	case mode == "2":
		return fmt.Errorf(what+"kernel.yama.ptrace_scope is 2: CAP_SYS_PTRACE is needed (run as root)", pid, st.name)
	case mode == "3":
		return fmt.Errorf(what+"kernel.yama.ptrace_scope is 3: nobody may attach until the next boot", pid, st.name)
	}
	return fmt.Errorf(what+"CAP_SYS_PTRACE is missing (in a container: --cap-add=SYS_PTRACE), or the process gained privileges or made itself undumpable", pid, st.name)
}
