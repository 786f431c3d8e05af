package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"rtdbgtargets/internal/truth"
)

// printing returns two goroutines: one is stuck in print and holds its lock, the
// other waits for that.
func printing() (printer, waiter int64) {
	var p [2]int
	truth.Check(syscall.Pipe(p[:]))
	truth.Check(syscall.SetNonblock(p[1], true))
	for size := 4096; size > 0; {
		if _, err := syscall.Write(p[1], make([]byte, size)); err != nil {
			size /= 2
		}
	}
	truth.Check(syscall.SetNonblock(p[1], false))
	truth.Check(syscall.Dup3(p[1], 2, 0))
	// Asking for an identity takes the lock of print.
	first, second := newPrinter(), newPrinter()
	first.print(syscall.SYS_WRITE, "0x2")
	second.print(syscall.SYS_FUTEX, "")
	return first.goid, second.goid
}

// aPrinter is a goroutine that prints when it is told to, on a thread of its own.
type aPrinter struct {
	goid   int64
	thread int
	start  chan bool
}

func newPrinter() *aPrinter {
	p := &aPrinter{start: make(chan bool)}
	known := make(chan bool)
	go func() {
		runtime.LockOSThread()
		p.goid, p.thread = truth.Goid(), syscall.Gettid()
		known <- true
		<-p.start
		print("x")
	}()
	<-known
	return p
}

// print has p print, and returns once its thread is in the system call, as /proc
// shows it.
func (p *aPrinter) print(number int, arg string) {
	p.start <- true
	path, call := fmt.Sprintf("/proc/self/task/%d/syscall", p.thread), fmt.Sprintf("%d %s", number, arg)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(path)
		truth.Check(err)
		if strings.HasPrefix(string(b), call) && p.stays(path, string(b)) {
			return
		}
	}
	truth.Fatal("the thread does not come to the system call %s", call)
}

// stays reports whether the thread is in the same system call for a while: it
// sleeps in others on its way.
func (p *aPrinter) stays(path, call string) bool {
	for i := 0; i < 20; i++ {
		time.Sleep(time.Millisecond)
		b, err := os.ReadFile(path)
		truth.Check(err)
		if string(b) != call {
			return false
		}
	}
	return true
}
