package repl_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/internal/target"
)

// rtdbg runs rtdbg and returns what it prints.
func rtdbg(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(build(t), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// watched is what watch prints at one instant, as JSON.
type watched struct {
	Goroutines int   `json:"goroutines"`
	PauseNS    int64 `json:"pause_ns"`
	Families   []struct {
		Func   string `json:"func"`
		State  string `json:"state"`
		Count  int    `json:"count"`
		Change int    `json:"change"`
	} `json:"families"`
}

// Watch counts the families of goroutines and says what changed, and ends with
// the process.
func TestWatchCountsFamiliesUntilTheProcessEnds(t *testing.T) {
	r := heartbeat(t, "-goroutines", "700")
	out, errs, err := rtdbg(t, "watch", strconv.Itoa(r.PID), "--every", "100ms", "--count", "2", "-o", "json")
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("want two lines:\n%s", out)
	}
	var last watched
	if err := json.Unmarshal([]byte(lines[1]), &last); err != nil {
		t.Fatal(err)
	}
	parked := 0
	for _, f := range last.Families {
		if f.Func == "main.parked" {
			parked += f.Count
			if f.Change != 0 || f.State != "chan receive" {
				t.Errorf("family %+v", f)
			}
		}
	}
	if parked != 700 || last.PauseNS <= 0 {
		t.Errorf("%d goroutines are parked in main.parked, want 700; stood still for %d ns", parked, last.PauseNS)
	}
	ended := make(chan error, 1)
	cmd := exec.Command(build(t), "watch", strconv.Itoa(r.PID), "--every", "100ms")
	var text bytes.Buffer
	cmd.Stderr = &text
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	r.Kill()
	go func() {
		_, _ = bytes.NewBuffer(nil).ReadFrom(stdout)
		ended <- cmd.Wait()
	}()
	select {
	case err := <-ended:
		if err != nil || !strings.Contains(text.String(), "has ended") {
			t.Errorf("watch of a process that ends: %v\n%s", err, &text)
		}
	case <-time.After(patience):
		t.Error("watch does not end with the process")
		_ = cmd.Process.Kill()
	}
}

// A snapshot is a core file that rtdbg and Delve open, for nobody else to read.
func TestSnapshotIsACoreFile(t *testing.T) {
	r := heartbeat(t, "-goroutines", "300", "-heap", "64")
	file := filepath.Join(t.TempDir(), "snapshot")
	if _, errs, err := rtdbg(t, "snapshot", strconv.Itoa(r.PID), "-o", file); err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("permissions %v", st.Mode())
	}
	if st.Size() > 32<<20 {
		t.Errorf("the snapshot has %d bytes, though the heap of 64 MB is not in it", st.Size())
	}
	p, err := inspect.OpenCore(t.Context(), r.Exe, file, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Info().LeftOut == 0 || !p.Now().Known || p.Now().Accuracy() != inspect.Exact {
		t.Errorf("left out %d bytes, now %+v", p.Info().LeftOut, p.Now())
	}
	s, err := delve.OpenCore(t.Context(), r.Exe, file)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, err := s.Eval(t.Context(), "len(runtime.allgs)", delve.Scope{}, delve.Load{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(v.Text); err != nil || n < 300 {
		t.Errorf("Delve counts %q goroutines in the snapshot", v.Text)
	}
}

// What goes wrong costs one line and leaves nothing behind.
func TestSnapshotsFailInOneLine(t *testing.T) {
	r := heartbeat(t)
	dir := t.TempDir()
	for _, c := range []struct {
		name, says string
		args       []string
	}{
		{"a full disk", "no space left", []string{strconv.Itoa(r.PID), "-o", "/dev/full"}},
		{"no such directory", "no such file", []string{strconv.Itoa(r.PID), "-o", filepath.Join(dir, "none", "x")}},
		{"no such process", "no such process", []string{"99999999", "-o", filepath.Join(dir, "x")}},
		{"no file", "say where to", []string{strconv.Itoa(r.PID)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, err := rtdbg(t, append([]string{"snapshot"}, c.args...)...)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || out != "" || !strings.Contains(errs, c.says) {
				t.Errorf("%v, prints %q and %q", err, out, errs)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
	unharmed(t, r)
}

// A process in other namespaces, whose executable is not where its path says, is
// found by /proc/PID/exe, and its threads by the ids that it knows them by.
func TestAttachReachesIntoAContainer(t *testing.T) {
	asRoot(t)
	exe := target.Build(t, target.Spec{Program: "heartbeat"})
	script := `mount -t tmpfs none /mnt && cp "$0" /mnt/service && exec /mnt/service -goroutines 50`
	cmd := exec.Command("unshare", "--pid", "--mount", "--fork", "--kill-child", "sh", "-c", script, exe)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		target.Missing(t, "namespaces: %v", err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	}()
	said, inner := untilReady(out)
	if !said {
		target.Missing(t, "namespaces: %s", &errs)
	}
	pid := child(t, cmd.Process.Pid)
	if inner == strconv.Itoa(pid) {
		t.Fatalf("the target is in this PID namespace")
	}
	text, errText, err := rtdbg(t, "attach", strconv.Itoa(pid), "sched", "-o", "json")
	if err != nil {
		t.Fatalf("%v\n%s", err, errText)
	}
	var s struct {
		Threads []struct {
			Does string `json:"does"`
		} `json:"threads"`
		Ms []struct {
			State string `json:"state"`
		} `json:"ms"`
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if strings.Contains(text, `"not known"`) || strings.Contains(text, `"unknown"`) {
		t.Errorf("what a thread does is not known:\n%s", text)
	}
	text, errText, err = rtdbg(t, "attach", strconv.Itoa(pid), "buckets")
	if err != nil || !strings.Contains(text, "50 goroutines [chan receive]") {
		t.Errorf("%v\n%s%s", err, text, errText)
	}
}

// asRoot skips what only root can set up.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can set this up")
	}
}

// Who may not attach is told what is missing.
func TestAttachSaysWhatItMayNot(t *testing.T) {
	asRoot(t)
	r := heartbeat(t)
	for _, c := range []struct {
		name, says string
		with       []string
	}{
		{"without the capability", "CAP_SYS_PTRACE is missing (in a container: --cap-add=SYS_PTRACE), and the process has capabilities that this one lacks", []string{"setpriv", "--bounding-set", "-sys_ptrace"}},
		{"another user", "it belongs to user 0: run as that user, or as root", []string{"setpriv", "--reuid", "65534", "--clear-groups"}},
		{"another user namespace", "CAP_SYS_PTRACE does not reach it", []string{"unshare", "--user", "--map-root-user"}},
	} {
		if err := exec.Command(c.with[0], append(c.with[1:], "true")...).Run(); err != nil {
			target.Missing(t, "%v: %v", c.with, err)
		}
		for _, stop := range []string{"--stop=false", "--stop"} {
			t.Run(c.name+stop, func(t *testing.T) {
				exe := filepath.Join(readable(t), "rtdbg")
				out, err := exec.Command(c.with[0], append(c.with[1:], exe, "attach", strconv.Itoa(r.PID), stop, "why")...).CombinedOutput()
				if err == nil || !strings.Contains(string(out), c.says) || strings.Count(string(out), "\n") != 1 {
					t.Errorf("%v, %s", err, out)
				}
				unharmed(t, r)
			})
		}
	}
}

// readable returns a directory with rtdbg that every user can read.
func readable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rtdbg-readable-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile(build(t))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "rtdbg"), b, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// untilReady reads what a target says, and which process it thinks it is.
func untilReady(r interface{ Read([]byte) (int, error) }) (ready bool, pid string) {
	var text strings.Builder
	b := make([]byte, 4096)
	for {
		n, err := r.Read(b)
		text.Write(b[:n])
		if strings.Contains(text.String(), "ready\n") {
			_, rest, _ := strings.Cut(text.String(), "pid=")
			pid, _, _ = strings.Cut(rest, "\n")
			return true, pid
		}
		if err != nil {
			return false, ""
		}
	}
}

// child is the only child of a process.
func child(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		target.Missing(t, "children of a process: %v", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatalf("children %q", b)
	}
	return n
}

// The prompt of attach stands on a capture, on which Delve works too; refresh
// takes a new one. The process goes on all the while, and beyond.
func TestThePromptOfAttachRefreshes(t *testing.T) {
	r := heartbeat(t, "-goroutines", "40")
	env := []string{"TERM=xterm", "NO_COLOR=1", "XDG_CONFIG_HOME=" + t.TempDir(), "PAGER="}
	k := run(t, build(t), env, "attach", strconv.Itoa(r.PID))
	k.prompt()
	feel(t, r)
	k.say("before = p(0).schedtick + p(1).schedtick", "")
	k.say("dlv print len(main.heap)", "0")
	k.say("dlv continue", "can not continue execution of core process")
	k.typ("refresh\r")
	k.expect("stood still for")
	k.expect("read again")
	k.prompt()
	k.say("p(0).schedtick + p(1).schedtick > before", "True")
	if p := feel(t, r); p.Beats == 0 || p.Lost != 0 {
		t.Errorf("beside the prompt the target did %+v", p)
	}
	k.typ("\x04")
	k.ends(0)
	unharmed(t, r)
}
