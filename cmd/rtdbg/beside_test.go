package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/go-delve/delve/service/rpc2"

	"rtdbg/inspect/repl/repltest"
)

// turns are the goroutines that wait on main.turns, in the order of the queue,
// as rtdbg says.
func turns(t *testing.T, addr string, flags ...string) []string {
	t.Helper()
	r := rtdbg(t, append([]string{"connect", addr, "waiters", "main.turns", "-o", "json"}, flags...)...)
	if r.status != 0 {
		t.Fatalf("%+v", r)
	}
	return waiting(t, r.out)
}

// waiting are the goroutines of an answer of waiters.
func waiting(t *testing.T, text string) []string {
	t.Helper()
	var answer struct{ Waiters []struct{ Goid int64 } }
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	var ids []string
	for _, w := range answer.Waiters {
		ids = append(ids, fmt.Sprint(w.Goid))
	}
	return ids
}

// turnsInDlv is the same by the script for dlv.
func turnsInDlv(s repltest.Served) []string {
	var ids []string
	for line := range strings.Lines(s.Dlv.Command("waiters main.turns")) {
		if f := strings.Fields(line); len(f) > 2 && f[1] == "recv" {
			ids = append(ids, f[2])
		}
	}
	return ids
}

// missing are those of want that list has not.
func missing(list, want []string) (none []string) {
	for _, id := range want {
		if !slices.Contains(list, id) {
			none = append(none, id)
		}
	}
	return none
}

// A person has dlv and rtdbg open on one server and uses both.
func TestTwoClientsOfOneServer(t *testing.T) {
	s := repltest.Serve(t)
	script, err := filepath.Abs(filepath.Join("..", "..", "scripts", "dlv", "rtdbg.star"))
	if err != nil {
		t.Fatal(err)
	}
	s.Dlv.Command("source " + script)
	seen := map[string]bool{}
	// The queue turns with every beat: by chance it may look the same at some stops,
	// but not at all of many.
	for n := 0; n < 4 || len(seen) < 2 && n < 20; n++ {
		// Stopped by dlv: all see the same.
		first := turns(t, s.Addr)
		if again, dlv := turns(t, s.Addr, "--stop"), turnsInDlv(s); !slices.Equal(first, again) || !slices.Equal(first, dlv) {
			t.Errorf("at one stop rtdbg sees %v, then %v, dlv %v", first, again, dlv)
		}
		seen[fmt.Sprint(first)] = true

		// Resumed by dlv: rtdbg is told, and answers only if it may halt it.
		s.Dlv.Resume()
		s.AwaitBeats()
		wrong{[]string{"connect", s.Addr, "runq"}, 1, "the target is running"}.check(t)
		s.AwaitBeats()
		halted := turns(t, s.Addr, "--stop")
		// Stopped at any moment: the one whose turn it is may just be awake.
		if len(missing(halted, first)) > 1 || len(missing(first, halted)) > 1 {
			t.Errorf("halted by rtdbg, it sees %v, want any order of %v, but for one at most", halted, first)
		}

		// Halted by rtdbg: dlv is told, and has its prompt. Resumed by rtdbg:
		// the script for dlv tells. What else dlv asks waits for a stop, and
		// rtdbg does not wait with it.
		if out := s.Dlv.Expect("(dlv) "); strings.Contains(out, "Command failed") {
			t.Errorf("dlv prints %q", out)
		}
		s.AwaitBeats()
		if out := s.Dlv.Command("waiters main.turns"); !strings.Contains(out, "another client has resumed it") {
			t.Errorf("dlv prints %q", out)
		}
		if out := printDuringStops(t, s); !strings.Contains(out, "chan int") {
			t.Errorf("dlv prints %q", out)
		}
		s.AwaitBeats()
		if out := s.Dlv.Command("halt"); out != "halted\n" {
			t.Errorf("dlv prints %q", out)
		}
		s.AwaitStop()
	}
	if len(seen) < 2 {
		t.Errorf("the target has not moved: %v", seen)
	}
	leave(t, s)
}

// printDuringStops has dlv print a channel of a target that runs: dlv asks the server
// more than once for it, and each question waits for a stop.
func printDuringStops(t *testing.T, s repltest.Served) (out string) {
	t.Helper()
	s.Dlv.Send("print main.turns\n")
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		out = s.Dlv.Expect("(dlv) ")
	}()
	for {
		turns(t, s.Addr, "--stop")
		select {
		case <-printed:
			return out
		default:
		}
	}
}

