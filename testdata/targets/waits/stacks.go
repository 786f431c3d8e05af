package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"

	"rtdbgtargets/internal/truth"
)

// depth is the number of frames of the deep stack: more than the 100 that the
// runtime prints.
const depth = 300

func stackWaits() []wait {
	return []wait{
		{waitDeep, recv},
		{waitMutualRecursion, recv},
		{waitGeneric, recv},
		{waitGenericMethod, recv},
		{new(counter).waitMethodValue, recv},
		{waitClosure, recv},
		{waitMethodInterface, recv},
		{waitDeferred, recv},
		{waitPanicking, recv},
		{waitInlined, recv},
		{waitArgs, recv},
		{waitManyArgs, recv},
		{waitBigFrame, recv},
		{waitLabels, recv},
		{waitFinalizer, recv},
	}
}

func waitDeep() {
	c := make(chan int)
	truth.Set("deep.depth", depth)
	enter("deep", c)
	descend(depth, c)
}

//go:noinline
func descend(n int, c chan int) int {
	if n == 0 {
		return <-c
	}
	return descend(n-1, c) + 1
}

func waitVeryDeep(n int) {
	c := make(chan int)
	truth.Set("verydeep.depth", n)
	enter("verydeep", c)
	descend(n, c)
}

// waitMutualRecursion has frames of several functions in its middle.
func waitMutualRecursion() {
	c := make(chan int)
	enter("mutual", c)
	even(200, c)
}

//go:noinline
func even(n int, c chan int) bool {
	if n == 0 {
		return <-c == 0
	}
	return !odd(n-1, c)
}

//go:noinline
func odd(n int, c chan int) bool {
	if n == 0 {
		return <-c == 1
	}
	return !even(n-1, c)
}

type number interface{ ~int | ~float64 }

func waitGeneric() {
	c := make(chan float64)
	enter("generic", c)
	sum([]float64{1, 2.5}, c)
}

//go:noinline
func sum[T number](list []T, c chan T) T {
	total := <-c
	for _, v := range list {
		total += v
	}
	return total
}

type box[K comparable, V any] struct {
	m map[K]V
	c chan V
}

//go:noinline
func (b *box[K, V]) get(k K) V {
	if v, ok := b.m[k]; ok {
		return v
	}
	return <-b.c
}

func waitGenericMethod() {
	b := &box[string, map[int]error]{c: make(chan map[int]error)}
	enter("genericmethod", b.c)
	b.get("missing")
}

type counter struct{ n int }

func (c *counter) waitMethodValue() {
	ch := make(chan int)
	enter("methodvalue", ch)
	c.n = <-ch
}

func waitClosure() {
	c := make(chan int)
	n := 0
	add := func(k int) func() {
		return func() {
			n += k
			n += <-c
		}
	}
	enter("closure", c)
	add(3)()
}

type source interface{ take() int }

type chanSource chan int

//go:noinline
func (c chanSource) take() int { return <-c }

func waitMethodInterface() {
	c := make(chan int)
	var s source = chanSource(c)
	if len(os.Args) > 100 {
		s = nil
	}
	enter("ifacemethod", c)
	s.take()
}

// waitDeferred waits in a deferred function that runs on return.
func waitDeferred() {
	c := make(chan int)
	defer func() {
		recover()
		enter("deferred", c)
		<-c
	}()
	defer fmt.Sprint("another")
}

// waitPanicking waits in a deferred function that runs because of a panic.
func waitPanicking() {
	c := make(chan int)
	defer func() {
		enter("panicking", c)
		<-c
		recover()
	}()
	panic("waits: panic on purpose")
}

// waitInlined waits in functions that the compiler inlines into each other.
func waitInlined() {
	c := make(chan int)
	enter("inlined", c)
	outerInlined(c)
}

func outerInlined(c chan int) int { return middleInlined(c) + 1 }

func middleInlined(c chan int) int { return leafInlined(c) + 1 }

func leafInlined(c chan int) int { return <-c }

type point struct {
	x, y float64
	name string
}

func waitArgs() {
	c := make(chan int)
	enter("args", c)
	varied(c, -1, true, 3.5, "text", []byte{1, 2}, point{1, 2, "p"}, [2]uint16{7, 8}, fmt.Errorf("e"))
}

//go:noinline
func varied(c chan int, i int8, b bool, f float32, s string, l []byte, p point, a [2]uint16, e error) string {
	<-c
	return fmt.Sprint(i, b, f, s, l, p, a, e)
}

func waitManyArgs() {
	c := make(chan int)
	enter("manyargs", c)
	many(c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
}

//go:noinline
func many(c chan int, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14 int) int {
	n := <-c
	return n + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11 + a12 + a13 + a14
}

// waitBigFrame has a frame much larger than a page.
func waitBigFrame() {
	c := make(chan int)
	enter("bigframe", c)
	bigFrame(c)
}

//go:noinline
func bigFrame(c chan int) int {
	var room [20000]int
	for i := range room {
		room[i] = i
	}
	return room[<-c]
}

// waitLabels has labels that the traceback must quote, and some that it need
// not.
func waitLabels() {
	labels := pprof.Labels("request", "42", "tenant", `a "quoted", name`)
	pprof.Do(context.Background(), labels, func(context.Context) {
		c := make(chan int)
		enter("labels", c)
		<-c
	})
}

// waitFinalizer is not itself the goroutine that waits: it has the runtime's
// goroutine that runs finalizers block.
func waitFinalizer() {
	c := make(chan int)
	runtime.SetFinalizer(&point{name: "finalized"}, func(*point) {
		enter("finalizer", c)
		<-c
	})
	runtime.GC()
}
