package main

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

func syscallWaits() []wait {
	return []wait{
		{waitSysRead, inSyscall},
		{waitFlock, inSyscall},
		{waitFutex, inSyscall},
		{waitNanosleep, inSyscall},
		{waitExec, nil},
		{waitLockedThread, recv},
	}
}

// waitSysRead reads an empty pipe that the network poller does not know.
func waitSysRead() {
	var fds [2]int
	truth.Check(syscall.Pipe(fds[:]))
	truth.Set("sysread.fd", fds[0])
	enter("sysread", nil)
	syscall.Read(fds[0], make([]byte, 1))
}

func waitFlock() {
	open := func() int {
		f, err := os.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o600)
		truth.Check(err)
		keep(f)
		return int(f.Fd())
	}
	held, wanted := open(), open()
	truth.Check(syscall.Flock(held, syscall.LOCK_EX))
	truth.Set("flock.fd", wanted)
	enter("flock", nil)
	syscall.Flock(wanted, syscall.LOCK_EX)
}

// futexWord is what waitFutex waits on; nobody wakes it.
var futexWord uint32

func waitFutex() {
	const futexWaitPrivate = 0 | 128
	enter("futex", &futexWord)
	for {
		syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&futexWord)), futexWaitPrivate, 0, 0, 0, 0)
	}
}

func waitNanosleep() {
	ts := syscall.NsecToTimespec(int64(far))
	enter("nanosleep", nil)
	for syscall.Nanosleep(&ts, &ts) == syscall.EINTR {
	}
}

// waitExec waits for a child process: in a system call, or where the kernel
// and the Go version have pidfd, possibly in the network poller.
func waitExec() {
	cmd := exec.Command("sleep", "1000")
	truth.Check(cmd.Start())
	truth.Set("exec.child", cmd.Process.Pid)
	enter("exec", nil)
	cmd.Wait()
}

func waitLockedThread() {
	runtime.LockOSThread()
	c := make(chan int)
	truth.Set("locked.tid", syscall.Gettid())
	enter("locked", c)
	<-c
}
