// Command shapes parks goroutines on stacks of every shape that an unwinder
// has to know, says which pointers they hold, and waits to be crashed. It
// must build with Go 1.18 and later.
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

var never = make(chan int)

// goroutines is the number of those that have to be parked before the crash.
var goroutines int

func start(f func()) {
	goroutines++
	go f()
}

type big struct {
	a, b [3]int32
	s    string
	f    float64
	e    struct{}
	in   struct{ x, y uint8 }
}

//go:noinline
func args(a int8, b string, c []byte, d interface{}, e big, f float32, g *int, h bool, i uint64, j complex128, k error) int {
	e.in.x++
	n := <-never
	runtime.KeepAlive(g)
	return n + int(a) + len(b) + len(c) + int(e.in.x) + int(i)
}

func inner(n int) int { return leaf(n) + 1 }
func leaf(n int) int  { return <-never + n }

//go:noinline
func outer(n int) int { return inner(n) + 2 }

// mixed alternates physical and inlined frames.
//
//go:noinline
func mixed(n int) int {
	if n == 0 {
		return <-never
	}
	return step(n) + 1
}
func step(n int) int { return mixed(n - 1) }

type list[T any] struct{ v []T }

//go:noinline
func (l *list[T]) each(f func(T) int) (n int) {
	for _, v := range l.v {
		n += f(v)
	}
	return n
}

//go:noinline
func apply[K comparable, V any](m map[K]V, f func(K, V) int) (n int) {
	for k, v := range m {
		n += f(k, v)
	}
	return n
}

type waiter interface{ wait(int) int }
type base struct{ n int }

func (b *base) wait(n int) int { return <-never + n + b.n }

type derived struct{ *base }
type value struct{ n int }

//go:noinline
func (v value) wait(n int) int { return <-never + n + v.n }

//go:noinline
func callWait(w waiter) int { return w.wait(3) }

// sink keeps what it is given from being dead, and not from being on the
// stack.
//
//go:noinline
func sink(p *[4]*int) int {
	if p == nil {
		return 0
	}
	return *p[2]
}

func newInt(key string) *int {
	p := new(int)
	*p = len(key)
	fmt.Printf("%s=%#x\n", key, uintptr(unsafe.Pointer(p)))
	return p
}

//go:noinline
func same(p *[4]*int) *[4]*int { return p }

// pointers holds one pointer in each way.
//
//go:noinline
func pointers(arg *int, done chan<- bool) int {
	local := newInt("local")
	dead := newInt("dead")
	n := *dead
	var object [4]*int // its address is taken, so it is a stack object
	object[2] = newInt("object")
	p := same(&object)
	var unused [4]*int // a stack object that nothing points to any more
	unused[2] = newInt("unused")
	n += sink(&unused)
	done <- true
	n += <-never
	return n + sink(p) + *local + *arg
}

func fault() {
	defer func() { <-never }()
	var p *big
	p.a[1] = 1
}

func recovered() {
	defer func() {
		_ = recover()
		func() { <-never }()
	}()
	panic("recovered")
}

func nested() {
	defer func() {
		defer func() { <-never }()
		panic("second")
	}()
	panic("first")
}

//go:noinline
func spin(n int) {
	for {
		n++
	}
}

type methods struct{ p *int }

//go:noinline
func (m methods) Wait(a *int, s string) (*int, int) { return a, <-never + len(s) }

func reflected() {
	f := reflect.MakeFunc(reflect.TypeOf(func(*int, string) *int { return nil }), func(in []reflect.Value) []reflect.Value {
		<-never
		return in[:1]
	})
	f.Interface().(func(*int, string) *int)(newInt("makefunc"), "x")
}

func methodValue() {
	f := reflect.ValueOf(methods{new(int)}).MethodByName("Wait").Interface().(func(*int, string) (*int, int))
	f(newInt("methodvalue"), "x")
}

func starts() {
	one := 1
	start(func() {
		args(-1, "hello", []byte("bytes"), 3.5, big{a: [3]int32{1, 2, 3}, s: "big", f: 2}, 1.5, &one, true, 1<<63, 1i, os.ErrClosed)
	})
	start(func() { outer(5) })
	start(func() { mixed(7) })
	start(func() { mixed(48) })
	start(func() { mixed(49) })
	start(func() { mixed(50) })
	start(func() { mixed(400) })
	start(func() { (&list[string]{[]string{"a"}}).each(func(s string) int { return <-never + len(s) }) })
	start(func() {
		(&list[struct{ a, b int }]{make([]struct{ a, b int }, 2)}).each(func(s struct{ a, b int }) int { return <-never })
	})
	start(func() { apply(map[string][]int{"k": {1}}, func(k string, v []int) int { return <-never }) })
	start(func() { callWait(derived{&base{1}}) })
	start(func() { callWait(&value{1}) })
	start(func() { callWait(value{2}) })
	start(fault)
	start(recovered)
	start(nested)
	start(reflected)
	start(methodValue)
	start(func() { time.Sleep(time.Hour) })
	start(func() { var mu sync.Mutex; mu.Lock(); mu.Lock() })
	start(func() { var c chan int; <-c })
	start(func() { runtime.LockOSThread(); <-never })
	start(func() {
		select {
		case <-never:
		case make(chan int) <- 1:
		}
	})
	start(func() {
		var fd [2]int
		if err := syscall.Pipe(fd[:]); err != nil {
			panic(err)
		}
		syscall.Read(fd[0], make([]byte, 1))
	})
	goroutines++
	go args(7, "direct", nil, nil, big{}, 0, nil, false, 0, 0, nil)
	goroutines++
	go (&base{9}).wait(4)
}

func init() { runtime.LockOSThread() } // main stays on the main thread

func main() {
	starts()
	startVersion()
	startGenericMethods()
	done := make(chan bool)
	arg := newInt("arg")
	start(func() { pointers(arg, done) })
	<-done
	for !parked() {
		time.Sleep(time.Millisecond)
	}
	debug.FreeOSMemory()
	// What the runtime says of them now is what it would say later.
	f, err := os.Create("heap.dump")
	if err != nil {
		panic(err)
	}
	debug.WriteHeapDump(f.Fd())
	f.Close()
	buf := make([]byte, 1<<20)
	if err := os.WriteFile("stack.txt", buf[:runtime.Stack(buf, true)], 0o600); err != nil {
		panic(err)
	}
	fmt.Printf("goroutines=%d\n", goroutines)
	// A test that is killed leaves nothing behind.
	time.AfterFunc(2*time.Minute, func() { os.Exit(1) })
	if len(os.Args) > 1 {
		// A signal to the process goes to the main thread: it finds this.
		time.AfterFunc(50*time.Millisecond, func() { fmt.Println("ready") })
		spin(1)
	}
	for i := 0; i < runtime.GOMAXPROCS(0)+2; i++ {
		go spin(i)
	}
	// Let some be preempted where they are.
	time.Sleep(100 * time.Millisecond)
	fmt.Println("ready")
	<-never
}

// parked reports whether all goroutines but this one have started and wait.
func parked() bool {
	buf := make([]byte, 1<<20)
	all := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	for _, g := range all[1:] {
		head, _, _ := strings.Cut(g, "\n")
		if strings.Contains(head, "[running") || strings.Contains(head, "[runnable") {
			return false
		}
	}
	return len(all) > goroutines
}
