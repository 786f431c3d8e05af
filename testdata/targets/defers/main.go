// Defers has goroutines that are parked with deferred calls pending, of every
// kind that the compiler knows: open-coded, recorded on the stack and on the
// heap, in range-over-func loops; before, while and after others run. For each
// goroutine NAME it prints NAME.goid and NAME.defers: the pending calls in the
// order in which they will run, each as op:address of the lock, WaitGroup or
// channel that is deferred directly, or as "func:" and the addresses of the
// variables that a deferred closure captured.
package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"rtdbgtargets/internal/truth"
)

// never is a channel that nobody sends to.
var never = make(chan struct{})

// The package-level objects that are deferred.
var (
	globalMu sync.Mutex
	globalRW sync.RWMutex
)

// parked carries the ids of goroutines that park next.
var parked = make(chan int64)

// is says what is pending; the goroutine parks next.
func is(name string, pending ...string) {
	truth.Set(name+".defers", strings.Join(pending, " "))
	parked <- truth.Goid()
}

// call names a deferred call.
func call(op string, obj ...interface{}) string {
	s := op
	for _, o := range obj {
		s += fmt.Sprintf(":%p", o)
	}
	return s
}

// things are what calls are deferred on.
type things struct {
	a, b sync.Mutex
	rw   sync.RWMutex
	wg   sync.WaitGroup
	c    chan int
	list []*sync.Mutex
}

func newThings() *things {
	t := &things{c: make(chan int)}
	for i := 0; i < 3; i++ {
		t.list = append(t.list, new(sync.Mutex))
	}
	t.a.Lock()
	t.b.Lock()
	t.rw.RLock()
	t.wg.Add(1)
	return t
}

func open(t *things) {
	defer t.a.Unlock()
	defer t.wg.Done()
	defer close(t.c)
	defer t.rw.RUnlock()
	is("open", call("runlock", &t.rw), call("close", t.c), call("done", &t.wg), call("unlock", &t.a))
	<-never
}

func conditional(t *things) {
	if len(t.list) == 3 {
		defer t.a.Unlock()
	}
	if len(t.list) == 4 {
		defer t.b.Unlock()
	}
	if t.c != nil {
		defer close(t.c)
	}
	is("conditional", call("close", t.c), call("unlock", &t.a))
	<-never
}

func loop(t *things) {
	for _, m := range t.list {
		m.Lock()
		defer m.Unlock()
	}
	is("loop", call("unlock", t.list[2]), call("unlock", t.list[1]), call("unlock", t.list[0]))
	<-never
}

// many has more deferred calls than are open-coded.
func many(t *things) {
	defer t.list[0].Unlock()
	defer t.list[1].Unlock()
	defer t.list[2].Unlock()
	defer t.list[0].Unlock()
	defer t.list[1].Unlock()
	defer t.list[2].Unlock()
	defer t.list[0].Unlock()
	defer t.list[1].Unlock()
	defer t.a.Unlock()
	l := t.list
	is("many", call("unlock", &t.a), call("unlock", l[1]), call("unlock", l[0]), call("unlock", l[2]), call("unlock", l[1]),
		call("unlock", l[0]), call("unlock", l[2]), call("unlock", l[1]), call("unlock", l[0]))
	<-never
}

//go:noinline
func inner(t *things) {
	defer t.b.Unlock()
	for i := range t.list {
		defer t.list[i].Unlock()
	}
	l := t.list
	is("nested", call("unlock", l[2]), call("unlock", l[1]), call("unlock", l[0]), call("unlock", &t.b),
		call("done", &t.wg), call("unlock", &t.a))
	<-never
}

func nested(t *things) {
	defer t.a.Unlock()
	defer t.wg.Done()
	inner(t)
}

// running is parked in a deferred call, by an ordinary return.
func running(t *things) {
	defer t.a.Unlock()
	defer func() {
		is("running", call("unlock", &t.a))
		<-never
	}()
	defer t.b.Unlock()
}

// runningRecorded is the same with calls that the runtime records.
func runningRecorded(t *things) {
	for i := 0; i < 2; i++ {
		i := i
		defer t.list[i].Unlock()
		defer func() {
			if i == 1 {
				is("runningRecorded", call("unlock", t.list[1]), call("func", t), call("unlock", t.list[0]))
				<-never
			}
		}()
	}
	t.list[0].Lock()
	t.list[1].Lock()
}

// panicking is parked in a deferred call while it panics.
func panicking(t *things) {
	defer func() { recover() }()
	panicky(t)
}

//go:noinline
func panicky(t *things) {
	defer t.a.Unlock()
	defer func() {
		is("panicking", call("unlock", &t.a), "func")
		<-never
	}()
	defer t.b.Unlock()
	panic("on purpose")
}

// exiting is parked in a deferred call of runtime.Goexit.
func exiting(t *things) {
	defer t.a.Unlock()
	defer func() {
		is("exiting", call("unlock", &t.a))
		<-never
	}()
	defer t.b.Unlock()
	runtime.Goexit()
}

func globals(t *things) {
	globalMu.Lock()
	globalRW.Lock()
	defer globalMu.Unlock()
	defer globalRW.Unlock()
	is("globals", call("unlock", &globalRW), call("unlock", &globalMu))
	<-never
}

func cancels(t *things) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	is("cancels", call("func", ctx))
	<-never
}

func captures(t *things) {
	m, c := &t.a, t.c
	defer func() {
		m.Unlock()
		close(c)
	}()
	is("captures", call("func", m, c))
	<-never
}

func interfaces(t *things) {
	var l sync.Locker = &t.a
	if len(t.list) == 4 {
		l = &t.rw
	}
	defer l.Unlock()
	defer t.finish(3, t.c)
	defer (*things).end(t)
	is("interfaces", call("end", t), call("finish", t), call("unlock", &t.a))
	<-never
}

//go:noinline
func (t *things) finish(n int, c chan int) { c <- n }

//go:noinline
func (t *things) end() { close(t.c) }

func main() {
	truth.Limit()
	for _, x := range []struct {
		name string
		f    func(*things)
	}{
		{"open", open}, {"conditional", conditional}, {"loop", loop}, {"many", many}, {"nested", nested},
		{"running", running}, {"runningRecorded", runningRecorded}, {"panicking", panicking}, {"exiting", exiting},
		{"globals", globals}, {"captures", captures}, {"cancels", cancels}, {"interfaces", interfaces},
	} {
		start(x.name, x.f)
	}
	ranges(start)
	truth.Park()
}

func start(name string, f func(*things)) {
	go f(newThings())
	id := <-parked
	truth.Await(id, "chan receive")
	truth.Set(name+".goid", id)
}
