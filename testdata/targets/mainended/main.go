// Mainended goes on after its main goroutine has called runtime.Goexit. With
// -reused the descriptor of that serves another goroutine: so many are started
// that all that are free are taken.
package main

import (
	"flag"
	"runtime"
	"time"

	"rtdbgtargets/internal/truth"
)

// deep needs more stack than a goroutine has in the beginning: the runtime frees
// such a stack when its goroutine ends.
func deep(n int) int {
	var space [512]byte
	if n == 0 {
		return int(space[0])
	}
	return deep(n-1) + int(space[n%len(space)])
}

func wait() { select {} }

// after goes on once main has ended.
func after(reused bool) {
	for truth.Status(1) != "" {
		time.Sleep(time.Millisecond)
	}
	if reused {
		for i := 0; i < 200; i++ {
			go wait()
		}
		time.Sleep(10 * time.Millisecond)
	}
	truth.Ready()
	for {
		time.Sleep(time.Hour)
	}
}

func main() {
	reused := flag.Bool("reused", false, "start goroutines that take the descriptor of main")
	flag.Parse()
	truth.Limit()
	deep(64)
	for i := 0; i < 3; i++ {
		go wait()
	}
	go after(*reused)
	runtime.Goexit()
}
