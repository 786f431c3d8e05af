package stack

import (
	"testing"

	"rtdbg/inspect/internal/target"
)

// TestArm64ShapesMatchCrashText compares stacks of every shape on an
// architecture with a link register: among them goroutines that a signal
// interrupted and that were preempted where they were, in a function with and
// without a frame.
func TestArm64ShapesMatchCrashText(t *testing.T) {
	forVersions(t, func(t *testing.T, version string) {
		c := target.Start(t, buildShapesFor(t, "arm64", version), target.Options{}).Crash()
		p := open(t, c)
		checkParked(t, p)
		if _, n := checkRunning(t, p); n < 1 {
			t.Error("no system stack compared")
		}
		checkFuncIDs(t, p)
		checkStackAll(t, p)
		checkHeapDump(t, p)
		checkPointers(t, p)
		checkShortcuts(t, p)
		checkElision(t, p)
	})
}

// TestArm64RunningGoroutineMatchesCrashText compares a goroutine that a signal
// finds in the middle of its code.
func TestArm64RunningGoroutineMatchesCrashText(t *testing.T) {
	forVersions(t, func(t *testing.T, version string) {
		// It must not be preempted just when the signal arrives.
		o := target.Options{Args: []string{"spin"}, Env: []string{"GODEBUG=asyncpreemptoff=1"}}
		p := open(t, target.Start(t, buildShapesFor(t, "arm64", version), o).Crash())
		if n, _ := checkRunning(t, p); n != 1 {
			t.Errorf("%d running goroutines compared, want 1", n)
		}
	})
}

func TestArm64BuildModesMatchCrashText(t *testing.T) {
	if testing.Short() {
		t.Skip("only the plain build in short mode")
	}
	for _, flags := range []string{"-buildmode=pie", "-gcflags=all=-N -l"} {
		t.Run(flags, func(t *testing.T) {
			p := open(t, target.Start(t, buildShapesFor(t, "arm64", "", flags), target.Options{}).Crash())
			checkParked(t, p)
			checkRunning(t, p)
			checkHeapDump(t, p)
		})
	}
}

// TestArm64CgoMatchesCrashText compares a program with C threads and C stacks.
func TestArm64CgoMatchesCrashText(t *testing.T) {
	s := target.Spec{Program: "waits", GOARCH: "arm64", Cgo: true}
	p := open(t, target.Take(t, s, target.Options{}, target.Kernel))
	checkParked(t, p)
	checkRunning(t, p)
}
