package inspect_test

import (
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// A goroutine in a system call says which one, and on what descriptor, as far
// as the arguments of package syscall's functions are live.
func TestSyscallsAreNamed(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, x := range []struct{ key, name, fd string }{
			{"sysread", "read", "sysread.fd"}, {"flock", "flock", "flock.fd"}, {"futex", "futex", ""}, {"nanosleep", "nanosleep", ""},
		} {
			on := goroutine(t, p, c.Vars.Int(t, x.key+".goid")).WaitsOn()
			if len(on) != 1 || on[0].Syscall == nil {
				t.Errorf("%s waits on %s", x.key, toJSON(t, on))
				continue
			}
			if s := on[0].Syscall; s.Name != x.name || s.Number == nil {
				t.Errorf("%s: %s, want %s", x.key, toJSON(t, on), x.name)
			}
			if x.fd != "" && (on[0].FD == nil || *on[0].FD != c.Vars.Int(t, x.fd)) {
				t.Errorf("%s: %s, want fd %d", x.key, toJSON(t, on), c.Vars.Int(t, x.fd))
			}
		}
	})
}

// A goroutine in C says which function it called.
func TestCgoCallsNameTheFunction(t *testing.T) {
	spec := target.Spec{Program: "cgo", Cgo: true}
	c := target.Take(t, spec, target.Options{}, target.Kernel)
	p := open(t, c)
	found := 0
	gs, err := p.Goroutines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range gs {
		for _, on := range g.WaitsOn() {
			if on.Syscall != nil && on.Syscall.C != "" {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("no goroutine is in a C function that is known")
	}
}
