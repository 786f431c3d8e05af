package target

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestProgramsBecomeReadyWithEveryGo starts every target with the ends of the
// supported range of Go versions.
func TestProgramsBecomeReadyWithEveryGo(t *testing.T) {
	dirs, err := os.ReadDir(filepath.Join(moduleRoot(t), "testdata", "targets"))
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"go1.18.10", "", "go1.27.3"} {
		if version != "" && testing.Short() {
			continue
		}
		for _, dir := range dirs {
			if !dir.IsDir() || slices.Contains(notByThemselves, dir.Name()) {
				continue
			}
			t.Run(dir.Name()+"/"+version, func(t *testing.T) {
				exe := Build(t, Spec{Program: dir.Name(), Go: version})
				r := Start(t, exe, Options{})
				want := version
				if want == "" {
					want = runningVersion()
				}
				if got := r.Vars.String(t, "go"); got != want {
					t.Errorf("target runs %s, want %s", got, want)
				}
			})
		}
	}
}

// notByThemselves are the targets that do not run like the others: the functions
// of abilities are read only, assists and gcfigures need flags of the linker, asleep
// needs C, lookalikes an argument and stalled the schedtrace; these are run with several
// versions by their own tests.
var notByThemselves = []string{"internal", "abilities", "asleep", "assists", "gcfigures", "lookalikes", "stalled"}

// TestRunqIsAsItSays checks that the runnable goroutines are exactly those
// that the target names, also when they overflow the local run queue.
func TestRunqIsAsItSays(t *testing.T) {
	for _, args := range [][]string{nil, {"-n=300"}} {
		forVersions(t, func(t *testing.T, version string) {
			c := Take(t, Spec{Program: "runq", Go: version}, Options{Args: args}, Kernel)
			text := c.Crash(t)
			var runnable []int64
			for _, g := range text.Goroutines() {
				if g.Status == "runnable" {
					runnable = append(runnable, g.ID)
				}
			}
			want := c.Vars.Ints(t, "runnable.goids")
			slices.Sort(want)
			slices.Sort(runnable)
			if !slices.Equal(runnable, want) {
				t.Errorf("runnable %v, want %v", runnable, want)
			}
			for _, name := range []string{"main", "other"} {
				g := text.Goroutine(c.Vars.Int(t, name+".goid"))
				if g == nil || g.Status != "running" || g.Unavailable {
					t.Errorf("%s is %+v, want running, with a stack", name, g)
				}
			}
		})
	}
}

// TestBubbleIsDurablyBlocked checks the remarks of goroutines in synctest
// bubbles.
func TestBubbleIsDurablyBlocked(t *testing.T) {
	for _, version := range []string{"go1.24.13", "go1.25.12", "", "go1.27.3"} {
		if version != "" && testing.Short() {
			continue
		}
		spec := Spec{Program: "bubble", Go: version}
		if version == "go1.24.13" {
			spec.Env = []string{"GOEXPERIMENT=synctest"}
		}
		t.Run(version, func(t *testing.T) {
			c := Take(t, spec, Options{}, Kernel)
			text := c.Crash(t)
			for name, status := range map[string]string{
				"recv": "chan receive (durable)", "send": "chan send (durable)", "select": "select (durable)",
				"sleep": "sleep", "cond": "sync.Cond.Wait", "root": "chan receive",
			} {
				g := text.Goroutine(c.Vars.Int(t, name+".goid"))
				durable := name != "root"
				if version == "go1.24.13" {
					status = strings.Replace(status, "(durable)", "(synctest)", 1)
					durable = false
				}
				if g == nil || g.Status != status || g.Bubble == 0 || g.Durable != durable {
					t.Errorf("%s is %+v, want %q in a bubble, durable %v", name, g, status, durable)
				}
			}
		})
	}
}

// TestCgoTargetWaitsInAndThroughC checks the goroutines of the target cgo.
func TestCgoTargetWaitsInAndThroughC(t *testing.T) {
	forVersions(t, func(t *testing.T, version string) {
		c := Take(t, Spec{Program: "cgo", Go: version, Cgo: true}, Options{}, Kernel)
		text := c.Crash(t)
		for name, status := range map[string]string{"inc": "syscall", "callback": "chan receive", "thread": "chan receive"} {
			g := text.Goroutine(c.Vars.Int(t, name+".goid"))
			if g == nil || g.Status != status {
				t.Errorf("%s is %+v, want %q", name, g, status)
			} else if name != "inc" && !g.Locked {
				t.Errorf("%s is not locked to its thread", name)
			}
		}
	})
}

// TestRaceBuildIsUnderstood checks that the race detector's build starts and
// that its crash text parses.
func TestRaceBuildIsUnderstood(t *testing.T) {
	if testing.Short() {
		t.Skip("a race build is slow")
	}
	c := Take(t, Spec{Program: "locks", Race: true}, Options{}, Kernel)
	if g := c.Crash(t).Goroutine(c.Vars.Int(t, "mutex.holder")); g == nil || g.Status != "chan receive" {
		t.Errorf("holder of mutex is %+v", g)
	}
}

