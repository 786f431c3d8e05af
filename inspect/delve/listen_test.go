package delve

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/tracee"
)

// attachListening attaches with a server that others can join.
func attachListening(t *testing.T, c *child, addr string) *Session {
	t.Helper()
	s, err := Attach(testContext(t), c.pid(), Listen(addr))
	if err != nil {
		forbidden(t, err)
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// works checks that the session evaluates expressions.
func works(t *testing.T, s *Session, c *child) {
	t.Helper()
	if got, err := s.Address(testContext(t), "main.global.jobs", Scope{}); err != nil || got != c.addr("jobs") {
		t.Errorf("main.global.jobs = %v, %v; the child printed %v", got, err, c.addr("jobs"))
	}
}

func TestDelveJoinsASession(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", ":0", "0", "unix:" + filepath.Join(t.TempDir(), "door")} {
		t.Run(addr, func(t *testing.T) {
			c := start(t, "dwarf")
			s := attachListening(t, c, addr)
			if where := s.Listening(); s.Exposed() || !strings.HasPrefix(where, "127.0.0.1:") && where != addr {
				t.Errorf("it listens at %s, exposed: %v", where, s.Exposed())
			}
			if path, ok := strings.CutPrefix(addr, "unix:"); ok {
				if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("the socket has mode %v, %v", info.Mode(), err)
				}
			}
			dlv := target.DelveTerminal(t, "connect", s.Listening())
			if out := dlv.Command("print main.global.jobs"); !strings.Contains(out, "qcount: 1,") {
				t.Errorf("dlv prints %q", out)
			}
			works(t, s, c)
			dlv.Resume()
			c.mustRun()
			if _, err := s.Instant(testContext(t), nil); !errors.Is(err, ErrRunning) {
				t.Errorf("Instant of what dlv resumed: %v", err)
			}
			if _, err := s.Eval(testContext(t), "main.global", Scope{}, Load{}); !errors.Is(err, ErrRunning) {
				t.Errorf("Eval of what dlv resumed: %v", err)
			}
			dlv.Halt()
			works(t, s, c)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			c.mustRun()
			network, address := network(s.Listening())
			if _, err := net.Dial(network, address); err == nil {
				t.Error("after Close it still listens")
			}
		})
	}
}

func TestCloseOfASessionWhoseTargetAGuestLetsRun(t *testing.T) {
	c := start(t, "dwarf")
	s := attachListening(t, c, ":0")
	dlv := target.DelveTerminal(t, "connect", s.Listening())
	dlv.Command("break fmt.Println")
	if out := dlv.Command("continue"); !strings.Contains(out, "[Breakpoint 1] fmt.Println()") {
		t.Errorf("dlv prints %q", out)
	}
	dlv.Command("clearall")
	dlv.Command("break fmt.Sprintf") // not called any more
	dlv.Resume()
	c.mustRun()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
	st, err := tracee.ReadStatus(c.pid())
	if err != nil || st.Tracer != 0 || st.TrapPending() {
		t.Errorf("after Close: %+v, %v", st, err)
	}
}

// Who has a prompt of rtdbg's can halt what a guest lets run, and nothing else while it
// runs; the guest has its prompt then.
func TestTheHostHaltsWhatAGuestLetsRun(t *testing.T) {
	c := start(t, "dwarf")
	s := attachListening(t, c, ":0")
	dlv := target.DelveTerminal(t, "connect", s.Listening())
	for range 3 {
		dlv.Resume()
		c.mustRun()
		if err := s.Command(testContext(t), io.Discard, "goroutines"); !errors.Is(err, ErrRunning) {
			t.Errorf("goroutines of a target that runs: %v", err)
		}
		for range 2 { // the second finds it halted
			if err := s.Command(testContext(t), io.Discard, " halt"); err != nil {
				t.Fatal(err)
			}
		}
		dlv.Expect("(dlv) ")
		works(t, s, c)
	}
}

