package main

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"rtdbgtargets/internal/truth"
)

// full is a channel that nobody receives from.
var full = make(chan int)

// gate is locked by main and never unlocked.
var gate sync.Mutex

func inSend()    { full <- 1 }
func inSleep()   { time.Sleep(10 * time.Hour) }
func inMutex()   { gate.Lock() }
func inNothing() { select {} }

func inSelect() {
	select {
	case <-never:
	case full <- 1:
	case <-time.After(10 * time.Hour):
	}
}

func inWaitGroup() {
	var wg sync.WaitGroup
	wg.Add(1)
	wg.Wait()
}

func inCond() {
	c := sync.NewCond(new(sync.Mutex))
	c.L.Lock()
	c.Wait()
}

func inNetwork() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	l.Accept()
}

// inSyscall reads from a pipe that the runtime does not poll.
func inSyscall() {
	var fds [2]int
	truth.Check(syscall.Pipe(fds[:]))
	syscall.Read(fds[0], make([]byte, 1))
}

func inFile() {
	r, w, err := os.Pipe()
	truth.Check(err)
	defer w.Close()
	r.Read(make([]byte, 1))
}

func holdDuring(mu *sync.Mutex, f func()) {
	mu.Lock()
	defer mu.Unlock()
	enter()
	f()
}

func holdDuringPlain(mu *sync.Mutex, f func()) {
	mu.Lock()
	enter()
	f()
	mu.Unlock()
}

// blockedIn are owners that wait in every kind of thing.
func blockedIn() {
	for _, x := range []struct {
		name string
		f    func()
	}{
		{"send", inSend}, {"sleep", inSleep}, {"mutex", inMutex}, {"nothing", inNothing}, {"select", inSelect},
		{"waitgroup", inWaitGroup}, {"cond", inCond}, {"network", inNetwork}, {"syscall", inSyscall}, {"file", inFile},
	} {
		f := x.f
		mu, other := new(sync.Mutex), new(sync.Mutex)
		mutex("in."+x.name, "defer", mu, func() { holdDuring(mu, f) })
		mutex("plainin."+x.name, "plain", other, func() { holdDuringPlain(other, f) })
	}
}
