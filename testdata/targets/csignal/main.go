// Csignal has a thread of C, stuck.thread, which a signal interrupted in
// interrupted and whose handler, on a stack of its own, does not return. Built
// without cgo it says unsupported and no more.
package main

import "rtdbgtargets/internal/truth"

func main() {
	truth.Limit()
	threads()
	truth.Park()
}
