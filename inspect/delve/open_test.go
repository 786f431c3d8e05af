package delve

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// wantOneLine checks an error meant for the user.
func wantOneLine(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not contain %q", err, w)
		}
	}
}

func TestOpenCoreExplainsBadFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	exe := build(t, "stripped")
	textFile, empty := file("text", "not an ELF file at all, but long enough to have a header"), file("empty", "")
	elfStub := file("stub", "\x7fELF\x02\x01\x01")
	missing := filepath.Join(dir, "missing")
	notGo, err := exec.LookPath("sh")
	if err != nil {
		notGo = textFile
	}
	for _, tc := range []struct {
		name, exe, core string
		want            []string
	}{
		{"no executable", missing, textFile, []string{missing, "executable: there is no such file"}},
		{"no core", exe, missing, []string{missing, "core: there is no such file"}},
		{"text as executable", textFile, exe, []string{textFile, "executable: that is not an ELF file"}},
		{"text as core", exe, textFile, []string{textFile, "core: that is not an ELF file"}},
		{"empty core", exe, empty, []string{"core: the file is empty"}},
		{"damaged core", exe, elfStub, []string{"core: that is not an ELF file, or a damaged one"}},
		{"directory as core", exe, dir, []string{"core: that is not a regular file"}},
		{"executable as core", exe, exe, []string{"not a core file"}},
		{"executable that is not Go", notGo, exe, []string{"executable: that is not"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := OpenCore(testContext(t), tc.exe, tc.core)
			wantOneLine(t, err, tc.want...)
			if s != nil {
				t.Error("a session came with the error")
			}
		})
	}
}

func TestOpenCoreOfDamagedCores(t *testing.T) {
	c := start(t, "stripped")
	s := attach(t, c)
	dir := t.TempDir()
	whole := filepath.Join(dir, "core")
	if err := s.Dump(testContext(t), whole, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	// The program headers of Delve's cores stand at the end: a truncated one
	// cannot be opened. Cores of the kernel have them in front.
	for _, n := range []int{63, 64, 4096, len(content) / 2, len(content) - 100} {
		path := filepath.Join(dir, fmt.Sprint("core", n))
		if err := os.WriteFile(path, content[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := OpenCore(testContext(t), c.exe, path)
		if err == nil {
			if len(s.Warnings()) < 2 {
				t.Errorf("%d of %d bytes: opened with the warnings %q", n, len(content), s.Warnings())
			}
			s.Close()
			continue
		}
		wantOneLine(t, err, path)
	}
	t.Run("core given as executable", func(t *testing.T) {
		_, err := OpenCore(testContext(t), whole, c.exe)
		wantOneLine(t, err, "executable: that is a core file")
	})
}

func TestAttachExplainsWhatIsWrong(t *testing.T) {
	c := start(t, "stripped")
	tids, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", c.pid()))
	if err != nil {
		t.Fatal(err)
	}
	var tid int
	if _, err := fmt.Sscan(tids[len(tids)-1].Name(), &tid); err != nil {
		t.Fatal(err)
	}
	ended := exec.Command(build(t, "stripped"))
	if err := ended.Start(); err != nil {
		t.Fatal(err)
	}
	_ = ended.Process.Kill()
	until(t, "the process has ended", func() bool { return stateOf(ended.Process.Pid) == "Z" })
	defer ended.Wait()
	for _, tc := range []struct {
		name string
		pid  int
		want []string
	}{
		{"zero", 0, []string{"attach to process 0", "positive"}},
		{"negative", -5, []string{"attach to process -5", "positive"}},
		{"no such process", 1<<22 + 1, []string{"there is no such process"}},
		{"itself", os.Getpid(), []string{"cannot stop itself"}},
		{"a thread", tid, []string{fmt.Sprintf("a thread of process %d", c.pid())}},
		{"a zombie", ended.Process.Pid, []string{"zombie"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Attach(testContext(t), tc.pid)
			wantOneLine(t, err, tc.want...)
		})
	}
	t.Run("traced already", func(t *testing.T) {
		attach(t, c)
		_, err := Attach(testContext(t), c.pid())
		wantOneLine(t, err, "already traces it", fmt.Sprint(os.Getpid()), "one tracer")
	})
	t.Run("not a Go program", func(t *testing.T) {
		sleep := exec.Command("sleep", "60")
		if err := sleep.Start(); err != nil {
			t.Skip(err)
		}
		defer sleep.Wait()
		defer sleep.Process.Kill()
		until(t, "sleep is executed", func() bool {
			path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", sleep.Process.Pid))
			return err == nil && !strings.HasPrefix(path, os.Args[0])
		})
		_, err := Attach(testContext(t), sleep.Process.Pid)
		wantOneLine(t, err, "not a Go program")
		if got := stateOf(sleep.Process.Pid); got == "t" || got == "T" {
			t.Errorf("the process was left in state %s", got)
		}
	})
}

// listen serves one connection after the other with fn.
func listen(t *testing.T, fn func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fn(conn)
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// answerOldAPI answers every call as a server of version 1 does GetVersion.
func answerOldAPI(c net.Conn) {
	in := json.NewDecoder(c)
	for {
		var req struct{ ID int }
		if in.Decode(&req) != nil {
			return
		}
		fmt.Fprintf(c, `{"id":%d,"result":{"APIVersion":1},"error":null}`, req.ID)
	}
}

func TestConnectExplainsWhatAnswers(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	say := func(text string) string {
		return listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 512))
			fmt.Fprint(c, text)
		})
	}
	for _, tc := range []struct {
		name, addr string
		want       []string
	}{
		{"no port", "localhost", []string{"connect localhost", "HOST:PORT or unix:PATH"}},
		{"nothing there", closed.Addr().String(), []string{"connection refused", "dlv attach PID --headless"}},
		{"no socket", "unix:" + filepath.Join(t.TempDir(), "no"), []string{"no such socket"}},
		{"closes at once", listen(t, func(net.Conn) {}), []string{"not a Delve JSON-RPC server", "closed the connection"}},
		{"web server", say("HTTP/1.1 400 Bad Request\r\n\r\n"), []string{"HTTP"}},
		{"DAP", say("Content-Length: 2\r\n\r\n{}"), []string{"Debug Adapter Protocol"}},
		{"something", say("SSH-2.0-x\r\n"), []string{"it answered", "SSH-2.0"}},
		{"old API", listen(t, answerOldAPI), []string{"version 1", "--api-version=2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Connect(testContext(t), tc.addr, ConnectOptions{})
			wantOneLine(t, err, tc.want...)
		})
	}
}

func TestConnectIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(testContext(t))
	addr := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 512))
		cancel()
		_, _ = c.Read(make([]byte, 512))
	})
	_, err := Connect(ctx, addr, ConnectOptions{})
	wantOneLine(t, err, "context canceled")
}
