// Deadlocks has goroutines that are stuck in every way that people get them
// stuck, in a program that is otherwise alive, so that the runtime does not
// notice. Each case prints NAME.stuck, the goroutines that will never go on,
// and NAME.cycle if they wait for each other; see package scene.
//
// With an argument it is a program of one case in which main is stuck too.
package main

import (
	"net"
	"os"

	"rtdbgtargets/internal/scene"
	"rtdbgtargets/internal/truth"
)

func main() {
	truth.Limit()
	if len(os.Args) > 1 {
		whole(os.Args[1])
		return
	}
	listen()
	scene.Life()
	var cases []scene.Case
	for _, list := range [][]scene.Case{lockCases(), rwCases(), mixedCases(), chanCases(), leakCases(), syncCases(), versionCases()} {
		cases = append(cases, list...)
	}
	scene.PrintStuck(scene.Stage(cases))
	detect()
	truth.Park()
}

// listen has a goroutine that waits for the network.
func listen() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
}
