package main

import (
	"context"
	"sync"
	"time"
)

// contexts are goroutines that end when others say so.
func contexts() []shape {
	return []shape{
		{"context-tree", contextTree},
		{"context-in-struct", contextInStruct},
		{"context-timeout", contextTimeout},
		{"context-values", contextValues},
		{"context-custom", contextCustom},
	}
}

// contextTree cancels a root of which others' contexts are derived.
func contextTree() {
	for {
		root, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for i := 0; i < 2; i++ {
			child, stop := context.WithCancel(root)
			for j := 0; j < 2; j++ {
				wg.Add(1)
				go func() {
					defer wg.Done()
					<-child.Done()
				}()
			}
			wg.Add(1)
			go func() {
				defer wg.Done()
				defer stop()
				pause(30)
			}()
		}
		pause(20)
		cancel()
		wg.Wait()
	}
}

// daemon keeps its cancel function in a field.
type daemon struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newDaemon() *daemon {
	d := new(daemon)
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.wg.Add(1)
	go d.loop()
	return d
}

func (d *daemon) loop() {
	defer d.wg.Done()
	tick := time.NewTicker(12 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			compute()
		case <-d.ctx.Done():
			return
		}
	}
}

func (d *daemon) close() {
	d.cancel()
	d.wg.Wait()
}

func contextInStruct() {
	for {
		ds := []*daemon{newDaemon(), newDaemon(), newDaemon()}
		pause(30)
		for _, d := range ds {
			d.close()
		}
	}
}

func contextTimeout() {
	for i := 0; i < 3; i++ {
		go func() {
			for {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
				<-ctx.Done()
				cancel()
			}
		}()
	}
}

type key string

// contextValues derives the context several times before it is waited for.
func contextValues() {
	for {
		ctx, cancel := context.WithCancel(context.Background())
		ctx = context.WithValue(ctx, key("user"), "ann")
		ctx, stop := context.WithTimeout(ctx, time.Minute)
		ctx = context.WithValue(ctx, key("trace"), 1)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			<-ctx.Done()
		}()
		pause(15)
		cancel()
		<-ended
		stop()
	}
}

// custom is a context of the program's own: the package context needs a
// goroutine to pass its end on.
type custom struct {
	context.Context
	done chan struct{}
}

func (c custom) Done() <-chan struct{} { return c.done }

func (c custom) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

func contextCustom() {
	for {
		c := custom{context.Background(), make(chan struct{})}
		ctx, cancel := context.WithCancel(c)
		ended := make(chan struct{})
		go func() {
			<-ctx.Done()
			close(ended)
		}()
		pause(15)
		close(c.done)
		<-ended
		cancel()
	}
}
