package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"rtdbgtargets/internal/truth"
)

func chanWaits() []wait {
	return []wait{
		{waitChanRecv, recv},
		{waitChanRecvBuffered, recv},
		{waitChanRecvRange, recv},
		{waitChanSend, send},
		{waitChanSendFull, send},
		{waitChanRecvNil, []string{"chan receive (nil chan)"}},
		{waitChanSendNil, []string{"chan send (nil chan)"}},
		{waitSelectMany, sel},
		{waitSelectTwo, sel},
		{waitSelectAllNil, sel},
		{waitSelectSameTwice, sel},
		{waitSelectNone, []string{"select (no cases)"}},
		{waitContextCancel, recv},
		{waitSignal, recv},
		{waitQueueFirst, recv},
		{waitQueueSecond, recv},
		{waitQueueSelect, sel},
	}
}

func waitChanRecv() {
	c := make(chan int)
	enter("chanrecv", c)
	<-c
}

func waitChanRecvBuffered() {
	c := make(chan string, 3)
	c <- "taken"
	<-c
	enter("chanrecvbuf", c)
	<-c
}

func waitChanRecvRange() {
	c := make(chan [3]int)
	enter("chanrange", c)
	for range c {
		truth.Fatal("received")
	}
}

func waitChanSend() {
	c := make(chan int)
	enter("chansend", c)
	c <- 42
}

func waitChanSendFull() {
	c := make(chan string, 2)
	c <- "one"
	c <- "two"
	enter("chansendfull", c)
	c <- "three"
}

func waitChanRecvNil() {
	var c chan int
	enter("chanrecvnil", nil)
	<-c
}

func waitChanSendNil() {
	var c chan int
	enter("chansendnil", nil)
	c <- 1
}

// waitSelectMany waits in six cases: three receives, two sends, one on a nil
// channel.
func waitSelectMany() {
	r1, r2, r3 := make(chan int), make(chan string, 1), make(chan struct{})
	s1, s2 := make(chan int), make(chan []byte)
	var none chan int
	for _, c := range []struct {
		name string
		c    interface{}
	}{{"r1", r1}, {"r2", r2}, {"r3", r3}, {"s1", s1}, {"s2", s2}} {
		truth.Addr("selectmany."+c.name, c.c)
	}
	enter("selectmany", nil)
	select {
	case <-r1:
	case v := <-r2:
		truth.Set("impossible", v)
	case s1 <- 7:
	case <-none:
	case _, ok := <-r3:
		truth.Set("impossible", ok)
	case s2 <- []byte("x"):
	}
}

func waitSelectTwo() {
	r, s := make(chan int), make(chan int)
	truth.Addr("selecttwo.r", r)
	truth.Addr("selecttwo.s", s)
	enter("selecttwo", nil)
	select {
	case <-r:
	case s <- 1:
	}
}

func waitSelectAllNil() {
	var a, b chan int
	enter("selectallnil", nil)
	select {
	case <-a:
	case b <- 1:
	}
}

// waitSelectSameTwice waits for receive and for send on one channel.
func waitSelectSameTwice() {
	c := make(chan int)
	enter("selectsame", c)
	select {
	case <-c:
	case c <- 1:
	}
}

func waitSelectNone() {
	enter("selectnone", nil)
	select {}
}

func waitContextCancel() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	enter("ctxcancel", ctx.Done())
	<-ctx.Done()
}

func waitSignal() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	enter("sigrecv", c)
	<-c
}

// queued is waited on by three goroutines, in this order.
var queued = make(chan int)

func waitQueueFirst() {
	enter("queue1", queued)
	<-queued
}

func waitQueueSecond() {
	enter("queue2", queued)
	<-queued
}

func waitQueueSelect() {
	enter("queue3", queued)
	select {
	case <-queued:
	case <-never:
	}
}
