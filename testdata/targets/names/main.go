// Names has for each of the ways in which programs call an object a goroutine
// that waits on the object and one that will act on it, both parked. For each
// case NAME it prints the two (NAME.waiter, NAME.waker) and what the waker's
// source calls the object (NAME.path) with its type (NAME.type); and all names,
// as cases.
package main

import (
	"strings"
	"sync"

	"rtdbgtargets/internal/truth"
)

// entered carries the ids of goroutines that are about to park.
var entered = make(chan int64)

// never is a channel that nobody sends to or receives from.
var never = make(chan int)

// hold parks the caller for good.
//
//go:noinline
func hold() {
	entered <- truth.Goid()
	<-never
}

// conn and pool are what the wakers find the objects through.
type conn struct {
	n  int
	in chan int
	mu sync.Mutex
}

type pool struct {
	name   string
	c      *conn
	jobs   chan int
	list   []*conn
	byName map[string]*conn
	out    interface{ put(int) }
	inner  struct{ done chan bool }
}

func (c *conn) put(v int) { c.in <- v }

//go:noinline
func produce(jobs chan int) {
	hold()
	jobs <- 1
}

//go:noinline
func finish(done chan<- bool) {
	hold()
	close(done)
}

//go:noinline
func (p *pool) field() {
	hold()
	p.jobs <- 1
}

//go:noinline
func (p *pool) nested() {
	hold()
	p.inner.done <- true
}

//go:noinline
func (p *pool) twoFields() {
	hold()
	p.c.in <- 1
}

//go:noinline
func (p *pool) elements() {
	hold()
	for _, c := range p.list {
		c.in <- 1
	}
}

//go:noinline
func (p *pool) inMap(name string) {
	hold()
	p.byName[name].in <- 1
}

//go:noinline
func (p *pool) inInterface() {
	hold()
	p.out.put(1)
}

//go:noinline
func captured() func() {
	results := make(chan int)
	recv("captured", results)
	return func() {
		hold()
		results <- 1
	}
}

//go:noinline
func moved(ready chan bool) {
	results := make(chan int)
	change := func() { results = make(chan int) }
	recv("moved", results)
	ready <- true
	hold()
	results <- 1
	change()
}

//go:noinline
func (c *conn) locked() {
	c.mu.Lock()
	hold()
	c.n++
	c.mu.Unlock()
}

// shared is a package-level variable.
var shared = pool{jobs: make(chan int)}

//go:noinline
func static() {
	hold()
	shared.jobs <- 1
}

// waiter returns the id of a goroutine that is parked in f.
func waiter(f func(), statuses ...string) int64 {
	go func() {
		entered <- truth.Goid()
		f()
	}()
	id := <-entered
	truth.Await(id, statuses...)
	return id
}

func recv(name string, c <-chan int) {
	truth.Set(name+".waiter", waiter(func() { <-c }, "chan receive"))
}

var cases []string

// set starts the waker of a case, unless it has been started.
func set(name, path, typ string, f func()) {
	if f != nil {
		go f()
	}
	id := <-entered
	truth.Await(id, "chan receive")
	cases = append(cases, name)
	truth.Set(name+".waker", id)
	truth.Set(name+".path", path)
	truth.Set(name+".type", typ)
}

func newPool() *pool { return &pool{name: "pool", c: &conn{in: make(chan int)}, jobs: make(chan int)} }

func main() {
	truth.Limit()
	jobs := make(chan int)
	recv("argument", jobs)
	set("argument", "jobs", "chan int", func() { produce(jobs) })

	done := make(chan bool)
	truth.Set("closer.waiter", waiter(func() { <-done }, "chan receive"))
	set("closer", "done", "chan<- bool", func() { finish(done) })

	p := newPool()
	recv("field", p.jobs)
	set("field", "p.jobs", "chan int", p.field)

	p2 := newPool()
	p2.inner.done = make(chan bool)
	truth.Set("nested.waiter", waiter(func() { <-p2.inner.done }, "chan receive"))
	set("nested", "p.inner.done", "chan bool", p2.nested)

	p3 := newPool()
	recv("fields", p3.c.in)
	set("fields", "p.c.in", "chan int", p3.twoFields)

	p4 := newPool()
	p4.list = []*conn{{in: make(chan int)}, {in: make(chan int)}}
	recv("slice", p4.list[1].in)
	set("slice", "p.list[…].in", "chan int", p4.elements)

	p5 := newPool()
	p5.byName = map[string]*conn{"a": {in: make(chan int)}}
	recv("map", p5.byName["a"].in)
	set("map", "p.byName[…].in", "chan int", func() { p5.inMap("a") })

	p6 := newPool()
	p6.out = &conn{in: make(chan int)}
	recv("interface", p6.out.(*conn).in)
	set("interface", "p.out.in", "chan int", p6.inInterface)

	set("captured", "results", "chan int", captured())
	ready := make(chan bool)
	go moved(ready)
	<-ready
	set("moved", "results", "chan int", nil)

	c := &conn{}
	set("lock", "c.mu", "sync.Mutex", c.locked)
	truth.Set("lock.waiter", waiter(c.mu.Lock, truth.MutexLock...))

	recv("static", shared.jobs)
	set("static", "main.shared.jobs", "chan int", static)
	truth.Set("cases", strings.Join(cases, ","))
	truth.Park()
}
