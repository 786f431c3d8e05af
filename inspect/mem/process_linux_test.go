package mem

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/exe"
)

func TestProcessReadsWhatTheTargetSaw(t *testing.T) {
	needLinux(t)
	for _, tt := range []struct {
		name  string
		build []string
	}{
		{"plain", nil},
		{"pie", []string{"-buildmode=pie"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := buildTarget(t, false, tt.build...)
			r := startTarget(t, path, t.TempDir())
			p := openProcess(t, r.cmd.Process.Pid)
			checkCells(t, p, r.cells)

			f := openExe(t, p.ExePath())
			bias, err := p.LoadBias(f)
			if err != nil {
				t.Fatal(err)
			}
			checkSymbol(t, f, bias, r.cells, "main.data", "data")
			if cmd, err := p.Command(); err != nil || cmd != path {
				t.Errorf("Command = %q, %v, want %q", cmd, err, path)
			}
			tids, err := p.TIDs()
			if err != nil || !slices.Contains(tids, r.cmd.Process.Pid) || len(tids) < 2 {
				t.Errorf("TIDs = %v, %v", tids, err)
			}
		})
	}
}

// checkSymbol checks that a symbol, relocated by bias, is where the target
// says the variable is.
func checkSymbol(t *testing.T, f *exe.File, bias uint64, cells []cell, symbol, name string) {
	t.Helper()
	addr, size, ok := f.Symbol(symbol)
	i := slices.IndexFunc(cells, func(c cell) bool { return c.name == name })
	if !ok || i < 0 || Addr(addr+bias) != cells[i].addr || int(size) != len(cells[i].want) {
		t.Errorf("Symbol(%q) = %#x, %d, %v with bias %#x; the target has it at %v", symbol, addr, size, ok, bias, cells[i].addr)
	}
}

func TestProcessReadsFault(t *testing.T) {
	needLinux(t)
	r := startTarget(t, buildTarget(t, false), t.TempDir())
	p := openProcess(t, r.cmd.Process.Pid)
	for _, tt := range []struct {
		name string
		addr Addr
		n    int
		want error
	}{
		{"null", 0, 8, ErrUnmapped},
		{"top", ^Addr(0), 1, ErrUnmapped},
		{"huge", p.Ranges()[0].Start, 1 << 60, ErrUnmapped},
		{"negative", p.Ranges()[0].Start, -1, ErrUnmapped},
	} {
		if _, err := p.View(tt.addr, tt.n); !errors.Is(err, tt.want) {
			t.Errorf("%s: View = %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := p.ReadAt(make([]byte, 8), 0); !errors.Is(err, ErrUnmapped) {
		t.Errorf("ReadAt(0) = %v, want %v", err, ErrUnmapped)
	}

	_ = r.cmd.Process.Kill()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, r.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenProcess(r.cmd.Process.Pid); err == nil || !strings.Contains(err.Error(), "has no memory: it has exited") {
		t.Errorf("OpenProcess of a zombie = %v", err)
	}
	_ = r.cmd.Wait()
	if err := p.ReadAt(make([]byte, 8), r.cells[0].addr); !errors.Is(err, ErrExited) {
		t.Errorf("ReadAt after the end = %v, want %v", err, ErrExited)
	}
	if _, err := OpenProcess(r.cmd.Process.Pid); err == nil || !strings.Contains(err.Error(), "no such process") {
		t.Errorf("OpenProcess after the end = %v", err)
	}
}

func TestOpenProcessRefuses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	for pid, want := range map[int]string{
		0:       "not a process id",
		-1:      "not a process id",
		1 << 30: "no such process",
	} {
		if _, err := OpenProcess(pid); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("OpenProcess(%d) = %v, want %q", pid, err, want)
		}
	}
	p := &Process{pid: 7}
	if err := p.openError(os.ErrPermission); !strings.Contains(err.Error(), "CAP_SYS_PTRACE") {
		t.Errorf("error for a lack of permission: %v", err)
	}
}

func TestParseMaps(t *testing.T) {
	got, err := parseMaps([]byte(`00400000-004a1000 r-xp 00000000 fe:00 9979216                            /tmp/a b (deleted)
0057c000-00587000 rw-p 0017c000 fe:00 9979216                            /tmp/t
00587000-005bd000 ---p 00000000 00:00 0 
7ffdb809b000-7ffdb80bc000 rw-s 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`))
	want := []Range{
		{0x400000, 0x4a1000, PermRead | PermExec, "/tmp/a b (deleted)", 0, false},
		{0x57c000, 0x587000, PermRead | PermWrite, "/tmp/t", 0x17c000, false},
		{0x587000, 0x5bd000, 0, "", 0, false},
		{0x7ffdb809b000, 0x7ffdb80bc000, PermRead | PermWrite, "", 0, true},
		{0xffffffffff600000, 0xffffffffff601000, PermExec, "", 0, false},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("parseMaps = %v, %v", got, err)
	}
	for _, bad := range []string{"x", "1-2 rwxp 0 0:0", "2-1 rwxp 0 0:0 0", "g-h rwxp 0 0:0 0", "1-2 r 0 0:0 0"} {
		if _, err := parseMaps([]byte(bad)); err == nil {
			t.Errorf("parseMaps(%q) succeeds", bad)
		}
	}
}
