package inspect_test

import (
	"context"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wait"
)

// A goroutine in os/exec.(*Cmd).Wait whose child has ended says that it waits
// for those who copy from the child's pipes.
func TestExecWaitForPipesNamesTheChild(t *testing.T) {
	take(t, "partners", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		on := goroutine(t, p, c.Vars.Int(t, "pipes.goid")).WaitsOn()
		if len(on) != 1 || on[0].Child == nil || on[0].Child.PID != c.Vars.Int(t, "pipes.child") || !on[0].Child.Pipes || !strings.HasSuffix(on[0].Child.Path, "/sh") {
			t.Errorf("pipes: %s, want child %d and its pipes", toJSON(t, on), c.Vars.Int(t, "pipes.child"))
		}
	})
}

// A goroutine in a coroutine says on which side of it.
func TestCoroutinesSayTheirSide(t *testing.T) {
	const yielded, asking = "it has yielded", "it called next or stop"
	take(t, "partners", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		if c.Vars.String(t, "coroutines") == "none" {
			return // before Go 1.23
		}
		for key, want := range map[string]string{"yielded": yielded, "asking": asking} {
			on := goroutine(t, p, c.Vars.Int(t, key+".goid")).WaitsOn()
			if len(on) != 1 || on[0].Kind != wait.Coro || !strings.HasPrefix(on[0].Note, want) {
				t.Errorf("%s waits on %s, want %q", key, toJSON(t, on), want)
			}
		}
		gs, err := p.Goroutines(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		unstarted := 0
		for _, g := range gs {
			if on := g.WaitsOn(); g.WaitReason() == "coroutine" && len(on) == 1 && strings.HasPrefix(on[0].Note, "not started yet") {
				unstarted++
			}
		}
		if unstarted != 1 {
			t.Errorf("%d coroutines that have not started, want 1", unstarted)
		}
	})
}
