// Pool is a worker pool whose producer is gone: every worker waits on a
// channel that nobody will send to or close, and the collector waits for
// results that will not come.
package main

import (
	"flag"
	"fmt"
	"sync"

	"rtdbgtargets/internal/truth"
)

type job struct{ id, size int }

type result struct {
	id  int
	err error
}

type pool struct {
	jobs    chan job
	results chan result
	wg      sync.WaitGroup
	started chan int64
}

func (p *pool) worker(n int) {
	defer p.wg.Done()
	p.started <- truth.Goid()
	for j := range p.jobs {
		p.results <- result{id: j.id, err: process(n, j)}
	}
}

func process(n int, j job) error {
	if j.size < 0 {
		return fmt.Errorf("worker %d: job %d has no size", n, j.id)
	}
	return nil
}

// produce forgets to close p.jobs: that is the bug.
func (p *pool) produce(jobs int) {
	for i := 0; i < jobs; i++ {
		p.jobs <- job{id: i, size: i}
	}
	p.started <- truth.Goid()
}

func (p *pool) collect() {
	p.started <- truth.Goid()
	for r := range p.results {
		if r.err != nil {
			truth.Fatal("%v", r.err)
		}
	}
}

func (p *pool) closeResults() {
	p.started <- truth.Goid()
	p.wg.Wait()
	close(p.results)
}

func main() {
	workers := flag.Int("workers", 8, "number of workers")
	jobs := flag.Int("jobs", 32, "number of jobs before the producer leaves")
	flag.Parse()
	truth.Limit()

	p := &pool{jobs: make(chan job, 4), results: make(chan result), started: make(chan int64)}
	truth.Addr("jobs", p.jobs)
	truth.Addr("results", p.results)
	truth.Addr("wg", &p.wg)
	truth.Set("wg.count", *workers)

	go p.collect()
	collector := <-p.started
	p.wg.Add(*workers)
	ids := make([]int64, *workers)
	for i := range ids {
		go p.worker(i)
		ids[i] = <-p.started
	}
	go p.produce(*jobs)
	truth.Set("producer.goid", <-p.started)
	go p.closeResults()
	closer := <-p.started

	for _, id := range ids {
		truth.Await(id, "chan receive")
	}
	truth.Await(collector, "chan receive")
	truth.Await(closer, truth.WaitGroupWait...)
	truth.List("worker.goids", ids)
	truth.Set("collector.goid", collector)
	truth.Set("closer.goid", closer)
	truth.Park()
}
