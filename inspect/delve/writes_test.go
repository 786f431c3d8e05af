package delve

import (
	"os"
	"testing"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"

	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/tracee"
)

// Delve sets breakpoints when it attaches; the process's code is not written even
// for a moment.
func TestAttachWritesNothingIntoTheProcess(t *testing.T) {
	allow, err := tracee.RefuseWrites(os.Getpid())
	if err != nil {
		target.Missing(t, "%v", err)
	}
	allow()
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			c := start(t, v.name)
			s := attach(t, c)
			if n := target.CodeWritten(t, c.pid(), c.exe); n != 0 {
				t.Errorf("attaching has written to %d bytes of pages of code", n)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			c.mustRun()
			if n := target.CodeWritten(t, c.pid(), c.exe); n != 0 {
				t.Errorf("attaching and detaching have written to %d bytes of pages of code", n)
			}
		})
	}
}

// A breakpoint that somebody asks for is set: what is refused ends with attaching.
func TestBreakpointsAreSetAfterAttaching(t *testing.T) {
	c := start(t, "dwarf")
	s := attach(t, c)
	out, err := call[rpc2.CreateBreakpointOut](testContext(t), s, "CreateBreakpoint",
		rpc2.CreateBreakpointIn{Breakpoint: api.Breakpoint{FunctionName: "main.goid", Line: -1}})
	if err != nil || len(out.Breakpoint.Addrs) == 0 {
		t.Fatalf("set a breakpoint: %+v, %v", out, err)
	}
	if n := target.CodeWritten(t, c.pid(), c.exe); n == 0 {
		t.Error("a breakpoint was set, and no page of code was written")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
}
