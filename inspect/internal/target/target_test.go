package target

import (
	"debug/elf"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// versions are the toolchains that the live tests run: the ends of the
// supported range and those between which the crash text changed.
var versions = []string{"go1.18.10", "go1.20.14", "go1.22.12", "go1.24.13", "go1.25.12", "", "go1.27.3"}

func forVersions(t *testing.T, f func(t *testing.T, version string)) {
	for _, v := range versions {
		name := v
		if name == "" {
			name = "running"
		}
		t.Run(name, func(t *testing.T) {
			if v != "" && testing.Short() {
				t.Skip("only the running toolchain in short mode")
			}
			f(t, v)
		})
	}
}

// TestCrashTextHasWhatTargetSays compares the parsed crash text with what the
// target says of itself: the ids of its goroutines, and that each waits.
func TestCrashTextHasWhatTargetSays(t *testing.T) {
	forVersions(t, func(t *testing.T, version string) {
		checkCapture(t, Take(t, Spec{Program: "waits", Go: version}, Options{}, Kernel))
	})
}

// TestEmulatedCrashTextHasWhatTargetSays does so for programs that this host
// cannot run by itself.
func TestEmulatedCrashTextHasWhatTargetSays(t *testing.T) {
	forVersions(t, func(t *testing.T, version string) {
		c := Take(t, Spec{Program: "waits", Go: version, GOARCH: "arm64"}, Options{}, Kernel)
		checkCapture(t, c)
		f, err := elf.Open(c.Core)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Type != elf.ET_CORE || f.Machine != elf.EM_AARCH64 {
			t.Errorf("the core is an %v for %v", f.Type, f.Machine)
		}
	})
}

// TestEmulatedTargetIsNotDumpedByDebuggers: they would dump the emulator.
func TestEmulatedTargetIsNotDumpedByDebuggers(t *testing.T) {
	r := Start(t, Build(t, Spec{Program: "pool", GOARCH: foreign()}), Options{})
	err := r.dumpThenAbort(filepath.Join(r.Dir, "core"), func(int, string) error {
		t.Error("dumped")
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "qemu") {
		t.Errorf("dump: %v", err)
	}
}

// foreign is an architecture that this host does not run.
func foreign() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

// checkCapture checks the whole of a crash text of waits.
func checkCapture(t *testing.T, c *Capture) {
	t.Helper()
	text := c.Crash(t)
	if s := text.Sections[0].Signal; s != "SIGABRT: abort" {
		t.Errorf("first signal is %q", s)
	}
	for i, s := range text.Sections {
		if len(s.Notes) > 0 {
			t.Errorf("section %d has lines that are not understood: %q", i, s.Notes)
		}
		if i > 0 && s.Signal != "SIGQUIT: quit" {
			t.Errorf("section %d has signal %q", i, s.Signal)
		}
		if pc := s.Regs["rip"] + s.Regs["pc"]; pc != s.PC { // one of them
			t.Errorf("section %d: the PC register is %#x, PC %#x", i, pc, s.PC)
		}
	}
	for _, g := range text.Goroutines() {
		if len(g.Notes) > 0 {
			t.Errorf("goroutine %d has lines that are not understood: %q", g.ID, g.Notes)
		}
		if !g.Unavailable && len(g.Frames) == 0 {
			t.Errorf("goroutine %d has no frames", g.ID)
		}
	}
	said := 0
	for key := range c.Vars {
		if !strings.HasSuffix(key, ".goid") {
			continue
		}
		said++
		if text.Goroutine(c.Vars.Int(t, key)) == nil {
			t.Errorf("%s=%s is not in the crash text", key, c.Vars[key])
		}
	}
	if said < 70 {
		t.Errorf("target names %d goroutines", said)
	}
	checkDetails(t, c, text)
}

// checkDetails checks goroutines whose stacks have something particular.
func checkDetails(t *testing.T, c *Capture, text *CrashText) {
	find := func(name string) *Goroutine {
		g := text.Goroutine(c.Vars.Int(t, name+".goid"))
		if g == nil {
			t.Fatalf("no goroutine %s", name)
		}
		return g
	}
	deep := find("deep")
	if total := len(deep.Frames) + deep.ElidedCount; deep.ElidedCount != -1 && total < 300 {
		t.Errorf("deep: %d frames and %d elided, want more than 300", len(deep.Frames), deep.ElidedCount)
	}
	if deep.ElidedCount == 0 || deep.ElidedAt < 50 || len(deep.Frames) < 100 {
		t.Errorf("deep: %d frames, %d elided at %d", len(deep.Frames), deep.ElidedCount, deep.ElidedAt)
	}
	if g := find("locked"); !g.Locked {
		t.Error("locked: not locked to its thread")
	}
	if g := find("selectallnil"); g.Status != "select" {
		t.Errorf("selectallnil: status %q", g.Status)
	}
	if g := find("chanrecvnil"); g.Status != "chan receive (nil chan)" {
		t.Errorf("chanrecvnil: status %q", g.Status)
	}
	inlined := find("inlined")
	var names []string
	for _, f := range inlined.Frames {
		if f.Inlined {
			names = append(names, f.Func)
		}
	}
	if want := []string{"main.leafInlined", "main.middleInlined", "main.outerInlined"}; !slices.Equal(names, want) {
		t.Errorf("inlined frames %q, want %q", names, want)
	}
	if by := inlined.CreatedBy; by == nil || by.Func != "main.launch" || by.Goroutine > 1 {
		t.Errorf("created by %+v", by)
	}
	if toolchainMinor := minor(c.Vars.String(t, "go")); toolchainMinor >= 26 {
		want := []Label{{"request", "42"}, {"tenant", `a "quoted", name`}}
		if g := find("labels"); !slices.Equal(g.Labels, want) {
			t.Errorf("labels %q, want %q", g.Labels, want)
		}
	}
}
