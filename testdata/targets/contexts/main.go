// Contexts has a goroutine for each way in which programs wait for a context to
// be cancelled. For the context NAME it prints NAME.goid of the waiter,
// NAME.addr of the done channel, NAME.ctx.addr and NAME.type of the context
// that owns it, NAME.parents, the types of the contexts that it was made from,
// nearest first, NAME.children, and of one with a deadline when it is due on
// CLOCK_MONOTONIC. NAME.canceller is the goroutine that holds the function which
// cancels it, NAME.onlooker one that has the context alone.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

// far is longer than any test looks at the program.
const far = 10 * time.Hour

var entered = make(chan int64)

// kept holds what must not be collected.
var kept []interface{}

type key struct{}

// monotonic reads CLOCK_MONOTONIC, the runtime's nanotime on linux.
func monotonic() int64 {
	var ts syscall.Timespec
	const clockMonotonic = 1
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	if errno != 0 {
		truth.Fatal("clock_gettime: %v", errno)
	}
	return ts.Nano()
}

// describe prints what is true of the context owner, whose done channel is
// waited for.
func describe(name string, owner context.Context, children int, parents ...context.Context) {
	truth.Addr(name, owner.Done())
	truth.Addr(name+".ctx", owner)
	truth.Set(name+".type", fmt.Sprintf("%T", owner))
	truth.Set(name+".children", children)
	var types []string
	for _, p := range parents {
		types = append(types, fmt.Sprintf("%T", p))
	}
	truth.Set(name+".parents", strings.Join(types, ","))
}

// await waits as most functions do that are passed a context.
//
//go:noinline
func await(name string, ctx context.Context) error {
	truth.Set(name+".goid", truth.Goid())
	entered <- truth.Goid()
	<-ctx.Done()
	return ctx.Err()
}

func waits(name string, ctx context.Context) {
	go await(name, ctx)
	truth.Await(<-entered, "chan receive")
}

// selects waits for a context or for work.
//
//go:noinline
func selects(name string, ctx context.Context, work chan string) error {
	truth.Set(name+".goid", truth.Goid())
	entered <- truth.Goid()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-work:
		return nil
	}
}

// due prints between what bounds a context that set makes is due after d.
func due(name string, d time.Duration, set func()) {
	before := monotonic()
	set()
	truth.Set(name+".due.min", before+int64(d))
	truth.Set(name+".due.max", monotonic()+int64(d))
}

func plain() context.Context {
	background := context.Background()
	ctx, cancel := context.WithCancel(background)
	kept = append(kept, cancel)
	describe("cancel", ctx, 0, background)
	waits("cancel", ctx)
	return background
}

func deadline(background context.Context) {
	var ctx context.Context
	due("timeout", far, func() {
		var cancel func()
		ctx, cancel = context.WithTimeout(background, far)
		kept = append(kept, cancel)
	})
	describe("timeout", ctx, 0, background)
	waits("timeout", ctx)
}

// value has the waiter know only a context with a value, above whose parent the
// deadline is.
func value(background context.Context) {
	outer, cancel := context.WithTimeout(background, 2*far)
	kept = append(kept, cancel)
	middle := context.WithValue(outer, key{}, 1)
	inner, cancel := context.WithCancel(middle)
	kept = append(kept, cancel)
	leaf := context.WithValue(inner, key{}, "leaf")
	describe("value", inner, 0, middle, outer, background)
	waits("value", leaf)
}

func parent(background context.Context) {
	ctx, cancel := context.WithCancel(background)
	kept = append(kept, cancel)
	for i := 0; i < 11; i++ {
		_, cancel := context.WithTimeout(ctx, far)
		kept = append(kept, cancel)
	}
	describe("parent", ctx, 11, background)
	waits("parent", ctx)
}

func selected(background context.Context) {
	work := make(chan string)
	ctx, cancel := context.WithCancel(background)
	kept = append(kept, cancel, work)
	truth.Addr("select.work", work)
	describe("select", ctx, 0, background)
	go selects("select", ctx, work)
	truth.Await(<-entered, "select")
}

// foreign is a context of another package, which keeps its own channel.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f *foreign) Done() <-chan struct{} { return f.done }

func strange(background context.Context) {
	ctx := &foreign{background, make(chan struct{})}
	truth.Addr("foreign", ctx.done)
	waits("foreign", ctx)
}

func signalled(background context.Context) {
	ctx, stop := signal.NotifyContext(background, syscall.SIGUSR1)
	kept = append(kept, stop)
	truth.Addr("signal", ctx.Done())
	waits("signal", ctx)

	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2, syscall.SIGHUP)
	truth.Addr("notify", c)
	go func() {
		truth.Set("notify.goid", truth.Goid())
		entered <- truth.Goid()
		<-c
	}()
	truth.Await(<-entered, "chan receive")
}

// never is a channel that nobody sends to.
var never = make(chan struct{})

// cancels has a function that cancels a context, and calls it when it goes on.
//
//go:noinline
func cancels(name string, cancel context.CancelFunc) {
	defer cancel()
	truth.Set(name+".canceller", truth.Goid())
	entered <- truth.Goid()
	<-never
}

// looksOn has a context, and closes another channel when it goes on.
//
//go:noinline
func looksOn(name string, ctx context.Context, other chan struct{}) {
	truth.Set(name+".onlooker", truth.Goid())
	entered <- truth.Goid()
	<-never
	if ctx.Err() == nil {
		close(other)
	}
}

// held has goroutines that know a context with a child and in different ways:
// only one of them can cancel it, and that cancels the child as well, whose
// deadline does not concern the parent.
func held(background context.Context) {
	ctx, cancel := context.WithCancel(background)
	child, cancelChild := context.WithTimeout(ctx, far)
	kept = append(kept, cancelChild)
	describe("held", ctx, 1, background)
	describe("heldchild", child, 0, ctx, background)
	go looksOn("held", ctx, make(chan struct{}))
	truth.Await(<-entered, "chan receive")
	go looksOn("heldchild", context.WithValue(child, key{}, 1), make(chan struct{}))
	truth.Await(<-entered, "chan receive")
	go cancels("held", cancel)
	truth.Await(<-entered, "chan receive")
	waits("held", ctx)
	waits("heldchild", child)
}

func main() {
	truth.Limit()
	background := plain()
	deadline(background)
	value(background)
	parent(background)
	selected(background)
	held(background)
	strange(background)
	signalled(background)
	newer(background)
	truth.Park()
}
