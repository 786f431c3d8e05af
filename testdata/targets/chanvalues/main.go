// Chanvalues has channels with values in them, of every kind, and goroutines
// that wait to send more. For the channel NAME it prints NAME.addr, NAME.buffer
// and NAME.sends: the values, separated by "; ".
package main

import (
	"errors"
	"fmt"
	"strings"

	"rtdbgtargets/internal/truth"
)

var entered = make(chan int64)

// kept holds the channels.
var kept []interface{}

type point struct {
	X, Y int
	Name string
}

type nested struct {
	P    point
	Next *point
	Tags [2]string
	Any  interface{}
	Err  error
	Fn   func()
}

// start starts a goroutine that waits to send.
func start(f func()) {
	go func() {
		entered <- truth.Goid()
		f()
	}()
	truth.Await(<-entered, "chan send")
}

func expect(name string, c interface{}, buffer, sends []string) {
	kept = append(kept, c)
	truth.Addr(name, c)
	truth.Set(name+".buffer", strings.Join(buffer, "; "))
	truth.Set(name+".sends", strings.Join(sends, "; "))
}

func scalars() {
	ints := make(chan int, 3)
	ints <- 0 // the ring begins behind it
	ints <- -5
	ints <- 7
	<-ints
	ints <- 1 << 40
	start(func() { ints <- 99 })
	expect("ints", ints, []string{"-5", "7", "1099511627776"}, []string{"99"})

	bytes := make(chan int8, 1)
	bytes <- -3
	start(func() { bytes <- 4 })
	expect("bytes", bytes, []string{"-3"}, []string{"4"})

	floats := make(chan float64, 1)
	floats <- 1.5
	expect("floats", floats, []string{"1.5"}, nil)

	bools := make(chan bool)
	start(func() { bools <- true })
	expect("bools", bools, nil, []string{"true"})
}

func references() {
	texts := make(chan string, 2)
	texts <- "hello"
	texts <- "a \"b\""
	start(func() { texts <- "more" })
	expect("texts", texts, []string{`"hello"`, `"a \"b\""`}, []string{`"more"`})

	p := &point{}
	pointers := make(chan *point, 2)
	pointers <- p
	pointers <- nil
	expect("pointers", pointers, []string{fmt.Sprintf(`%p → {X:0 Y:0 Name:""}`, p), "nil"}, nil)

	x := errors.New("x")
	errs := make(chan error, 3)
	errs <- nil
	errs <- x
	errs <- p
	expect("errors", errs, []string{"nil", fmt.Sprintf(`*errors.errorString(%p → {s:"x"})`, x), fmt.Sprintf(`*main.point(%p → {X:0 Y:0 Name:""})`, p)}, nil)

	any := make(chan interface{}, 3)
	any <- 42
	any <- "text"
	any <- point{1, 2, "p"}
	expect("anys", any, []string{"int(42)", `string("text")`, `main.point({X:1 Y:2 Name:"p"})`}, nil)
}

func (p *point) Error() string { return p.Name }

func structures() {
	c := make(chan nested, 1)
	p := &point{3, 4, "next"}
	c <- nested{point{1, 2, "first"}, p, [2]string{"a", "b"}, 7, nil, nil}
	start(func() { c <- nested{P: point{Name: "second"}} })
	expect("structs", c,
		[]string{fmt.Sprintf(`{P:{X:1 Y:2 Name:"first"} Next:%p Tags:["a" "b"] Any:int(7) Err:nil Fn:nil}`, p)},
		[]string{`{P:{X:0 Y:0 Name:"second"} Next:nil Tags:["" ""] Any:nil Err:nil Fn:nil}`})

	empty := make(chan struct{}, 2)
	empty <- struct{}{}
	expect("empty", empty, []string{"{}"}, nil)
}

func main() {
	truth.Limit()
	scalars()
	references()
	structures()
	truth.Park()
}