// TestGcoreWritesCore checks gdb's core and the text taken after it.
func TestGcoreWritesCore(t *testing.T) {
	if _, err := exec.LookPath("gcore"); err != nil {
		Missing(t, "no gcore: %v", err)
	}
	c := Take(t, Spec{Program: "pool"}, Options{Args: []string{"-workers=3"}}, Gcore)
	if got := len(c.Vars.Ints(t, "worker.goids")); got != 3 {
		t.Errorf("%d workers, want 3", got)
	}
	for _, id := range c.Vars.Ints(t, "worker.goids") {
		if g := c.Crash(t).Goroutine(id); g == nil || g.Status != "chan receive" {
			t.Errorf("worker %d is %+v", id, g)
		}
	}
	checkCoreFile(t, c.Core)
}

// TestCrashAndCaptureWithTakeCores checks the ways to take a core that is not
// shared.
func TestCrashAndCaptureWithTakeCores(t *testing.T) {
	exe := Build(t, Spec{Program: "pool"})
	t.Run("crash", func(t *testing.T) {
		c := Start(t, exe, Options{Args: []string{"-workers=1"}}).Crash()
		checkCoreFile(t, c.Core)
	})
	t.Run("dump", func(t *testing.T) {
		c := Start(t, exe, Options{}).CaptureWith(func(pid int, out string) error {
			link, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
			if err != nil {
				return err
			}
			return os.WriteFile(out, []byte(link), 0o600)
		})
		if got, err := os.ReadFile(c.Core); err != nil || string(got) != exe {
			t.Errorf("dump says %q (%v), want %q", got, err, exe)
		}
		if len(c.Crash(t).Goroutines()) < 10 {
			t.Error("crash text lacks goroutines")
		}
	})
}

func checkCoreFile(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Type != elf.ET_CORE {
		t.Errorf("ELF type %v, want a core", f.Type)
	}
	last := f.Progs[len(f.Progs)-1]
	if n, err := last.ReadAt(make([]byte, 1), int64(last.Filesz)-1); last.Filesz > 0 && n != 1 {
		t.Errorf("core is cut short: %v", err)
	}
}

// TestTakeReusesCapture checks that the second of two equal captures is the
// first, and that other arguments make another.
func TestTakeReusesCapture(t *testing.T) {
	one := Take(t, Spec{Program: "pool"}, Options{}, Kernel)
	two := Take(t, Spec{Program: "pool"}, Options{}, Kernel)
	other := Take(t, Spec{Program: "pool"}, Options{Args: []string{"-workers=2"}}, Kernel)
	if one.Core != two.Core || one.Vars["pid"] != two.Vars["pid"] {
		t.Errorf("second capture is %s, want %s", two.Core, one.Core)
	}
	if one.Core == other.Core || one.Vars["pid"] == other.Vars["pid"] {
		t.Error("different arguments gave the same capture")
	}
}

// TestBuildFlagsChangeExecutable checks that each part of a Spec has its
// effect, by what the Go toolchain says of the executable.
func TestBuildFlagsChangeExecutable(t *testing.T) {
	plain := Build(t, Spec{Program: "pool"})
	for _, c := range []struct {
		name string
		spec Spec
		want string
	}{
		{"ldflags", Spec{Program: "pool", Ldflags: "-s -w"}, "-ldflags"},
		{"tags", Spec{Program: "pool", Tags: "some"}, "-tags=some"},
		{"trimpath", Spec{Program: "pool", Trimpath: true}, "-trimpath=true"},
		{"arch", Spec{Program: "pool", GOARCH: "arm64"}, "GOARCH=arm64"},
		{"pie", Spec{Program: "pool", BuildMode: "pie"}, "-buildmode=pie"},
		{"goline", Spec{Program: "pool", GoLine: "1.18"}, "DefaultGODEBUG="},
		{"plain", Spec{Program: "pool"}, "CGO_ENABLED=0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exe := Build(t, c.spec)
			if (exe == plain) != (c.name == "plain") {
				t.Errorf("executable %s, plain one %s", exe, plain)
			}
			out, err := exec.Command("go", "version", "-m", exe).CombinedOutput()
			if err != nil || !strings.Contains(string(out), c.want) {
				t.Errorf("go version -m lacks %s: %v\n%s", c.want, err, out)
			}
		})
	}
}

func TestCoreGlobFollowsCorePattern(t *testing.T) {
	for pattern, want := range map[string]string{
		"core":               "/run/core",
		"core.%p":            "/run/core.7",
		"/cores/%e-%t-%%.%P": "/cores/a-quite-long-na-*-%.7",
		"x%":                 "/run/x",
	} {
		got, err := coreGlob(pattern, "/run", "a-quite-long-name", 7)
		if err != nil || got != want {
			t.Errorf("coreGlob(%q) = %q, %v, want %q", pattern, got, err, want)
		}
	}
	for _, pattern := range []string{"", "|/usr/lib/systemd/systemd-coredump %P"} {
		if got, err := coreGlob(pattern, "/run", "x", 7); err == nil {
			t.Errorf("coreGlob(%q) = %q, want an error", pattern, got)
		}
	}
}
