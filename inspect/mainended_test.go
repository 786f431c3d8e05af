package inspect_test

import (
	"path/filepath"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// A program goes on when its main goroutine has called runtime.Goexit: its
// descriptor is dead and has no stack, or serves another goroutine. What is read
// of it is what the runtime prints, with symbols and without.
func TestMainGoroutineHasEnded(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
	}{{"dead", nil}, {"reused", []string{"-reused"}}} {
		t.Run(tt.name, func(t *testing.T) {
			for _, version := range matrixReleases() {
				t.Run(version, func(t *testing.T) {
					parallel(t)
					c := target.Take(t, target.Spec{Program: "mainended", Go: version}, target.Options{Args: tt.args}, target.Kernel)
					p := open(t, c)
					compareGoroutines(t, c, p, target.Everything)
					first := mainsDescriptor(t, p)
					if reused := !first.Dead() && first.Goid != 1; reused != (len(tt.args) > 0) {
						t.Errorf("the first descriptor: goid %d, %s", first.Goid, first.Status())
					}
					twin := *c
					twin.Exe = filepath.Join(t.TempDir(), "twin")
					stripELF(t, c.Exe, twin.Exe)
					compareGoroutines(t, &twin, open(t, &twin), target.Everything)
				})
			}
		})
	}
}

// mainsDescriptor is the first of runtime.allgs, in which main ran.
func mainsDescriptor(t *testing.T, p *inspect.Process) *inspect.Goroutine {
	t.Helper()
	for _, g := range goroutines(t, p) {
		if g.Index == 0 {
			return g
		}
	}
	t.Fatal("runtime.allgs has no first goroutine")
	return nil
}
