// Selects has a goroutine in each kind of select. For the select NAME it prints
// NAME.goid and NAME.cases, the cases in source order as "recv 0x…", "send 0x…"
// or "recv nil", separated by commas. NAME.line may say in which line the first
// is, NAME.step how many lines below it the next.
package main

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"

	"rtdbgtargets/internal/truth"
)

var entered = make(chan int64)

// kept holds the channels, so that no two have the same address.
var kept []interface{}

// nothing is a nil channel that the compiler does not know to be one.
var nothing chan int

func recv(c interface{}) string { return "recv " + at(c) }
func send(c interface{}) string { return "send " + at(c) }

func at(c interface{}) string {
	kept = append(kept, c)
	if reflect.ValueOf(c).IsNil() {
		return "nil"
	}
	return fmt.Sprintf("%p", c)
}

func enter(name string, cases ...string) {
	truth.Set(name+".cases", strings.Join(cases, ","))
	truth.Set(name+".goid", truth.Goid())
	entered <- truth.Goid()
}

// took is the case that was taken: none is.
var took int

// next says that the cases of the select begin two lines below the call, the next
// so many lines below.
func next(name string, step int) {
	_, _, line, _ := runtime.Caller(1)
	truth.Set(name+".line", line+2)
	truth.Set(name+".step", step)
}

func start(f func()) {
	go f()
	truth.Await(<-entered, "select")
}

func receives() {
	a, b, c := make(chan int), make(chan string), make(chan struct{})
	enter("receives", recv(a), recv(b), recv(c))
	select {
	case v := <-a:
		truth.Set("impossible", v)
	case <-b:
	case _, ok := <-c:
		truth.Set("impossible", ok)
	}
}

func sends() {
	a, b := make(chan int), make(chan string)
	enter("sends", send(a), send(b))
	select {
	case a <- 1:
	case b <- "x":
	}
}

// nilEnds has nil channels before and behind the others.
func nilEnds() {
	a, b := make(chan int), make(chan int)
	enter("nilends", recv(nothing), recv(a), recv(nothing), recv(b), recv(nothing))
	select {
	case <-nothing:
	case <-a:
	case <-nothing:
	case <-b:
	case <-nothing:
	}
}

func nilSends() {
	a, b := make(chan int), make(chan int)
	enter("nilsends", send(a), send(nothing), send(b))
	select {
	case a <- 1:
	case nothing <- 2:
	case b <- 3:
	}
}

// mixed has sends and receives in turn.
func mixed() {
	a, b, c, d := make(chan int), make(chan int), make(chan int), make(chan int)
	enter("mixed", recv(a), send(b), recv(c), send(d))
	next("mixed", 1)
	select {
	case <-a:
	case b <- 1:
	case <-c:
	case d <- 2:
	}
}

// both is in both queues of a channel, of one twice.
func both() {
	c, other := make(chan int), make(chan int)
	enter("both", recv(c), send(c), recv(other), recv(c))
	select {
	case <-c:
	case c <- 1:
	case <-other:
	case v := <-c:
		truth.Set("impossible", v)
	}
}

// mixedNil has nil channels among sends and receives, and at both ends.
func mixedNil() {
	a, b := make(chan int), make(chan string)
	enter("mixednil", send(nothing), recv(a), recv(nothing), send(b), send(nothing), recv(nothing))
	next("mixednil", 2)
	select {
	case nothing <- 1:
		took = 1
	case <-a:
		took = 2
	case <-nothing:
		took = 3
	case b <- "x":
		took = 4
	case nothing <- 2:
		took = 5
	case <-nothing:
		took = 6
	}
}

func allNil() {
	enter("allnil", recv(nothing), send(nothing), recv(nothing))
	next("allnil", 2)
	select {
	case <-nothing:
		took = 7
	case nothing <- 1:
		took = 8
	case <-nothing:
		took = 9
	}
}

// many has so many cases that their array is zeroed by a call or in a loop.
func many() {
	c := make([]chan int, 10)
	var cases []string
	for i := range c {
		c[i] = make(chan int)
		if i%3 == 0 {
			cases = append(cases, send(c[i]))
		} else {
			cases = append(cases, recv(c[i]))
		}
	}
	enter("many", cases...)
	next("many", 1)
	select {
	case c[0] <- 0:
	case <-c[1]:
	case <-c[2]:
	case c[3] <- 3:
	case <-c[4]:
	case <-c[5]:
	case c[6] <- 6:
	case <-c[7]:
	case <-c[8]:
	case c[9] <- 9:
	}
}

func reflectedNil() {
	enter("reflectednil", recv(nothing), send(nothing))
	reflect.Select([]reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(nothing)},
		{Dir: reflect.SelectSend, Chan: reflect.ValueOf(nothing), Send: reflect.ValueOf(1)},
	})
}

func reflected() {
	a, b := make(chan int), make(chan string, 1)
	b <- "full"
	c := make(chan struct{})
	enter("reflected", recv(nothing), recv(a), send(b), recv(c), send(nothing), recv(nothing))
	reflect.Select([]reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(nothing)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(a)},
		{Dir: reflect.SelectSend, Chan: reflect.ValueOf(b), Send: reflect.ValueOf("x")},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)},
		{Dir: reflect.SelectSend, Chan: reflect.ValueOf(nothing), Send: reflect.ValueOf(1)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(nothing)},
	})
}

// reflectedFew has so few cases that reflect keeps them on its stack.
func reflectedFew() {
	a, b := make(chan int), make(chan string)
	enter("reflectedfew", send(a), recv(b))
	reflect.Select([]reflect.SelectCase{
		{Dir: reflect.SelectSend, Chan: reflect.ValueOf(a), Send: reflect.ValueOf(1)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(b)},
	})
}

func main() {
	truth.Limit()
	start(receives)
	start(sends)
	start(nilEnds)
	start(nilSends)
	start(mixed)
	start(both)
	start(mixedNil)
	start(allNil)
	start(many)
	start(reflectedNil)
	start(reflected)
	start(reflectedFew)
	truth.Park()
}
