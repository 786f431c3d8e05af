// Package demo is a small service that is stuck in the ways in which services
// get stuck, and the capture of a core file of it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"
)

// Ready is the line that Serve prints when everything is stuck.
const Ready = "demo service is stuck"

// Serve runs the service. It returns only if it could not be set up.
func Serve(out io.Writer) error {
	startPool(4)
	startTransfers()
	startDispatcher()
	go heartbeat(time.Hour)
	if err := startReader(); err != nil {
		return err
	}
	go announce(out)
	return migrate([]string{"users", "orders", "invoices"})
}

// announce prints Ready once every goroutine has parked. The collections date
// the waits and free what the start left behind.
func announce(out io.Writer) {
	for range 3 {
		time.Sleep(50 * time.Millisecond)
		runtime.GC()
	}
	fmt.Fprintln(out, Ready)
}

// startPool starts workers for jobs. The producer returns after the first jobs
// without closing the channel: the workers wait for ever.
func startPool(workers int) {
	jobs := make(chan int)
	for range workers {
		go worker(jobs)
	}
	go produce(jobs, 3)
}

func worker(jobs <-chan int) {
	for job := range jobs {
		runtime.KeepAlive(job)
	}
}

func produce(jobs chan<- int, n int) {
	for i := range n {
		jobs <- i
	}
}

// account is a bank account with a lock of its own.
type account struct {
	mu      sync.Mutex
	balance int
}

// startTransfers starts two transfers between the same accounts that lock them
// in opposite order.
func startTransfers() {
	savings, current := &account{balance: 100}, &account{balance: 100}
	both := new(sync.WaitGroup)
	both.Add(2)
	go transfer(savings, current, 10, both)
	go transfer(current, savings, 20, both)
}

func transfer(from, to *account, amount int, both *sync.WaitGroup) {
	from.mu.Lock()
	defer from.mu.Unlock()
	both.Done()
	both.Wait() // until each of them holds its first lock
	to.mu.Lock()
	defer to.mu.Unlock()
	from.balance -= amount
	to.balance += amount
}

// startDispatcher starts a goroutine that selects over events and a context
// that can be cancelled; nobody keeps either.
func startDispatcher() {
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan string)
	go dispatch(ctx, events)
	_ = cancel
}

func dispatch(ctx context.Context, events <-chan string) error {
	for {
		select {
		case e := <-events:
			runtime.KeepAlive(e)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// heartbeat sleeps most of the time.
func heartbeat(every time.Duration) {
	for {
		time.Sleep(every)
	}
}

// startReader starts a goroutine that reads from a pipe to which nobody writes.
func startReader() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	go readUpdates(r, w)
	return nil
}

func readUpdates(r, w *os.File) {
	buf := make([]byte, 64)
	_, err := r.Read(buf)
	runtime.KeepAlive(err)
	runtime.KeepAlive(w)
}

// migrate waits for a migration of every table. One of them fails, and its
// error path forgets to call Done.
func migrate(tables []string) error {
	var wg sync.WaitGroup
	for _, table := range tables {
		wg.Add(1)
		go migrateTable(table, &wg)
	}
	wg.Wait()
	return errors.New("the demo service ended")
}

func migrateTable(table string, wg *sync.WaitGroup) {
	if table == "orders" {
		return
	}
	wg.Done()
}
