// Waits has one goroutine for every way in which a user's goroutine can wait,
// each in a function of its own, so that a test knows of each what it waits
// on. For the wait NAME it prints NAME.goid, and NAME.addr of the object that
// it waits on.
package main

import (
	"flag"
	"runtime"
	"time"

	"rtdbgtargets/internal/truth"
)

// A wait is one goroutine to start.
type wait struct {
	f func()
	// statuses are those by which its traceback shows that it waits; none
	// means any but running and runnable.
	statuses []string
}

// entered carries the id of a goroutine that is about to wait.
var entered = make(chan int64)

// never is a channel that nobody sends to or closes.
var never = make(chan struct{})

// enter announces the calling goroutine as the wait called name. obj is what
// it will wait on, nil for nothing that has an address.
func enter(name string, obj interface{}) {
	id := truth.Goid()
	truth.Set(name+".goid", id)
	if obj != nil {
		truth.Addr(name, obj)
	}
	entered <- id
}

// kept holds what must live as long as the program though no goroutine uses
// it any more.
var kept []interface{}

func keep(x ...interface{}) { kept = append(kept, x...) }

// launch starts the waits, each when the one before is parked.
func launch(waits []wait) {
	for _, w := range waits {
		go w.f()
		truth.Await(awaitEntered(), w.statuses...)
	}
}

// awaitEntered returns the id of the goroutine that entered.
func awaitEntered() int64 {
	select {
	case id := <-entered:
		return id
	case <-time.After(time.Minute):
		truth.Fatal("a goroutine did not enter its wait")
		return 0
	}
}

func main() {
	spin := flag.Bool("spin", true, "keep one goroutine running")
	depth := flag.Int("depth", 0, "frames of an additional, very deep stack")
	flag.Parse()
	truth.Limit()
	runtime.GOMAXPROCS(4)
	truth.Set("main.goid", truth.Goid())
	truth.Addr("never", never)

	launch(chanWaits())
	launch(syncWaits())
	launch(timeWaits())
	launch(ioWaits())
	launch(syscallWaits())
	launch(stackWaits())
	launch(versionWaits())
	if *depth > 0 {
		launch([]wait{{func() { waitVeryDeep(*depth) }, recv}})
	}
	if *spin {
		go spinning()
		awaitEntered()
	}
	truth.Park()
}

var spins uint64

// spinning is always running: it is the one goroutine here that does not
// wait.
func spinning() {
	enter("spin", nil)
	for {
		spins++
	}
}

// Statuses that several waits share.
var (
	recv      = []string{"chan receive"}
	send      = []string{"chan send"}
	sel       = []string{"select"}
	ioWait    = []string{"IO wait"}
	inSyscall = []string{"syscall"}
)
