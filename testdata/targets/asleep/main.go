// Asleep has a thread in an uninterruptible sleep: it waits in vfork(2) for a child
// that does nothing. It ends well when the child is killed. Built without cgo it
// says so.
package main

import "rtdbgtargets/internal/truth"

func main() {
	truth.Limit()
	woken := sleeps()
	truth.Ready()
	<-woken
}
