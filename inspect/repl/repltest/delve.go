package repltest

import (
	"os/exec"
	"strconv"
	"testing"

	"rtdbg/inspect/internal/target"
)

// Served is the target "beside" in the hands of a real dlv server, with a dlv
// at its prompt that is a client of it.
type Served struct {
	*target.Running
	// Addr is the server's.
	Addr string
	Dlv  *target.Terminal
}

// Serve starts the target "beside" and stops it with dlv.
func Serve(tb testing.TB) Served {
	tb.Helper()
	r := Patient{Program: "beside"}.Start(tb)
	addr := ServeDelve(tb, "attach", strconv.Itoa(r.PID))
	return Served{r, addr, DelveTerminal(tb, "connect", addr)}
}

// ServeDelve is target.ServeDelve.
func ServeDelve(tb testing.TB, args ...string) string {
	tb.Helper()
	return target.ServeDelve(tb, args...)
}

// DelveTerminal is target.DelveTerminal.
func DelveTerminal(tb testing.TB, args ...string) *target.Terminal {
	tb.Helper()
	return target.DelveTerminal(tb, args...)
}

// OnTerminal is target.OnTerminal.
func OnTerminal(tb testing.TB, cmd *exec.Cmd, env []string) *target.Terminal {
	tb.Helper()
	return target.OnTerminal(tb, cmd, env)
}
