// Incidents has one illness at a time, for the scripts that recognise it:
//
//	-ill=none     a few goroutines that wait as usual; main waits for signals
//	-ill=groups   400 goroutines wait in two places
//	-ill=growing  40 goroutines of one origin are left behind, one at a time
//	-ill=writers  the writers of 30 connections wait for messages, and their
//	              readers have left without a word
//	-ill=convoy   30 goroutines wait for a lock whose owner sleeps
//	-ill=lost     main waits for an end that nobody can announce
//	-ill=timers   2000 timers
//	-ill=remote   20 goroutines wait for one server, which says nothing
//	-ill=locked   3 goroutines are locked to their threads
package main

import (
	"flag"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"rtdbgtargets/internal/truth"
)

var (
	illnesses = map[string]func(){
		"none": none, "groups": groups, "growing": growing, "writers": writers, "convoy": convoy,
		"lost": none, "timers": timers, "remote": remote, "locked": locked,
	}
	mu   sync.Mutex
	gate = make(chan int)
	kept []interface{}
)

// stay are the goroutines that wait for good.
var stay []int64

// start runs f in a goroutine, which waits for good, and returns its id.
func start(f func()) int64 {
	id := make(chan int64)
	go func() {
		id <- truth.Goid()
		f()
	}()
	goid := <-id
	stay = append(stay, goid)
	return goid
}

func receive() { <-gate }
func send()    { gate <- 1 }

// none is a few goroutines, beside whom somebody can wake those that wait.
func none() {
	start(func() {
		for range time.NewTicker(time.Hour).C {
			gate <- 1
		}
	})
	for i := 0; i < 3; i++ {
		truth.Await(start(receive))
	}
}

func groups() {
	for i := 0; i < 200; i++ {
		start(receive)
	}
	other := make(chan int)
	for i := 0; i < 200; i++ {
		start(func() { other <- 1 })
	}
}

// handle leaves a goroutine behind for each request.
func handle() {
	result := make(chan int)
	start(func() { result <- 1 })
}

func growing() {
	for i := 0; i < 40; i++ {
		handle()
		done := make(chan int)
		for j := 0; j < 3; j++ {
			go func() { done <- 1 }()
		}
		for j := 0; j < 3; j++ {
			<-done
		}
	}
}

func writer(id chan int64, messages chan string) {
	id <- truth.Goid()
	for range messages {
	}
}

// reader starts the writer of its connection and leaves.
func reader(id chan int64) {
	messages := make(chan string)
	go writer(id, messages)
}

func writers() {
	id := make(chan int64)
	for i := 0; i < 30; i++ {
		go reader(id)
		stay = append(stay, <-id)
	}
}

func convoy() {
	mu.Lock()
	for i := 0; i < 30; i++ {
		start(func() {
			mu.Lock()
			mu.Unlock()
		})
	}
	start(func() {
		defer mu.Unlock()
		time.Sleep(time.Hour)
	})
}

func timers() {
	for i := 0; i < 2000; i++ {
		kept = append(kept, time.AfterFunc(time.Hour, receive))
	}
}

func remote() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	kept = append(kept, l)
	for i := 0; i < 20; i++ {
		c, err := net.Dial("tcp", l.Addr().String())
		truth.Check(err)
		kept = append(kept, c)
		truth.Await(start(func() { c.Read(make([]byte, 1)) }), "IO wait")
	}
}

func locked() {
	for i := 0; i < 3; i++ {
		truth.Await(start(func() {
			runtime.LockOSThread()
			receive()
		}))
	}
}

func main() {
	ill := flag.String("ill", "none", "the illness")
	flag.Parse()
	truth.Limit()
	f := illnesses[*ill]
	if f == nil {
		truth.Fatal("no illness %q", *ill)
	}
	f()
	for _, goid := range stay {
		truth.Await(goid)
	}
	runtime.GC()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	me := truth.Goid()
	go func() {
		truth.Await(me, "chan receive")
		truth.Ready()
	}()
	if *ill == "lost" {
		lost()
	}
	<-stop
	runtime.KeepAlive(kept)
}

// lost waits for the end of a server that has forgotten to say so.
func lost() {
	done := make(chan bool)
	<-done
}
