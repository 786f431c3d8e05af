// Package truth lets a target program say what is true of it: identities and
// addresses, one key=value per line on standard output, for a test to compare
// with what a debugger finds. It must build with Go 1.18 and later.
package truth

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// patience limits every wait for another goroutine; reaching it ends the
// program, so that a broken target fails its test at once.
const patience = 30 * time.Second

// Set prints key=value. The line is written by one write(2), so that lines of
// several goroutines do not mix.
func Set(key string, value interface{}) {
	os.Stdout.WriteString(fmt.Sprintf("%s=%v\n", key, value))
}

// Addr prints name.addr, the address that %p prints of obj: a pointer, a
// channel, a map, a function or a slice's first element.
func Addr(name string, obj interface{}) {
	Set(name+".addr", fmt.Sprintf("%p", obj))
}

// List prints key=v1,v2,… .
func List(key string, values []int64) {
	s := make([]string, len(values))
	for i, v := range values {
		s[i] = strconv.FormatInt(v, 10)
	}
	Set(key, strings.Join(s, ","))
}

// Goid returns the calling goroutine's id, as its traceback names it.
func Goid() int64 {
	var buf [64]byte
	n := runtime.Stack(buf[:], false)
	f := bytes.Fields(buf[:n])
	if len(f) < 2 {
		Fatal("no goroutine id in %q", buf[:n])
	}
	id, err := strconv.ParseInt(string(f[1]), 10, 64)
	if err != nil {
		Fatal("goroutine id: %v", err)
	}
	return id
}

// stacks is where Status reads the stacks; it is made once, so that polling
// makes no garbage. Only one goroutine at a time may call Status.
var stacks = make([]byte, 1<<20)

// Status returns what the runtime prints between the brackets of a
// goroutine's traceback, up to the first comma; "" if there is no such
// goroutine. It stops the world.
func Status(goid int64) string {
	n := runtime.Stack(stacks, true)
	for n == len(stacks) {
		stacks = make([]byte, 2*len(stacks))
		n = runtime.Stack(stacks, true)
	}
	header := fmt.Sprintf("goroutine %d [", goid)
	text := stacks[:n]
	for len(text) > 0 {
		block := text
		if i := bytes.Index(text, []byte("\n\n")); i >= 0 {
			block, text = text[:i], text[i+2:]
		} else {
			text = nil
		}
		if !bytes.HasPrefix(block, []byte(header)) {
			continue
		}
		status := string(block[len(header):])
		if i := strings.IndexAny(status, ",]"); i >= 0 {
			status = status[:i]
		}
		// Go 1.26 prints labels, if at all, inside the brackets.
		if i := strings.Index(status, " labels:{"); i >= 0 {
			status = status[:i]
		}
		return status
	}
	return ""
}

// Await returns once goroutine goid has one of the given statuses, or, when
// none are given, once it is neither running nor runnable.
func Await(goid int64, statuses ...string) {
	var last string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		last = Status(goid)
		for _, s := range statuses {
			if last == s {
				return
			}
		}
		if len(statuses) == 0 && last != "" && last != "running" && last != "runnable" {
			return
		}
	}
	Fatal("goroutine %d is %q, want one of %q", goid, last, statuses)
}

// The statuses of goroutines that wait for a semaphore of package sync: they
// got names of their own in Go 1.20 (mutexes) and Go 1.24 (WaitGroup).
var (
	MutexLock     = []string{"sync.Mutex.Lock", "semacquire"}
	RWMutexLock   = []string{"sync.RWMutex.Lock", "semacquire"}
	RWMutexRLock  = []string{"sync.RWMutex.RLock", "semacquire"}
	WaitGroupWait = []string{"sync.WaitGroup.Wait", "semacquire"}
)

// Until returns once *flag is not zero.
func Until(flag *int32) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if atomic.LoadInt32(flag) != 0 {
			return
		}
	}
	Fatal("a flag was not set in time")
}

// Check ends the program if err is not nil.
func Check(err error) {
	if err != nil {
		Fatal("%v", err)
	}
}

// Fatal reports why the target cannot say what is true, and exits.
func Fatal(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "target: "+format+"\n", args...)
	os.Exit(1)
}

// Ready announces that everything has been said: it prints the last line,
// "ready". From here on the program only waits to be looked at.
func Ready() {
	Set("pid", os.Getpid())
	Set("go", runtime.Version())
	os.Stdout.WriteString("ready\n")
}

// Park is Ready followed by waiting forever in select {}. The goroutine of
// os/signal that it starts keeps the runtime from declaring a deadlock.
func Park() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1)
	Ready()
	select {}
}

// Limit lets any process of this user trace this one, and has the kernel end
// it after its longest useful life, so that a test that is killed leaves no
// program behind. It needs no thread and no goroutine. Every target calls it
// first.
func Limit() { LimitTo(20 * 60) }

// LimitTo is Limit for a program that is to live at most so many seconds: one
// that takes more and more memory.
func LimitTo(life int64) {
	const (
		prSetPtracer  = 0x59616d61
		sigevSignal   = 0
		clockMonotone = 1
	)
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetPtracer, ^uintptr(0), 0)
	// The kernel's struct sigevent and struct itimerspec.
	event := struct {
		value         uint64
		signo, notify int32
		_             [48]byte
	}{signo: int32(syscall.SIGKILL), notify: sigevSignal}
	var timer int32
	_, _, errno := syscall.RawSyscall(syscall.SYS_TIMER_CREATE, clockMonotone,
		uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&timer)))
	if errno != 0 {
		Fatal("timer_create: %v", errno)
	}
	spec := struct{ interval, value syscall.Timespec }{value: syscall.Timespec{Sec: life}}
	_, _, errno = syscall.RawSyscall6(syscall.SYS_TIMER_SETTIME, uintptr(timer), 0,
		uintptr(unsafe.Pointer(&spec)), 0, 0, 0)
	if errno != 0 {
		Fatal("timer_settime: %v", errno)
	}
}
