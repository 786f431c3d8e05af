// Bubble has goroutines in testing/synctest bubbles (Go 1.25, and Go 1.24 with
// GOEXPERIMENT=synctest). With an older Go it says unsupported and no more.
package main

import "rtdbgtargets/internal/truth"

func main() {
	truth.Limit()
	bubbles()
	truth.Park()
}
