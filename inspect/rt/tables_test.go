package rt

import (
	"testing"

	"rtdbg/inspect/arch"
	"rtdbg/runtimeversions"
)

// Every field that a view declares is found in every built-in table, under one
// of its spellings.
func TestViewsBindToEveryTable(t *testing.T) {
	ranges, err := runtimeversions.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(ranges) == 0 {
		t.Fatal("there are no tables")
	}
	for _, r := range ranges {
		t.Run(r.String(), func(t *testing.T) {
			table, _, err := runtimeversions.For(r.First, r.GOOS, r.GOARCH)
			if err != nil {
				t.Fatal(err)
			}
			machine, ok := arch.ByName(r.GOARCH)
			if !ok {
				t.Fatalf("no architecture %s", r.GOARCH)
			}
			runtime, err := New(nil, machine, table)
			if err != nil {
				t.Fatal(err)
			}
			for n, want := range map[uint32]Status{0: Idle, 1: Runnable, 2: Running, 3: Syscall, 4: Waiting, 6: Dead, 8: CopyStack, 9: Preempted} {
				if got := runtime.status(n); got != want {
					t.Errorf("status %d is %s, want %s", n, got, want)
				}
			}
			for n, want := range map[uint32]PStatus{0: PIdle, 1: PRunning, 2: PSyscall, 3: PGCStop, 4: PDead} {
				if got := runtime.pstatus(n); got != want {
					t.Errorf("P status %d is %s, want %s", n, got, want)
				}
			}
			if table.Structs["internal/poll.FD"] == nil || table.Structs["runtime.timer"] == nil {
				t.Error("the table lacks structures")
			}
		})
	}
}
