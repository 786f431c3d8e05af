package main

import "sync"

// pipelines are stages that hand values on over channels.
func pipelines() []shape {
	return []shape{
		{"pipeline", pipeline},
		{"pipeline-buffered", pipelineBuffered},
		{"pipeline-rounds", pipelineRounds},
		{"stages-in-structs", stagesInStructs},
		{"fan-in", fanIn},
		{"fan-in-merge", fanInMerge},
		{"fan-out", fanOut},
		{"tee", tee},
		{"interface-queue", interfaceQueue},
		{"ping-pong", pingPong},
		{"prime-sieve", primeSieve},
		{"global-channel", globalChannel},
	}
}

// generate sends numbers on a channel that it returns, without end.
func generate(ms int) <-chan int {
	out := make(chan int)
	go func() {
		for i := 0; ; i++ {
			pause(ms)
			out <- i
		}
	}()
	return out
}

// through returns what in sends, each through f.
func through(in <-chan int, f func(int) int) <-chan int {
	out := make(chan int)
	go func() {
		defer close(out)
		for v := range in {
			out <- f(v)
		}
	}()
	return out
}

func pipeline() {
	square := func(v int) int { compute(); return v * v }
	half := func(v int) int { pause(2); return v / 2 }
	for range through(through(through(generate(10), square), half), square) {
		compute()
	}
}

// pipelineBuffered has a slow end: senders wait for room.
func pipelineBuffered() {
	lines := make(chan string, 4)
	parsed := make(chan []byte, 2)
	go func() {
		for {
			lines <- "line"
			compute()
		}
	}()
	go func() {
		for l := range lines {
			parsed <- []byte(l)
		}
	}()
	for range parsed {
		pause(8)
	}
}

// pipelineRounds builds a pipeline anew each time, feeds it and closes it.
func pipelineRounds() {
	for {
		in := make(chan int)
		done := make(chan int)
		out := through(through(in, func(v int) int { pause(3); return v }), func(v int) int { return -v })
		go func() {
			n := 0
			for v := range out {
				n += v
			}
			done <- n
		}()
		for i := 0; i < 10; i++ {
			in <- i
		}
		close(in)
		<-done
	}
}

// stage is a step of a pipeline with its channels in fields.
type stage struct {
	name    string
	in, out chan int
	quit    chan struct{}
}

func (s *stage) run() {
	for {
		select {
		case v := <-s.in:
			s.pass(v + 1)
		case <-s.quit:
			return
		}
	}
}

func (s *stage) pass(v int) {
	compute()
	select {
	case s.out <- v:
	case <-s.quit:
	}
}

func stagesInStructs() {
	quit := make(chan struct{})
	first := make(chan int)
	in := first
	for _, name := range []string{"read", "check", "store"} {
		s := &stage{name: name, in: in, out: make(chan int), quit: quit}
		go s.run()
		in = s.out
	}
	go func() {
		for i := 0; ; i++ {
			pause(7)
			first <- i
		}
	}()
	for range in {
	}
}

// fanIn has many producers on one channel.
func fanIn() {
	all := make(chan int)
	for i := 0; i < 6; i++ {
		i := i
		go func() {
			for {
				pause(30)
				all <- i
			}
		}()
	}
	for range all {
	}
}

// fanInMerge merges a list of channels by a goroutine for each, and closes the
// result once all are done.
func fanInMerge() {
	for {
		var list []<-chan int
		for i := 0; i < 3; i++ {
			list = append(list, burst(10))
		}
		for range merge(list...) {
		}
	}
}

func burst(n int) <-chan int {
	c := make(chan int)
	go func() {
		defer close(c)
		for i := 0; i < n; i++ {
			pause(5)
			c <- i
		}
	}()
	return c
}

func merge(list ...<-chan int) <-chan int {
	var wg sync.WaitGroup
	out := make(chan int)
	output := func(c <-chan int) {
		for v := range c {
			out <- v
		}
		wg.Done()
	}
	wg.Add(len(list))
	for _, c := range list {
		go output(c)
	}
	go func() {
		wg.Wait()
		close(out)
	}()
	return out
}

// fanOut gives each worker a channel of its own, in a slice.
func fanOut() {
	queues := make([]chan int, 4)
	for i := range queues {
		queues[i] = make(chan int, 1)
		go func(q <-chan int) {
			for range q {
				pause(10)
			}
		}(queues[i])
	}
	for i := 0; ; i++ {
		queues[i%len(queues)] <- i
		pause(2)
	}
}

// tee copies one stream to two, whose readers differ in speed.
func tee() {
	in := generate(6)
	left, right := make(chan int), make(chan int)
	go func() {
		for v := range in {
			l, r := left, right
			for i := 0; i < 2; i++ {
				select {
				case l <- v:
					l = nil
				case r <- v:
					r = nil
				}
			}
		}
	}()
	go func() {
		for range left {
			pause(3)
		}
	}()
	for range right {
		compute()
	}
}

// queue is what interfaceQueue's goroutines know of their channel.
type queue interface {
	put(v interface{})
	get() interface{}
}

type chanQueue struct{ items chan interface{} }

func (q chanQueue) put(v interface{}) { q.items <- v }
func (q chanQueue) get() interface{}  { return <-q.items }

type feeder struct{ to queue }

func (f *feeder) run() {
	for {
		pause(10)
		f.to.put("item")
	}
}

type eater struct{ from queue }

func (e *eater) run() {
	for e.from.get() != nil {
		compute()
	}
}

func interfaceQueue() {
	q := chanQueue{make(chan interface{})}
	for i := 0; i < 2; i++ {
		go (&feeder{q}).run()
		go (&eater{q}).run()
	}
}

func pingPong() {
	table := make(chan int)
	player := func(ms int) {
		for {
			ball := <-table
			pause(ms)
			table <- ball + 1
		}
	}
	go player(3)
	go player(5)
	table <- 1
}

// primeSieve is the classic chain of filters, started again and again.
func primeSieve() {
	for {
		quit := make(chan struct{})
		c := make(chan int)
		go func(c chan<- int) {
			for i := 2; ; i++ {
				pause(1)
				select {
				case c <- i:
				case <-quit:
					return
				}
			}
		}(c)
		for i := 0; i < 8; i++ {
			prime := <-c
			next := make(chan int)
			go sieve(c, next, prime, quit)
			c = next
		}
		close(quit)
	}
}

func sieve(in <-chan int, out chan<- int, prime int, quit <-chan struct{}) {
	for {
		select {
		case i := <-in:
			if i%prime == 0 {
				continue
			}
			select {
			case out <- i:
			case <-quit:
				return
			}
		case <-quit:
			return
		}
	}
}

// events is a channel in a package-level variable.
var events = make(chan string)

func globalChannel() {
	go emitEvents()
	go handleEvents()
}

func emitEvents() {
	for {
		pause(10)
		events <- "event"
	}
}

func handleEvents() {
	for range events {
		pause(2)
	}
}
