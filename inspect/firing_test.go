package inspect_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wake"
)

// A goroutine that waits for the function of a timer is not given up at the
// instant at which the runtime is about to start that function.
func TestTimersThatAreFiringAreNotForgotten(t *testing.T) {
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		target.Missing(t, "a capture at a certain instant: %v", err)
	}
	for _, version := range answered() {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			exe := target.Build(t, target.Spec{Program: "firing", Go: version})
			r := target.Start(t, exe, target.Options{})
			c := r.CaptureWith(func(pid int, out string) error {
				text, err := exec.Command(gdb, "-nx", "-batch", "-p", strconv.Itoa(pid), "-ex", "handle all nostop noprint pass",
					"-ex", "break time.goFunc", "-ex", "continue", "-ex", "gcore "+out, "-ex", "detach").CombinedOutput()
				if _, serr := os.Stat(out); err != nil || serr != nil {
					return fmt.Errorf("gdb: %v, %v: %s", err, serr, text)
				}
				return nil
			})
			p := open(t, c)
			if a := answer(t, p, c.Vars.Int(t, "waiter.goid")); a.Verdict == wake.Never || a.Verdict == wake.Deadlock {
				t.Errorf("verdict %s: %s", a.Verdict, toJSON(t, a))
			}
		})
	}
}
