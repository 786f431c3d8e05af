package mem

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rtdbg/inspect/exe"
)

// rebuild builds the target with a changed source.
func rebuild(t *testing.T, old, new string, args ...string) string {
	t.Helper()
	return rebuildFor(t, "amd64", old, new, args...)
}

func rebuildFor(t *testing.T, goarch, old, new string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"main.go", "nocgo.go"} {
		b, err := os.ReadFile(filepath.Join("testdata/target", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "main.go" && !bytes.Contains(b, []byte(old)) {
			t.Fatalf("%q is not in %s", old, name)
		}
		b = bytes.Replace(b, []byte(old), []byte(new), 1)
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "other")
	cmd := exec.Command("go", append(append([]string{"build", "-o", out}, args...), "main.go", "nocgo.go")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch, "GOFLAGS=", "GO111MODULE=off")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, b)
	}
	return out
}

func TestCheckExecutableTellsBuildsApart(t *testing.T) {
	needLinux(t)
	s := makeCore(t, false)
	for _, tt := range []struct {
		name string
		path string
		want Verdict
		why  string
	}{
		{"the same file", s.exe, Match, "Go build id"},
		{"a changed constant", rebuild(t, "a string constant", "a String constant"), Mismatch, "Go build id"},
		{"more code", rebuild(t, "data[0] = 'I'", "data[0] = 'I'; println(len(data))"), Mismatch, "Go build id"},
		{"the same source with -s -w", buildTarget(t, false, "-ldflags=-s -w"), Mismatch, "other linker flags"},
		{"the same source as PIE", buildTarget(t, false, "-buildmode=pie"), Mismatch, ""},
		{"changed, without build id", rebuild(t, "a string constant", "a String constant", "-ldflags=-buildid="), Mismatch, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := openCore(t, s.core, tt.path)
			check := c.CheckExecutable()
			if check.Verdict != tt.want || !strings.Contains(check.Reason, tt.why) {
				t.Errorf("CheckExecutable = %v: %s; want %v: %s", check.Verdict, check.Reason, tt.want, tt.why)
			}
			if (check.Err() != nil) != (tt.want == Mismatch) {
				t.Errorf("Err = %v", check.Err())
			}
			if tt.want == Mismatch {
				checkNothingFromFile(t, c, s.cells)
			}
		})
	}
}

// checkNothingFromFile checks that what the core lacks is missing rather than
// taken from the wrong executable.
func checkNothingFromFile(t *testing.T, c *Core, cells []cell) {
	t.Helper()
	for _, cell := range cells {
		_, err := c.View(cell.addr, len(cell.want))
		if fromFile := cell.name == "text" || cell.name == "rodata"; fromFile && !errors.Is(err, ErrMissing) || !fromFile && err != nil {
			t.Errorf("%s: View = %v", cell.name, err)
		}
	}
}

func TestStrippedTwinMatches(t *testing.T) {
	needLinux(t)
	for _, tool := range []struct {
		name string
		args []string
	}{
		{"strip", []string{"-s"}},
		{"objcopy", []string{"--strip-debug"}},
	} {
		for _, build := range [][]string{nil, {"-buildmode=pie"}} {
			t.Run(tool.name+strings.Join(build, ""), func(t *testing.T) {
				path, err := exec.LookPath(tool.name)
				if err != nil {
					t.Skipf("%s is not installed", tool.name)
				}
				s := makeCore(t, false, build...)
				twin := filepath.Join(t.TempDir(), "twin")
				args := append(tool.args, s.exe)
				if tool.name == "strip" {
					args = append(args, "-o")
				}
				if b, err := exec.Command(path, append(args, twin)...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, b)
				}
				c := openCore(t, s.core, twin)
				if check := c.CheckExecutable(); check.Verdict != Match {
					t.Errorf("CheckExecutable = %v: %s", check.Verdict, check.Reason)
				}
				checkCells(t, c, s.cells)
			})
		}
	}
}

func TestWithoutBuildIDsTheRestDecides(t *testing.T) {
	needLinux(t)
	s := makeCore(t, false, "-ldflags=-buildid=")
	for _, tt := range []struct {
		name string
		path string
		want Verdict
	}{
		{"the same file", s.exe, Undecided},
		{"more code", rebuild(t, "data[0] = 'I'", "data[0] = 'I'; println(data[:], bss[:])", "-ldflags=-buildid="), Mismatch},
		{"other build settings", buildTarget(t, false, "-ldflags=-buildid=", "-tags=other"), Mismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := openCore(t, s.core, tt.path)
			if check := c.CheckExecutable(); check.Verdict != tt.want {
				t.Errorf("CheckExecutable = %v: %s; want %v", check.Verdict, check.Reason, tt.want)
			}
			if tt.want == Undecided {
				checkCells(t, c, s.cells)
			}
		})
	}
}

func TestCompareIDs(t *testing.T) {
	const a, b, relinked = "l1/m1/m2/l2", "l3/m3/m4/l4", "l5/m1/m2/l6"
	for _, tt := range []struct {
		name       string
		core, file exe.BuildIDs
		want       Verdict
	}{
		{"both equal", exe.BuildIDs{Go: a, GNU: "1"}, exe.BuildIDs{Go: a, GNU: "1"}, Match},
		{"Go only", exe.BuildIDs{Go: a}, exe.BuildIDs{Go: a}, Match},
		{"GNU only", exe.BuildIDs{GNU: "1"}, exe.BuildIDs{GNU: "1"}, Match},
		{"GNU in common", exe.BuildIDs{GNU: "1"}, exe.BuildIDs{Go: a, GNU: "1"}, Match},
		{"Go differs under a fixed GNU id", exe.BuildIDs{Go: a, GNU: "1"}, exe.BuildIDs{Go: b, GNU: "1"}, Mismatch},
		{"relinked", exe.BuildIDs{Go: a}, exe.BuildIDs{Go: relinked}, Mismatch},
		{"GNU differs", exe.BuildIDs{GNU: "1"}, exe.BuildIDs{GNU: "2"}, Mismatch},
		{"nothing in common", exe.BuildIDs{Go: a}, exe.BuildIDs{GNU: "1"}, Undecided},
		{"none", exe.BuildIDs{}, exe.BuildIDs{}, Undecided},
		{"a constant proves nothing", exe.BuildIDs{Go: "redacted", GNU: "1"}, exe.BuildIDs{Go: "redacted", GNU: "1"}, Undecided},
	} {
		if got := compareIDs(tt.core, tt.file); got.Verdict != tt.want {
			t.Errorf("%s: %v (%s), want %v", tt.name, got.Verdict, got.Reason, tt.want)
		}
	}
}

func TestCoreAndExecutableOfDifferentMachines(t *testing.T) {
	needLinux(t)
	path := buildTarget(t, false)
	core := writeFile(t, coreSpec{machine: 183, typ: 4}.bytes())
	_, err := OpenCore(core, openExe(t, path))
	if err == nil || !strings.Contains(err.Error(), "is of a process on arm64, but "+path+" is an executable for amd64") {
		t.Errorf("OpenCore = %v", err)
	}
}
