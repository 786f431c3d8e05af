package repl_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/debugger"
	"github.com/go-delve/delve/service/rpccommon"

	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/repl/repltest"
)

func TestDlvInsideThePrompt(t *testing.T) {
	c, exe, config := repltest.Pool(t), build(t), t.TempDir()
	workers := c.Vars.Ints(t, "worker.goids")
	k := start(t, exe, config, "xterm", c)
	k.prompt()
	k.say("dlv goroutines -t", "Goroutine 1 ")
	k.say("dlv", "error: dlv needs a command: dlv help lists them\r\n")
	k.say("dlv help frame", "Set the current frame")
	k.say("dlv nonsense", "error: command not available\r\n")
	k.say("dlv continue", "error: ")
	k.say("dlv quit", "error: a Delve session lasts as long as rtdbg: leave with exit or Ctrl-D\r\n")
	k.say("g()", "none is selected: goto GOID selects one\r\n")
	k.say("goto 99999", "has no goroutine 99999\r\n")
	k.say("goto x", "error: usage: goto GOID")

	at := func(goid int64) { k.expect(fmt.Sprintf(" goroutines, at %d)> ", goid)) }
	k.typ(fmt.Sprintf("goto %d\r", workers[0]))
	at(workers[0])
	k.typ("dlv bt\r")
	k.expect("main.(*pool).worker")
	at(workers[0])
	k.typ(fmt.Sprintf("dlv goroutine %d\r", workers[1]))
	at(workers[1])
	k.typ("g().goid\r")
	k.expect(fmt.Sprintf("%d\r\n", workers[1]))
	at(workers[1])
	k.typ("dlv source -\r") // Delve asks for lines itself
	k.expect(">>> ")
	k.typ("20 + 1\r")
	k.expect("21\r\n")
	k.expect(">>> ")
	k.typ("\x04")
	at(workers[1])
	k.typ("dlv goroutin\t")
	k.expect("dlv goroutine")
	k.typ("\x03")
	at(workers[1])
	k.typ("\x04")
	k.ends(0)
	if _, err := os.Stat(filepath.Join(config, "dlv")); err == nil {
		t.Error("a configuration directory of Delve was made")
	}
}

// serve starts a headless Delve server for one client on a running program.
func serve(t *testing.T, r *target.Running) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpccommon.NewServer(&service.Config{Listener: l, APIVersion: 2, Debugger: debugger.Config{AttachPid: r.PID, Backend: "native"}})
	if err := server.Run(); err != nil {
		repltest.Missing(t, "a Delve server: %v", err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	return l.Addr().String()
}

// traced reports whether the process is stopped by its tracer.
func traced(t *testing.T, pid int) bool {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "t")
}

// TestRefreshAfterDlvContinue lets the target run from the prompt: Ctrl-C halts
// it, the next answer is that of the new instant, and what belongs to the old
// one is refused.
func TestRefreshAfterDlvContinue(t *testing.T) {
	r := repltest.Patient{Program: "pool", Args: []string{"-workers=3"}}.Start(t)
	addr := serve(t, r)
	k := run(t, build(t), []string{"TERM=xterm", "XDG_CONFIG_HOME=" + t.TempDir(), "PAGER="}, "connect", addr)
	// Where the target stops Delve may select a goroutine, and the prompt says so.
	say := func(line, answer string) {
		t.Helper()
		k.typ(line + "\r")
		k.expect(answer)
		k.expect(")> ")
	}
	k.prompt()
	k.say("def status(n):\r  return g(n).status\r", "")
	k.say("number, value = g(1).goid, g(1)", "")
	k.say("refresh", "read again: ")
	k.say("value.goid", "error: 1:6: G: it is of an earlier instant: the target has been read again since\r\n")
	k.say("value = g(1)", "")
	for range 2 {
		k.typ("dlv continue\r")
		deadline := time.Now().Add(patience)
		for traced(t, r.PID) && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		k.typ("\x03")
		k.expect(")> ")
		say("value.goid", "the target has run: read again: ")
		say("value.goid", "error: 1:6: G: it is of an earlier instant: the target has been read again since\r\n")
		say("number", "1\r\n")
		say("status(1) == g(1).status", "True\r\n")
		say("value = g(1)", "")
		say("value.goid", "1\r\n")
	}
	k.typ("exit\r")
	k.ends(0)
}
