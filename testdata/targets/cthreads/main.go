// Cthreads has threads that C made: stuck.thread never calls Go, callback.thread
// called Go, where callback.goid waits for good; and call.goid, which is locked to
// call.thread, called C, which does not return. Built without cgo it says
// unsupported and no more.
package main

import "rtdbgtargets/internal/truth"

func main() {
	truth.Limit()
	threads()
	truth.Park()
}
