package main

import (
	"io"
	"net"
	"sync"

	"rtdbgtargets/internal/scene"
)

func mixedCases() []scene.Case {
	return []scene.Case{
		{Name: "send-under-lock", Stage: sendUnderLock},
		{Name: "recv-under-lock", Stage: recvUnderLock},
		{Name: "global-lock-and-chan", Stage: globalLockAndChan},
		{Name: "close-waits-for-writer", Stage: closeWaitsForWriter},
		{Name: "publish-under-lock", Stage: publishUnderLock},
		{Name: "log-through-pipe", Stage: logThroughPipe},
		{Name: "both-write", Stage: bothWrite},
		{Name: "stop-waits-for-loop", Stage: stopWaitsForLoop},
		{Name: "cond-under-lock", Stage: condUnderLock},
		{Name: "queue-under-two-locks", Stage: queueUnderTwoLocks},
	}
}

func sendUnderLock(s *scene.Scene) {
	var mu sync.Mutex
	events := make(chan int)
	held := scene.Barrier(2)
	s.Start("sender", func() {
		mu.Lock()
		defer mu.Unlock()
		held()
		events <- 1
	})
	s.Start("receiver", func() {
		held()
		mu.Lock()
		defer mu.Unlock()
		<-events
	})
	s.Cycle("sender", "receiver")
}

func recvUnderLock(s *scene.Scene) {
	var mu sync.Mutex
	replies := make(chan int)
	held := scene.Barrier(2)
	s.Start("receiver", func() {
		mu.Lock()
		held()
		<-replies
		mu.Unlock()
	})
	s.Start("sender", func() {
		held()
		mu.Lock()
		mu.Unlock()
		replies <- 1
	})
	s.Cycle("receiver", "sender")
}

var sessions struct {
	sync.Mutex
	open map[int]chan int
}

func globalLockAndChan(s *scene.Scene) {
	done := make(chan int)
	held := scene.Barrier(2)
	s.Start("evict", func() {
		sessions.Lock()
		defer sessions.Unlock()
		held()
		<-done
	})
	s.Start("session", func() {
		held()
		sessions.Lock()
		delete(sessions.open, 1)
		sessions.Unlock()
		close(done)
	})
	s.Cycle("evict", "session")
	s.Global()
}

// transport is closed by one who holds the lock that its writer needs to end.
type transport struct {
	mu     sync.Mutex
	frames chan []byte
	done   chan struct{}
	sent   int
}

func (t *transport) write() {
	defer close(t.done)
	for f := range t.frames {
		t.mu.Lock()
		t.sent += len(f)
		t.mu.Unlock()
	}
}

func (t *transport) close(locked func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	locked()
	close(t.frames)
	<-t.done
}

func closeWaitsForWriter(s *scene.Scene) {
	t := &transport{frames: make(chan []byte, 1), done: make(chan struct{})}
	t.frames <- []byte("x")
	locked := scene.Barrier(2)
	s.Start("closer", func() { t.close(locked) })
	s.Start("writer", func() {
		locked()
		t.write()
	})
	s.Cycle("closer", "writer")
}

type publisher struct {
	mu   sync.Mutex
	subs map[chan int]bool
}

func (p *publisher) publish(v int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.subs {
		c <- v
	}
}

func (p *publisher) evict(c chan int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.subs, c)
	close(c)
}

// publishUnderLock: the subscriber leaves while its channel is full.
func publishUnderLock(s *scene.Scene) {
	p := &publisher{subs: map[chan int]bool{}}
	c := make(chan int, 1)
	p.subs[c] = true
	s.Start("publisher", func() {
		p.publish(1)
		p.publish(2)
	})
	s.Blocked("publisher")
	s.Start("subscriber", func() {
		p.evict(c)
		for range c {
		}
	})
	s.Cycle("publisher", "subscriber")
}

// logger writes to a pipe whose reader logs.
type logger struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *logger) print(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	io.WriteString(l.w, line)
}

func logThroughPipe(s *scene.Scene) {
	r, w := io.Pipe()
	l := &logger{w: w}
	s.Start("program", func() { l.print("hello\n") })
	s.Blocked("program")
	s.Start("reader", func() {
		l.print("reader starts\n")
		io.Copy(io.Discard, r)
	})
	s.Cycle("program", "reader")
}

// bothWrite: two ends of a connection without a buffer write first.
func bothWrite(s *scene.Scene) {
	a, b := net.Pipe()
	talk := func(c net.Conn) func() {
		return func() {
			c.Write([]byte("hello"))
			c.Read(make([]byte, 5))
		}
	}
	s.Start("client", talk(a))
	s.Start("server", talk(b))
	s.Cycle("client", "server")
}

// node stops when its loop has ended, and the loop hands over its last update
// to the one who stops it.
type node struct {
	ready, stop, stopped chan int
}

func (n *node) loop() {
	defer close(n.stopped)
	for {
		n.ready <- 1
		select {
		case <-n.stop:
			return
		default:
		}
	}
}

func (n *node) consume(updates int, enough func()) {
	for i := 0; i < updates; i++ {
		<-n.ready
	}
	enough()
	n.halt()
}

func (n *node) halt() {
	n.stop <- 1
	<-n.stopped
}

func stopWaitsForLoop(s *scene.Scene) {
	n := &node{make(chan int), make(chan int), make(chan int)}
	s.Start("loop", n.loop)
	enough := scene.Barrier(2)
	s.Start("consumer", func() { n.consume(3, enough) })
	s.Blocked("loop")
	enough()
	s.Cycle("loop", "consumer")
}

// condUnderLock: the one who would signal needs a lock that the waiter keeps.
func condUnderLock(s *scene.Scene) {
	var outer sync.Mutex
	inner := sync.NewCond(new(sync.Mutex))
	ready := false
	s.Start("waiter", func() {
		outer.Lock()
		defer outer.Unlock()
		inner.L.Lock()
		defer inner.L.Unlock()
		for !ready {
			inner.Wait()
		}
	})
	s.Blocked("waiter")
	s.Start("signaler", func() {
		outer.Lock()
		defer outer.Unlock()
		inner.L.Lock()
		ready = true
		inner.L.Unlock()
		inner.Signal()
	})
	s.Cycle("waiter", "signaler")
}

// queueUnderTwoLocks: a lock, a channel and another lock make one cycle.
func queueUnderTwoLocks(s *scene.Scene) {
	var head, tail sync.Mutex
	items := make(chan int)
	held := scene.Barrier(3)
	s.Start("feeder", func() {
		head.Lock()
		defer head.Unlock()
		held()
		items <- 1
	})
	s.Start("drain", func() {
		held()
		tail.Lock()
		defer tail.Unlock()
		<-items
	})
	s.Start("flush", func() {
		tail.Lock()
		defer tail.Unlock()
		held()
		head.Lock()
		defer head.Unlock()
	})
	s.Cycle("feeder", "drain", "flush")
}
