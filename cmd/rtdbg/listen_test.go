package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rtdbg/inspect/repl/repltest"
)

// build builds rtdbg itself.
func build(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "rtdbg")
	if out, err := exec.Command("go", "build", "-o", exe, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return exe
}

// env has a configuration of its own and a terminal that knows no escape
// sequences.
func env(t *testing.T) []string {
	t.Helper()
	return append(os.Environ(), "TERM=dumb", "XDG_CONFIG_HOME="+t.TempDir())
}

func TestDelveJoinsAttach(t *testing.T) {
	r := repltest.Patient{Program: "beside"}.Start(t)
	jobs := r.Vars.String(t, "jobs.addr")
	k := repltest.OnTerminal(t, exec.Command(build(t), "attach", "--listen", ":0", strconv.Itoa(r.PID)), env(t))
	k.Expect("rtdbg: others can join with: dlv connect ")
	addr := strings.TrimSpace(k.Expect("\n"))
	k.Expect("goroutines)> ")
	if !strings.HasPrefix(addr, "127.0.0.1:") {
		t.Errorf("it listens at %s", addr)
	}
	dlv := repltest.DelveTerminal(t, "connect", addr)
	if out := dlv.Command("goroutines"); !strings.Contains(out, "main.receive") {
		t.Errorf("dlv prints %q", out)
	}
	k.Send("len(waiters(" + jobs + ").waiters)\n")
	k.Expect("\n3\r\n")
	dlv.Resume()
	r.AwaitBeats()
	dlv.Halt()
	// Whoever leaves dlv is asked, and kills nothing.
	dlv.Send("exit\n")
	dlv.Expect("[Y/n] ")
	dlv.Send("y\n")
	dlv.Expect("[Y/n] ")
	dlv.Send("y\n")
	dlv.Expect("rtdbg serves this target and keeps it")
	_ = dlv.Wait()
	k.Expect("goroutines)> ")
	again := repltest.DelveTerminal(t, "connect", addr)
	again.Command("print main.jobs")
	k.Send("\x04") // Ctrl-D
	if err := k.Wait(); err != nil {
		t.Error(err)
	}
	r.AwaitBeats()
}

func TestDelveJoinsCore(t *testing.T) {
	c := repltest.Pool(t)
	k := repltest.OnTerminal(t, exec.Command(build(t), "core", c.Exe, c.Core, "--listen", "unix:"+filepath.Join(t.TempDir(), "door")), env(t))
	k.Expect("rtdbg: others can join with: dlv connect ")
	addr := strings.TrimSpace(k.Expect("\n"))
	k.Expect("goroutines)> ")
	dlv := repltest.DelveTerminal(t, "connect", addr)
	if out := dlv.Command("goroutines"); !strings.Contains(out, "main.(*pool).worker") {
		t.Errorf("dlv prints %q", out)
	}
	dlv.Send("exit\n")
	dlv.Expect("[Y/n] ")
	dlv.Send("n\n")
	if err := dlv.Wait(); err != nil {
		t.Error(err)
	}
	k.Send("len(waiters(" + c.Vars.String(t, "jobs.addr") + ").waiters)\n")
	k.Expect("\n3\r\n")
	k.Send("\x04")
	if err := k.Wait(); err != nil {
		t.Error(err)
	}
}

func TestListenWarnsOfOtherHosts(t *testing.T) {
	c := repltest.Pool(t)
	r := rtdbg(t, "core", c.Exe, c.Core, "--listen", "0.0.0.0:0", "-e", "1")
	if r.status != 0 || r.out != "1\n" || !strings.Contains(r.errors, "rtdbg: warning: whoever can reach ") {
		t.Errorf("%+v", r)
	}
	wrong{[]string{"core", "-", c.Core, "--listen", ":0", "-e", "1"}, 1, "listen :0: expressions need the executable"}.check(t)
	wrong{[]string{"core", c.Exe, c.Core, "--listen", "nonsense", "-e", "1"}, 1, "want [HOST:]PORT or unix:PATH"}.check(t)
}
