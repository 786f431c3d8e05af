package tracee

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// RefuseWrites has the kernel refuse what this process would write into the memory
// of the process pid by ptrace or process_vm_writev, with EPERM, until allow is
// called. It is for libraries that write when they attach. Writes into other
// processes are not touched.
//
// It uses a seccomp filter whose notifications this process answers itself. The
// filter stays for the life of the process, and its children inherit it: what they
// write is asked for in the same way. It fails before Linux 5.7, and where another
// such filter is in force, as in some containers.
func RefuseWrites(pid int) (allow func(), err error) {
	refused.Lock()
	defer refused.Unlock()
	if refused.pids == nil {
		fd, err := filterWrites()
		if err != nil {
			return nil, fmt.Errorf("refuse writes to process %d: %w", pid, err)
		}
		refused.pids = make(map[int]int)
		go answerWrites(fd)
	}
	refused.pids[pid]++
	return sync.OnceFunc(func() {
		refused.Lock()
		defer refused.Unlock()
		if refused.pids[pid]--; refused.pids[pid] == 0 {
			delete(refused.pids, pid)
		}
	}), nil
}

// refused counts for each process who has its writes refused. There is one filter
// with notifications in a process, and it cannot be taken back.
var refused struct {
	sync.Mutex
	pids map[int]int
}

// refuses reports whether writes to the thread tid are refused now.
func refuses(tid int) bool {
	refused.Lock()
	defer refused.Unlock()
	for pid := range refused.pids {
		if _, err := os.Lstat(fmt.Sprintf("/proc/%d/task/%d", pid, tid)); err == nil {
			return true
		}
	}
	return false
}

// Offsets in struct seccomp_data (linux/seccomp.h). Of an argument the low half is
// looked at: both architectures are little-endian.
const (
	dataNumber = 0
	dataArch   = 4
	dataArg0   = 16
)

// filterWrites installs the filter in all threads and returns the descriptor of its
// notifications.
func filterWrites() (int, error) {
	arch := map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}[runtime.GOARCH]
	if arch == 0 {
		return 0, errors.ErrUnsupported
	}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	// jump skips as many instructions as yes and no say.
	jump := func(k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	end := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	filter := []unix.SockFilter{
		load(dataArch),
		jump(arch, 0, 6),
		load(dataNumber),
		jump(unix.SYS_PROCESS_VM_WRITEV, 5, 0),
		jump(unix.SYS_PTRACE, 0, 3),
		load(dataArg0),
		jump(unix.PTRACE_POKETEXT, 2, 0),
		jump(unix.PTRACE_POKEDATA, 1, 0),
		end(unix.SECCOMP_RET_ALLOW),
		end(unix.SECCOMP_RET_USER_NOTIF),
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	install := func() (int, unix.Errno) {
		const flags = unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
		return int(fd), errno
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, errno := install()
	if errno == unix.EACCES { // without CAP_SYS_ADMIN a filter costs setuid programs their privileges
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return 0, fmt.Errorf("no_new_privs: %w", err)
		}
		fd, errno = install()
	}
	if errno != 0 {
		return 0, fmt.Errorf("seccomp filter: %w", errno)
	}
	unix.CloseOnExec(fd)
	return fd, nil
}

// writeNotice is struct seccomp_notif, writeAnswer struct seccomp_notif_resp
// (linux/seccomp.h).
type writeNotice struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type writeAnswer struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// answerWrites decides on each write until the process ends.
func answerWrites(fd int) {
	for {
		var n writeNotice
		switch _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n))); errno {
		case 0:
		case unix.EINTR, unix.ENOENT: // a signal came first, to this thread or to the writer
			continue
		default:
			return
		}
		tid := n.args[0]
		if n.nr == unix.SYS_PTRACE {
			tid = n.args[1]
		}
		answer := writeAnswer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if refuses(int(tid)) {
			answer.flags, answer.errno = 0, -int32(syscall.EPERM)
		}
		// A writer that a signal has interrupted asks again.
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer)))
	}
}
