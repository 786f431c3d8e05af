package main

import (
	"context"
	"time"

	"rtdbgtargets/internal/truth"
)

// far is longer than any test looks at the program.
const far = 10 * time.Hour

func timeWaits() []wait {
	return []wait{
		{waitSleep, []string{"sleep"}},
		{waitAfter, recv},
		{waitTicker, recv},
		{waitStoppedTimer, recv},
		{waitResetTimer, recv},
		{waitAfterFunc, recv},
		{waitContextTimeout, recv},
		{waitSelectTimeout, sel},
	}
}

func waitSleep() {
	truth.Set("sleep.deadline", monotonic()+int64(far))
	enter("sleep", nil)
	time.Sleep(far)
}

func waitAfter() {
	c := time.After(far)
	truth.Set("after.deadline", monotonic()+int64(far))
	enter("after", c)
	<-c
}

func waitTicker() {
	t := time.NewTicker(far)
	defer t.Stop()
	truth.Addr("ticker.timer", t)
	truth.Set("ticker.period", int64(far))
	enter("ticker", t.C)
	<-t.C
}

// waitStoppedTimer waits for a timer that will not fire: that is a bug.
func waitStoppedTimer() {
	t := time.NewTimer(far)
	t.Stop()
	keep(t)
	truth.Addr("stoppedtimer.timer", t)
	enter("stoppedtimer", t.C)
	<-t.C
}

func waitResetTimer() {
	t := time.NewTimer(time.Hour)
	t.Reset(far)
	truth.Set("resettimer.deadline", monotonic()+int64(far))
	keep(t)
	truth.Addr("resettimer.timer", t)
	enter("resettimer", t.C)
	<-t.C
}

func waitAfterFunc() {
	c := make(chan int)
	t := time.AfterFunc(far, func() { close(c) })
	defer t.Stop()
	truth.Addr("afterfunc.timer", t)
	enter("afterfunc", c)
	<-c
}

func waitContextTimeout() {
	ctx, cancel := context.WithTimeout(context.Background(), far)
	defer cancel()
	truth.Set("ctxtimeout.deadline", monotonic()+int64(far))
	enter("ctxtimeout", ctx.Done())
	<-ctx.Done()
}

func waitSelectTimeout() {
	c, after := make(chan int), time.After(far)
	truth.Addr("selecttimeout.c", c)
	truth.Addr("selecttimeout.after", after)
	enter("selecttimeout", nil)
	select {
	case <-c:
	case <-after:
	}
}
