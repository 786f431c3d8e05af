// Heartbeat works and watches itself: it has goroutines that are parked, memory,
// work that passes from hand to hand and is counted, and a heart that notices
// when the process stood still. Who connects to its socket gets a report as JSON
// of the time since the last one.
package main

import (
	"encoding/json"
	"flag"
	"net"
	"sync"
	"time"

	"rtdbgtargets/internal/truth"
)

// report is what happened since the last one.
type report struct {
	// Gap is the longest time between two beats, ns; Beats how many there were.
	Gap   int64 `json:"gap_ns"`
	Beats int64 `json:"beats"`
	// Done is how much work was done, Lost what did not come or came twice, Delay
	// the longest that one piece took, ns.
	Done  int64 `json:"done"`
	Lost  int64 `json:"lost"`
	Delay int64 `json:"delay_ns"`
}

var (
	mu  sync.Mutex
	now report
)

// note changes the report.
func note(f func(r *report)) {
	mu.Lock()
	defer mu.Unlock()
	f(&now)
}

// beat sleeps again and again. Monotonic time goes on while the process is
// stopped.
func beat() {
	last := time.Now()
	for {
		time.Sleep(200 * time.Microsecond)
		t := time.Now()
		gap := t.Sub(last).Nanoseconds()
		last = t
		note(func(r *report) {
			r.Beats++
			if gap > r.Gap {
				r.Gap = gap
			}
		})
	}
}

// piece is a piece of work.
type piece struct {
	n    int64
	made time.Time
}

// work passes numbered pieces over several hands and checks what arrives.
func work() {
	first := make(chan piece)
	last := first
	for i := 0; i < 4; i++ {
		from, to := last, make(chan piece)
		last = to
		go func() {
			for p := range from {
				to <- p
			}
		}()
	}
	go func() {
		for n := int64(0); ; n++ {
			first <- piece{n, time.Now()}
			time.Sleep(time.Millisecond)
		}
	}()
	for want := int64(0); ; want++ {
		p := <-last
		took := time.Since(p.made).Nanoseconds()
		lost := p.n != want
		want = p.n
		note(func(r *report) {
			r.Done++
			if lost {
				r.Lost++
			}
			if took > r.Delay {
				r.Delay = took
			}
		})
	}
}

// churn starts and ends goroutines all the time.
func churn() {
	for {
		var wg sync.WaitGroup
		for i := 0; i < 20; i++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				c := make(chan int)
				go func() {
					time.Sleep(2 * time.Millisecond)
					c <- 1
				}()
				<-c
			}()
		}
		wg.Wait()
	}
}

//go:noinline
func parked(c chan int, depth int) int {
	var frame [64]byte
	if depth > 0 {
		return parked(c, depth-1) + int(frame[depth%len(frame)])
	}
	return <-c
}

// node makes a heap in which everything leads on.
type node struct {
	next *node
	pad  [112]byte
}

var heap []*node

func main() {
	truth.LimitTo(10 * 60)
	goroutines := flag.Int("goroutines", 100, "how many are parked")
	depth := flag.Int("depth", 4, "how many calls deep they are")
	megabytes := flag.Int("heap", 0, "how much memory is kept, MB")
	busy := flag.Bool("churn", false, "start and end goroutines all the time")
	flag.Parse()
	for i := 0; i < *megabytes*8192; i++ {
		heap = append(heap, &node{next: &node{}})
		i++
	}
	for i := 0; i < *goroutines; i++ {
		go parked(make(chan int), *depth)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go beat()
	go work()
	if *busy {
		go churn()
	}
	truth.Set("addr", l.Addr())
	truth.Ready()
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		var r report
		note(func(n *report) { r, *n = *n, report{} })
		json.NewEncoder(c).Encode(r)
		c.Close()
	}
}
