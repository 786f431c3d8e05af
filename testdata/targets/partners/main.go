// Partners has goroutines that wait for one partner alone: a child whose output
// another process keeps open, and the two sides of coroutines (Go 1.23).
//
// pipes.child is the child that pipes.goid waits for, NAME.goid of "yielded",
// "asking" and "unstarted" goroutines in coroutines.
package main

import (
	"bytes"
	"os"
	"os/exec"
	"time"

	"rtdbgtargets/internal/truth"
)

var entered = make(chan struct{}, 10)

// enter says which goroutine this is.
func enter(name string) {
	truth.Set(name+".goid", truth.Goid())
	entered <- struct{}{}
}

// waitPipes waits for a child that has ended; the process that it started holds
// its standard output open.
func waitPipes() {
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", "sleep 1000 & exit 0")
	cmd.Stdout = &out
	truth.Check(cmd.Start())
	truth.Set("pipes.child", cmd.Process.Pid)
	enter("pipes")
	truth.Check(cmd.Wait())
}

func main() {
	truth.Limit()
	go waitPipes()
	<-entered
	coroutines()
	// Those that entered are about to wait, and the child to end.
	time.Sleep(time.Second)
	truth.Set("main.pid", os.Getpid())
	truth.Park()
}
