package tracee

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// A thread in an uninterruptible sleep (state D) gets no signal before it wakes: it
// waits for a disk that does not answer, or for a child of vfork(2). PTRACE_ATTACH,
// which sends SIGSTOP, waits for it; who seizes threads does not ([Stop]).

// sleeperStep is between the two looks of Sleeper.
const sleeperStep = 200 * time.Millisecond

// Sleeper returns a thread of the process that sleeps uninterruptibly and has not
// woken over two looks, 0 for none.
func Sleeper(pid int) (tid int) {
	asleep := make(map[int]uint64)
	eachThread(pid, func(tid int, st Status) {
		if st.State == 'D' {
			asleep[tid] = st.switches
		}
	})
	if len(asleep) == 0 {
		return 0
	}
	time.Sleep(sleeperStep)
	for t, switches := range asleep {
		if st, err := ReadStatus(t); err == nil && st.State == 'D' && st.switches == switches && (tid == 0 || t < tid) {
			tid = t
		}
	}
	return tid
}

// ErrSleeps says that a thread of a process, tid, cannot be attached to by
// PTRACE_ATTACH before it wakes.
func ErrSleeps(pid, tid int) error {
	where := ""
	if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/wchan", pid, tid)); err == nil && string(b) != "0" && len(b) > 0 {
		where = fmt.Sprintf(" (in %s)", b)
	}
	return fmt.Errorf("attach to process %d: its thread %d sleeps uninterruptibly in the kernel%s, and Delve would wait for it: ask without --stop and --listen, which does not", pid, tid, where)
}

// StopPending reports whether a thread of the process is to get a SIGSTOP that was
// sent to it alone, as PTRACE_ATTACH does. If its tracer has ended meanwhile, that
// stops the whole process when the thread wakes. SIGCONT takes it away.
func StopPending(pid int) (pending bool) {
	eachThread(pid, func(_ int, st Status) {
		pending = pending || st.own&(1<<(syscall.SIGSTOP-1)) != 0
	})
	return pending
}

// eachThread calls visit for the threads of a process that can be looked at.
func eachThread(pid int, visit func(tid int, st Status)) {
	dirs, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", pid))
	for _, dir := range dirs {
		tid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if st, err := ReadStatus(tid); err == nil {
			visit(tid, st)
		}
	}
}
