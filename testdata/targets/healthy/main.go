// Healthy has goroutines that wait as those of the program deadlocks do, but
// somebody will wake each of them: sooner or later, through the network, by
// another goroutine that sleeps, or through what a package-level variable leads
// to. Each case prints NAME.goids.
package main

import (
	"rtdbgtargets/internal/scene"
	"rtdbgtargets/internal/truth"
)

func main() {
	truth.Limit()
	scene.Life()
	var cases []scene.Case
	for _, list := range [][]scene.Case{lockCases(), sessionCases(), chanCases(), lifeCases(), syncCases(), versionCases()} {
		cases = append(cases, list...)
	}
	scene.PrintAlike(scene.Stage(cases))
	detect()
	truth.Park()
}
