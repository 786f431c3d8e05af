// Marking is in the mark phase most of the time: its heap is large, and a goroutine
// makes garbage, while another runs on each P, so that none is idle. -procs is
// GOMAXPROCS. It must be run with GOGC=5.
//
// allocator.goid makes garbage; busy.goids run all the time.
package main

import (
	"flag"
	"runtime"

	"rtdbgtargets/internal/truth"
)

type node struct {
	left, right *node
	pad         [2]uint64
}

func tree(depth int) *node {
	if depth == 0 {
		return nil
	}
	return &node{left: tree(depth - 1), right: tree(depth - 1)}
}

var (
	heap    *node
	garbage *[1024]uint64
	spins   [8]uint64
)

func busy(i int, id chan<- int64) {
	id <- truth.Goid()
	for {
		spins[i]++
	}
}

func main() {
	procs := flag.Int("procs", 4, "GOMAXPROCS")
	flag.Parse()
	truth.LimitTo(5 * 60) // it takes processors
	runtime.GOMAXPROCS(*procs)
	heap = tree(21)
	id := make(chan int64)
	var ids []int64
	for i := 0; i < *procs; i++ {
		go busy(i, id)
		ids = append(ids, <-id)
	}
	truth.List("busy.goids", ids)
	go func() {
		id <- truth.Goid()
		for {
			garbage = new([1024]uint64)
		}
	}()
	truth.Set("allocator.goid", <-id)
	truth.Park()
}
