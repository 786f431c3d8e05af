package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"rtdbgtargets/internal/truth"
)

// whole runs a program of one case in which main is stuck. The goroutine of
// os/signal keeps the runtime from noticing. It prints main.stuck and main.cycle.
func whole(name string) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGUSR1)
	cases := map[string]func(){
		"main-waits-for-worker": mainWaitsForWorker,
		"main-double-lock":      mainDoubleLock,
		"main-receives":         mainReceives,
		"main-abba":             mainABBA,
	}
	f := cases[name]
	if f == nil {
		truth.Fatal("no case %q", name)
	}
	f()
}

// say prints the truth once main is stuck.
func say(stuck, cycle []int64) {
	truth.Set("cases", "main")
	truth.List("main.stuck", stuck)
	if cycle != nil {
		truth.List("main.cycle", cycle)
	}
	main := truth.Goid()
	go func() {
		truth.Await(main)
		truth.Ready()
	}()
}

// mainWaitsForWorker: main reads the result when the worker has ended.
func mainWaitsForWorker() {
	var wg sync.WaitGroup
	result, id := make(chan int), make(chan int64)
	wg.Add(1)
	go func() {
		defer wg.Done()
		id <- truth.Goid()
		result <- 1
	}()
	worker := <-id
	truth.Await(worker, "chan send")
	say([]int64{truth.Goid(), worker}, []int64{truth.Goid(), worker})
	wg.Wait()
	<-result
}

func mainDoubleLock() {
	c := &cache{items: map[string]int{}}
	say([]int64{truth.Goid()}, []int64{truth.Goid()})
	c.get("key")
}

// mainReceives: nobody is there to send.
func mainReceives() {
	say([]int64{truth.Goid()}, nil)
	<-make(chan int)
}

func mainABBA() {
	x, y := &account{}, &account{}
	id := make(chan int64)
	y.Lock()
	go func() {
		id <- truth.Goid()
		x.transfer(y, 1, func() {})
	}()
	other := <-id
	truth.Await(other, truth.MutexLock...)
	say([]int64{truth.Goid(), other}, []int64{truth.Goid(), other})
	x.Lock()
	y.Unlock()
}
