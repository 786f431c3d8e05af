package main

import (
	"sync"
)

// algorithms are computations divided among goroutines.
func algorithms() []shape {
	return []shape{
		{"ring", ring},
		{"merge-sort", mergeSorts},
		{"map-reduce", mapReduce},
		{"tokens-in-channel", tokensInChannel},
		{"group-commit", groupCommit},
		{"baton", baton},
		{"exchange", exchange},
		{"latch", latch},
		{"double-buffer", doubleBuffer},
		{"bounded-parallel", boundedParallel},
		{"send-or-receive", sendOrReceive},
		{"drain-on-close", drainOnClose},
	}
}

// ring passes a token around.
func ring() {
	const n = 6
	first := make(chan int)
	in := first
	for i := 0; i < n-1; i++ {
		out := make(chan int)
		go forward(in, out)
		in = out
	}
	go forward(in, first)
	first <- 1
}

func forward(in <-chan int, out chan<- int) {
	for v := range in {
		pause(2)
		out <- v + 1
	}
}

func mergeSorts() {
	for {
		list := make([]int, 64)
		for i := range list {
			list[i] = chance(1000)
		}
		<-mergeSort(list)
	}
}

// mergeSort returns the sorted list over a channel, as do the halves.
func mergeSort(list []int) <-chan []int {
	out := make(chan []int, 1)
	go func() {
		if len(list) < 16 {
			pause(5)
			out <- list
			return
		}
		left, right := mergeSort(list[:len(list)/2]), mergeSort(list[len(list)/2:])
		out <- append(<-left, <-right...)
	}()
	return out
}

func mapReduce() {
	type pair struct {
		key string
		n   int
	}
	for {
		var mappers, reducers sync.WaitGroup
		parts := []chan pair{make(chan pair), make(chan pair)}
		for i := 0; i < 3; i++ {
			mappers.Add(1)
			go func() {
				defer mappers.Done()
				for j := 0; j < 4; j++ {
					pause(3)
					parts[j%2] <- pair{"word", 1}
				}
			}()
		}
		for _, p := range parts {
			reducers.Add(1)
			go func(p <-chan pair) {
				defer reducers.Done()
				total := make(map[string]int)
				for x := range p {
					total[x.key] += x.n
				}
			}(p)
		}
		mappers.Wait()
		for _, p := range parts {
			close(p)
		}
		reducers.Wait()
	}
}

// tokensInChannel lends what is in a channel: to acquire is to receive.
func tokensInChannel() {
	tokens := make(chan *conn, 2)
	tokens <- new(conn)
	tokens <- new(conn)
	for i := 0; i < 5; i++ {
		go func() {
			for {
				func() {
					c := <-tokens
					defer func() { tokens <- c }()
					pause(4)
				}()
				compute()
			}
		}()
	}
}

// commits has the first that comes write for all that come meanwhile.
type commits struct {
	mu      sync.Mutex
	waiting []chan error
	writing bool
}

func (c *commits) commit() error {
	done := make(chan error, 1)
	c.mu.Lock()
	c.waiting = append(c.waiting, done)
	leader := !c.writing
	c.writing = true
	c.mu.Unlock()
	if leader {
		c.lead()
	}
	return <-done
}

func (c *commits) lead() {
	for {
		c.mu.Lock()
		batch := c.waiting
		c.waiting = nil
		c.writing = len(batch) > 0
		c.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		pause(5)
		for _, done := range batch {
			done <- nil
		}
	}
}

func groupCommit() {
	c := new(commits)
	for i := 0; i < 5; i++ {
		go func() {
			for {
				if c.commit() == nil {
					pause(3)
				}
			}
		}()
	}
}

// baton has goroutines take turns, each woken by the one before.
func baton() {
	turns := make([]chan struct{}, 4)
	for i := range turns {
		turns[i] = make(chan struct{})
	}
	for i := range turns {
		i := i
		go func() {
			for range turns[i] {
				pause(3)
				turns[(i+1)%len(turns)] <- struct{}{}
			}
		}()
	}
	turns[0] <- struct{}{}
}

// exchange swaps values between pairs of goroutines.
func exchange() {
	meet := make(chan chan int)
	for i := 0; i < 4; i++ {
		go func() {
			for {
				pause(5)
				mine := make(chan int)
				select {
				case meet <- mine:
					<-mine
				case other := <-meet:
					compute()
					other <- 1
				}
			}
		}()
	}
}

// latch lets many start at once.
func latch() {
	for {
		start := make(chan struct{})
		var ready, done sync.WaitGroup
		ready.Add(4)
		done.Add(4)
		for i := 0; i < 4; i++ {
			go func() {
				defer done.Done()
				pause(4)
				ready.Done()
				<-start
				pause(2)
			}()
		}
		ready.Wait()
		pause(6)
		close(start)
		done.Wait()
	}
}

// doubleBuffer fills one buffer while the other is emptied.
func doubleBuffer() {
	empty, full := make(chan []byte, 2), make(chan []byte, 2)
	empty <- make([]byte, 10)
	empty <- make([]byte, 10)
	go func() {
		for b := range full {
			pause(6)
			empty <- b
		}
	}()
	for b := range empty {
		compute()
		full <- b
	}
}

// boundedParallel starts a goroutine for each of many tasks, a few at a time.
func boundedParallel() {
	for {
		var wg sync.WaitGroup
		slots := make(chan struct{}, 3)
		for i := 0; i < 9; i++ {
			slots <- struct{}{}
			wg.Add(1)
			go func() {
				defer func() {
					<-slots
					wg.Done()
				}()
				pause(5)
			}()
		}
		wg.Wait()
	}
}

// sendOrReceive has peers that talk as either side.
func sendOrReceive() {
	c := make(chan int)
	for i := 0; i < 5; i++ {
		go func() {
			for {
				select {
				case c <- 1:
				case <-c:
				}
				pause(6)
			}
		}()
	}
}

// drainOnClose has an end that is told and then drains what is left.
func drainOnClose() {
	for {
		in, quit, drained := make(chan int, 2), make(chan struct{}), make(chan int)
		go func() {
			n := 0
			for {
				select {
				case <-in:
					n++
					pause(2)
					continue
				case <-quit:
				}
				break
			}
			for range in {
				n++
			}
			drained <- n
		}()
		for i := 0; i < 8; i++ {
			in <- i
		}
		close(quit)
		close(in)
		<-drained
	}
}
