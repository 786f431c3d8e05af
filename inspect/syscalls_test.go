package inspect_test

import (
	"fmt"
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
			if s := on[0].Syscall; s.P != nil || !s.Lost {
				t.Errorf("%s: %s, want no P: there are idle ones, and it has lasted long", x.key, toJSON(t, on))
			}
			// In Go 1.19 and 1.20 the function that calls tells alone: the threads
			// are in the handler of the signal that ends the program.
			if v := minor(t, p.Info().Go); v == 19 || v == 20 {
				if s := on[0].Syscall; s.Number != nil || s.Name != x.name && x.key != "futex" {
					t.Errorf("%s: %s, want %s", x.key, toJSON(t, on), x.name)
				}
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

// A goroutine in C says which function it called, and in which system call that
// is where the thread was left there.
func TestCgoCallsNameTheFunction(t *testing.T) {
	for how, call := range map[target.Method]string{target.Kernel: "", target.Gcore: "pause"} {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			c := target.Take(t, target.Spec{Program: "cgo", Cgo: true}, target.Options{}, how)
			checkCgoCall(t, c, open(t, c), call)
		})
	}
}

func checkCgoCall(t *testing.T, c *target.Capture, p *inspect.Process, call string) {
	t.Helper()
	on := goroutine(t, p, c.Vars.Int(t, "inc.goid")).WaitsOn()
	if len(on) != 1 || on[0].Syscall == nil || on[0].Syscall.C != "sleepInC" || p.Info().GOARCH == "amd64" && on[0].Syscall.Name != call {
		t.Errorf("inc: %s, want the C function sleepInC in %q", toJSON(t, on), call)
	}
}

// A goroutine in os/exec.(*Cmd).Wait says which child it waits for.
func TestExecWaitNamesTheChild(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		on := goroutine(t, p, c.Vars.Int(t, "exec.goid")).WaitsOn()
		if len(on) != 1 || on[0].Child == nil || on[0].Child.PID != c.Vars.Int(t, "exec.child") || on[0].Child.Pipes {
			t.Errorf("exec: %s, want child %d", toJSON(t, on), c.Vars.Int(t, "exec.child"))
		}
	})
}