func TestQuittingDelveKillsNothing(t *testing.T) {
	for _, answers := range [][]string{{"n"}, {"y", "n"}, {"y", "y"}} {
		t.Run(strings.Join(answers, ","), func(t *testing.T) {
			c := start(t, "dwarf")
			s := attachListening(t, c, ":0")
			dlv := target.DelveTerminal(t, "connect", s.Listening())
			dlv.Send("exit\n")
			for _, a := range answers {
				dlv.Expect("[Y/n] ")
				dlv.Send(a + "\n")
			}
			if len(answers) > 1 {
				dlv.Expect("rtdbg serves this target and keeps it")
			}
			_ = dlv.Wait()
			works(t, s, c)
			again := target.DelveTerminal(t, "connect", s.Listening())
			if out := again.Command("print main.global.jobs"); !strings.Contains(out, "qcount: 1,") {
				t.Errorf("dlv prints %q", out)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			c.mustRun()
		})
	}
}

// Halting a target that stops by itself at that moment leaves it a SIGTRAP.
func TestAPendingTrapDoesNotKillTheTarget(t *testing.T) {
	c := start(t, "dwarf")
	s := attachListening(t, c, ":0")
	if err := syscall.Kill(c.pid(), syscall.SIGTRAP); err != nil {
		t.Fatal(err)
	}
	if st, err := tracee.ReadStatus(c.pid()); err != nil || !st.TrapPending() {
		t.Fatalf("no SIGTRAP is pending: %+v, %v", st, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.mustRun()
}

func TestOnlyDelveClientsAreLetIn(t *testing.T) {
	c := start(t, "dwarf")
	s := attachListening(t, c, ":0")
	for _, hello := range []string{
		"Content-Length: 119\r\n\r\n{}", "GET / HTTP/1.1\r\n\r\n", "nonsense",
	} {
		conn, err := net.Dial("tcp", s.Listening())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, hello)
		if answer, err := io.ReadAll(conn); len(answer) > 0 {
			t.Errorf("%q is answered with %q, %v", hello, answer, err)
		}
		conn.Close()
	}
	works(t, s, c)
}

func TestListenRefusesBadAddresses(t *testing.T) {
	c := start(t, "dwarf")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for addr, want := range map[string]string{
		taken.Addr().String():    "in use",
		"nonsense":               "want [HOST:]PORT or unix:PATH",
		"192.0.2.1:0":            "does not have that address",
		"unix:/nonexistent/door": "want [HOST:]PORT or unix:PATH",
	} {
		_, err := Attach(testContext(t), c.pid(), Listen(addr))
		forbidden(t, fmt.Errorf("attach: %w", err))
		wantOneLine(t, err, want)
	}
	c.mustRun()
}

func TestListeningToOtherHostsIsExposed(t *testing.T) {
	c := start(t, "dwarf")
	if s := attachListening(t, c, "0.0.0.0:0"); !s.Exposed() {
		t.Errorf("%s is not said to be exposed", s.Listening())
	}
}

func TestDelveJoinsACore(t *testing.T) {
	c := start(t, "dwarf")
	live := attach(t, c)
	path := filepath.Join(t.TempDir(), "core")
	if err := live.Dump(testContext(t), path, nil); err != nil {
		t.Fatal(err)
	}
	s, err := OpenCore(testContext(t), c.exe, path, Listen(":0"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dlv := target.DelveTerminal(t, "connect", s.Listening())
	if out := dlv.Command("print main.global.jobs"); !strings.Contains(out, "qcount: 1,") {
		t.Errorf("dlv prints %q", out)
	}
	dlv.Send("exit\n")
	dlv.Expect("[Y/n] ")
	dlv.Send("y\n")
	_ = dlv.Wait()
	works(t, s, c)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestOtherUsersOfThisHostAreSentAway(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be another user")
	}
	c := start(t, "dwarf")
	s := attachListening(t, c, ":0")
	for _, tt := range []struct {
		uid  uint32
		want string
	}{{0, `"DelveVersion"`}, {65534, ""}} {
		_, port, _ := net.SplitHostPort(s.Listening())
		ask := exec.Command("bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/`+port+`; echo '{"method":"RPCServer.GetVersion","params":[{}],"id":1}' >&3; read -r answer <&3 2>/dev/null; echo "$answer"`)
		ask.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: tt.uid, Gid: tt.uid}}
		out, err := ask.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got := strings.TrimSpace(string(out)); (got != "") != (tt.want != "") || !strings.Contains(got, tt.want) {
			t.Errorf("user %d is answered with %q", tt.uid, got)
		}
	}
}
