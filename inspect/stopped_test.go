package inspect_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/tracee"
)

// Of a process that a signal has stopped it is said that it is, as its queues and
// times look as if it hung; of one that runs it is not.
func TestProcessesThatASignalHasStoppedAreCalledSo(t *testing.T) {
	r := target.Start(t, target.Build(t, target.Spec{Program: "spinners"}), target.Options{})
	for _, stopped := range []bool{false, true} {
		if stopped {
			if err := syscall.Kill(r.PID, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			for st, err := tracee.ReadStatus(r.PID); err == nil && !st.Stopped(); st, err = tracee.ReadStatus(r.PID) {
				time.Sleep(time.Millisecond)
			}
		}
		var said []string
		p, err := inspect.Attach(t.Context(), r.PID, inspect.Options{Warn: func(s string) { said = append(said, s) }})
		if err != nil {
			target.Missing(t, "attach: %v", err)
		}
		p.Close()
		if got := strings.Contains(strings.Join(said, "\n"), "is stopped by a signal"); got != stopped {
			t.Errorf("stopped %v: warnings %q", stopped, said)
		}
	}
}
