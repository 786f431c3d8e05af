// Stalled stops the scheduler in the middle of its work: sysmon is stuck in the
// printing of a schedtrace, because standard error is a pipe that is full, and
// holds sched.lock. It must be run with GODEBUG=schedtrace=1,scheddetail=1 and
// asyncpreemptoff=1, and GOGC=off; its standard error says nothing.
//
// main is in a system call with its P, which sysmon does not take away; parker
// has parked, or yielded with -yield, and its thread waits for sched.lock.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

var (
	spinning, park int32
	spins          uint64
)

func parker(id chan<- int64, wake <-chan int, yield bool) {
	id <- truth.Goid()
	atomic.StoreInt32(&spinning, 1)
	for atomic.LoadInt32(&park) == 0 {
		spins++
	}
	if yield {
		runtime.Gosched()
	}
	<-wake
}

//go:linkname procPin runtime.procPin
func procPin() int

// stall makes standard error a pipe that is full, and returns once a thread is
// stuck in writing to it. From then on nobody gets sched.lock: the goroutine must
// neither lose its P in a system call of which the runtime knows nor yield. What it
// calls is RawSyscall, and it is pinned to its M, so that a request to yield, which
// sysmon makes of one that has run for 10 ms, is of no effect.
func stall() {
	var p [2]int
	truth.Check(syscall.Pipe(p[:]))
	truth.Check(syscall.SetNonblock(p[1], true))
	for full := make([]byte, 4096); ; {
		if _, err := syscall.Write(p[1], full); err != nil {
			break
		}
	}
	for one := []byte{0}; ; {
		if _, err := syscall.Write(p[1], one); err != nil {
			break
		}
	}
	truth.Check(syscall.SetNonblock(p[1], false))
	said, err := syscall.Dup(2)
	truth.Check(err)
	end := time.Now().Add(patience)
	procPin()
	if _, _, errno := syscall.RawSyscall(syscall.SYS_DUP3, uintptr(p[1]), 2, 0); errno != 0 {
		fail(said, "target: dup3 failed\n")
	}
	for !writing() {
		if time.Now().After(end) {
			fail(said, "target: no thread is stuck in writing to standard error\n")
		}
	}
}

// patience is for how long sysmon may not print.
const patience = 30 * time.Second

// fail ends the program without the scheduler, which may be stuck.
func fail(fd int, text string) {
	b := []byte(text)
	syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 1, 0, 0)
}

// writing reports whether a thread is in write(2, …).
func writing() bool {
	const atCwd = -100
	for _, path := range threads {
		dir := atCwd
		fd, _, errno := syscall.RawSyscall6(syscall.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(path)), syscall.O_RDONLY, 0, 0, 0)
		if errno != 0 {
			continue
		}
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, fd, uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
		syscall.RawSyscall(syscall.SYS_CLOSE, fd, 0, 0)
		if errno == 0 && bytes.HasPrefix(buf[:n], inWrite) {
			return true
		}
	}
	return false
}

var (
	buf     [256]byte
	threads []*byte
	inWrite = []byte(fmt.Sprintf("%d 0x2 ", syscall.SYS_WRITE))
)

func main() {
	yield := flag.Bool("yield", false, "have parker yield")
	flag.Parse()
	truth.LimitTo(5 * 60) // it takes a processor
	runtime.GOMAXPROCS(2)
	id := make(chan int64)
	go parker(id, make(chan int), *yield)
	parks := <-id
	truth.Until(&spinning)
	entries, err := os.ReadDir("/proc/self/task")
	truth.Check(err)
	for _, e := range entries {
		path, err := syscall.BytePtrFromString("/proc/self/task/" + e.Name() + "/syscall")
		truth.Check(err)
		threads = append(threads, path)
	}
	text := []byte(fmt.Sprintf("main.goid=%d\nparker.goid=%d\npid=%d\ngo=%s\nready\n", truth.Goid(), parks, os.Getpid(), runtime.Version()))
	var p [2]int
	truth.Check(syscall.Pipe(p[:]))
	stall()
	atomic.StoreInt32(&park, 1)
	syscall.RawSyscall(syscall.SYS_WRITE, 1, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)))
	var b [1]byte
	syscall.Read(p[0], b[:])
}
