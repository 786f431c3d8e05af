//go:build go1.25 || goexperiment.synctest

package main

import (
	"context"
	"sync"
	"time"

	"rtdbgtargets/internal/truth"
)

var entered = make(chan struct{}, 100)

// outside is not of the bubble: who waits on it is not durably blocked, so
// that the bubble neither advances its time nor ends in a deadlock.
var outside = make(chan struct{})

func enter(name string, obj interface{}) {
	truth.Set(name+".goid", truth.Goid())
	if obj != nil {
		truth.Addr(name, obj)
	}
	entered <- struct{}{}
}

func bubbles() {
	go outsider()
	go run(inBubble)
	const goroutines = 10
	for i := 0; i < goroutines; i++ {
		<-entered
	}
	// Those that entered are about to wait.
	time.Sleep(100 * time.Millisecond)
}

// inBubble is the root of the bubble, which waits for something outside it.
func inBubble() {
	go waitRecv(make(chan int))
	go waitSend(make(chan int))
	go waitSelect(make(chan int), make(chan int))
	go waitSleep()
	go waitCond()
	go waitTimeout()
	c := make(chan int)
	handed <- c
	go crossed(c)
	go insider(c)
	enter("root", outside)
	<-outside
}

func waitRecv(c chan int) {
	enter("recv", c)
	<-c
}

// handed and forever are not of the bubble.
var (
	handed  = make(chan chan int, 1)
	forever = make(chan struct{})
)

// outsider has a channel of the bubble, but must not use it.
func outsider() {
	c := <-handed
	enter("outsider", c)
	<-forever
	c <- 1
}

// insider is of the bubble and may.
func insider(c chan int) {
	enter("insider", c)
	<-outside
	c <- 1
}

func crossed(c chan int) {
	enter("crossed", c)
	<-c
}

func waitSend(c chan int) {
	enter("send", c)
	c <- 1
}

func waitSelect(a, b chan int) {
	enter("select", a)
	select {
	case <-a:
	case b <- 1:
	}
}

func waitSleep() {
	enter("sleep", nil)
	time.Sleep(time.Hour)
}

func waitCond() {
	c := sync.NewCond(new(sync.Mutex))
	c.L.Lock()
	enter("cond", c)
	c.Wait()
}

func waitTimeout() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	enter("timeout", ctx.Done())
	<-ctx.Done()
}