// leave ends the server as a user of dlv does; the target runs on unharmed.
func leave(t *testing.T, s repltest.Served) {
	t.Helper()
	s.Dlv.Send("exit\n")
	for _, answer := range []string{"y\n", "n\n"} {
		s.Dlv.Expect("[Y/n] ")
		s.Dlv.Send(answer)
	}
	if err := s.Dlv.Wait(); err != nil {
		t.Error(err)
	}
	s.AwaitBeats()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID))
	if err != nil || !strings.Contains(string(status), "TracerPid:\t0\n") {
		t.Errorf("afterwards the target is traced: %v\n%s", err, status)
	}
}

// Another client resumes and halts all the time: each answer is one of an
// instant, or none, and nothing waits for ever.
func TestAnswersWhileAnotherClientResumesAndHalts(t *testing.T) {
	s := repltest.Serve(t)
	want := turns(t, s.Addr)
	calm := restless(t, s)
	answers, refused := 0, 0
	for n := 0; n < 30 || answers == 0 || refused == 0; n++ {
		args := []string{"connect", s.Addr, "waiters", "main.turns", "-o", "json"}
		if n%2 == 0 {
			args = append(args, "--stop")
		}
		r := rtdbg(t, args...)
		if r.status == 0 {
			answers++
			atOneInstant(t, r.out, want)
			continue
		}
		refused++
		if last := lastLine(r.errors); r.status != 1 || r.out != "" || !strings.Contains(last, "has run since") && !strings.Contains(last, "is running") {
			t.Errorf("%v: %+v", args, r)
		}
	}
	calm()
	t.Logf("%d answers, %d refused", answers, refused)
	if got := turns(t, s.Addr, "--stop"); len(got) < len(want)-1 {
		t.Errorf("at last %v wait", got)
	}
	leave(t, s)
}

// restless has another client resume and halt the target until the function that
// it returns is called.
func restless(t *testing.T, s repltest.Served) func() {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	other := rpc2.NewClientFromConn(conn)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			states := other.Continue()
			s.AwaitBeats()
			if _, err := other.Halt(); err != nil {
				t.Error(err)
			}
			<-states
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// atOneInstant checks who waits on main.turns: all of want, of whom one may be on
// its way through the queue, and nobody twice.
func atOneInstant(t *testing.T, text string, want []string) {
	t.Helper()
	got := waiting(t, text)
	for _, id := range got {
		if !slices.Contains(want, id) {
			t.Errorf("%s waits, of %v", id, want)
		}
	}
	if len(got) < len(want)-1 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
		t.Errorf("%v wait, of %v", got, want)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[len(lines)-1]
}

// The prompt is usable beside dlv: it waits for nobody.
func TestPromptBesideDlv(t *testing.T) {
	s := repltest.Serve(t)
	k := repltest.OnTerminal(t, exec.Command(build(t), "connect", s.Addr), env(t))
	k.Expect("goroutines)> ")
	k.Send("len(waiters('main.jobs').waiters)\n")
	k.Expect("\n3\r\n")
	k.Expect("goroutines)> ")
	s.Dlv.Resume()
	s.AwaitBeats()
	k.Send("waiters('main.full')\n")
	k.Expect("running")
	k.Expect("goroutines)> ")
	s.Dlv.Halt()
	k.Send("\x04")
	if err := k.Wait(); err != nil {
		t.Error(err)
	}
	s.Dlv.Command("goroutines")
	leave(t, s)
}

// A server that answers nothing any more is left by Ctrl-C.
func TestInterruptLeavesAServerThatHangs(t *testing.T) {
	s := repltest.Serve(t)
	k := repltest.OnTerminal(t, exec.Command(build(t), "connect", "-v", s.Addr, "-e", "[eval('main.turns') for i in range(1 << 30)]"), env(t))
	k.Expect("opened")
	server := tracer(t, s.PID)
	if err := syscall.Kill(server, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	k.Send("\x03")
	k.Expect("rtdbg: interrupted")
	if err := k.Wait(); err == nil || !strings.Contains(err.Error(), "exit status 130") {
		t.Errorf("it ended with %v", err)
	}
	if err := syscall.Kill(server, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.Dlv.Command("goroutines")
	leave(t, s)
}

// tracer is the thread that traces a process.
func tracer(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "TracerPid:\t")
	text, _, _ := strings.Cut(after, "\n")
	tid, err := strconv.Atoi(text)
	if err != nil || tid == 0 {
		t.Fatalf("process %d is not traced", pid)
	}
	return tid
}
