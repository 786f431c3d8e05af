// Many has a great number of parked goroutines, for benchmarks.
//
//	fanin   all send on one channel, of which nobody receives
//	pairs   two and two wait for each other, each on a channel of its own
//	mutex   queues of 100 behind held mutexes
//	mixed   a bit of everything, on stacks of several depths
//
// With -kernelcore SIGABRT is left to the kernel, which dumps core at once: the
// runtime would print every stack first, and so runs no code on the goroutines
// that the core is of.
package main

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

// perMutex is how many goroutines queue at one mutex.
const perMutex = 100

// started counts the goroutines that have begun.
var started int64

// settle returns when n goroutines have begun and had time to park: each has
// a few instructions left, and none is woken again.
func settle(n int) {
	for atomic.LoadInt64(&started) < int64(n) {
		time.Sleep(time.Millisecond)
	}
	for i := 0; i < 1000; i++ {
		runtime.Gosched()
	}
	time.Sleep(100 * time.Millisecond)
}

// kept holds what the waiting goroutines might be freed without.
var kept []interface{}

func sender(c chan<- int, i int) {
	atomic.AddInt64(&started, 1)
	c <- i
}

func fanin(n int) {
	c := make(chan int)
	truth.Addr("fanin", c)
	for i := 0; i < n; i++ {
		go sender(c, i)
	}
}

// half of a pair receives from in before it would send to out.
func half(in <-chan int, out chan<- int) {
	atomic.AddInt64(&started, 1)
	v := <-in
	out <- v + 1
}

func pairs(n int) {
	for i := 0; i < (n+1)/2; i++ {
		a, b := make(chan int), make(chan int)
		go half(a, b)
		go half(b, a)
	}
}

func locker(mu *sync.Mutex) {
	atomic.AddInt64(&started, 1)
	mu.Lock()
	defer mu.Unlock()
}

func mutexes(n int) {
	for i := 0; i < n; i += perMutex {
		mu := new(sync.Mutex)
		mu.Lock()
		kept = append(kept, mu)
		for j := 0; j < perMutex && i+j < n; j++ {
			go locker(mu)
		}
	}
}

func sleeper() {
	atomic.AddInt64(&started, 1)
	time.Sleep(10 * time.Hour)
}

func selector(a, b chan int, stop <-chan struct{}) {
	atomic.AddInt64(&started, 1)
	select {
	case <-a:
	case b <- 1:
	case <-stop:
	}
}

func deepRoot(n int, c <-chan int) {
	atomic.AddInt64(&started, 1)
	deep(n, c)
}

//go:noinline
func deep(n int, c <-chan int) int {
	if n == 0 {
		return <-c
	}
	return deep(n-1, c) + 1
}

func waiter(wg *sync.WaitGroup) {
	atomic.AddInt64(&started, 1)
	wg.Wait()
}

func mixed(n int) {
	stop := make(chan struct{})
	var wg *sync.WaitGroup
	for i := 0; i < n; i++ {
		switch i % 8 {
		case 0, 1:
			go deepRoot(i%40, make(chan int))
		case 2, 3:
			go selector(make(chan int), make(chan int), stop)
		case 4:
			go sleeper()
		case 5:
			if i%800 == 5 {
				wg = new(sync.WaitGroup)
				wg.Add(1)
			}
			go waiter(wg)
		case 6:
			go sender(make(chan int), i)
		case 7:
			mutexes(1)
		}
	}
}

// leaveAbort gives SIGABRT back to the kernel, whose default is to dump core.
func leaveAbort() {
	// The kernel's struct sigaction on amd64 and arm64; its zero is SIG_DFL.
	var action [4]uint64
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGABRT),
		uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if errno != 0 {
		truth.Fatal("rt_sigaction: %v", errno)
	}
}

func main() {
	n := flag.Int("n", 10000, "number of goroutines")
	shape := flag.String("shape", "fanin", "fanin, pairs, mutex or mixed")
	kernelCore := flag.Bool("kernelcore", false, "die of SIGABRT without a word")
	flag.Parse()
	truth.Limit()
	shapes := map[string]func(int){"fanin": fanin, "pairs": pairs, "mutex": mutexes, "mixed": mixed}
	f, ok := shapes[*shape]
	if !ok {
		truth.Fatal("shape %q", *shape)
	}
	truth.Set("n", *n)
	truth.Set("shape", *shape)
	truth.Set("main.goid", truth.Goid())
	f(*n)
	settle(*n)
	if *kernelCore {
		leaveAbort()
	}
	truth.Park()
}
