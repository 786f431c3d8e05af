package target

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// captureFormat is part of the key of cached captures; raise it when what a
// capture holds or how it is taken changes.
const captureFormat = "1"

// Capture is what is left of a target.
type Capture struct {
	// Exe and Core are paths. Core is an ELF core file.
	Exe, Core string
	// Text is all that the target printed on standard error, the runtime's
	// crash text at its end. It was printed just before the core was
	// dumped, or just after it was taken by CaptureWith and Gcore: what was
	// parked is the same in both, what was running may not be.
	Text string
	// Vars is what the target said is true of it.
	Vars Vars
}

// Crash returns the parsed Text; it fails the test if that is not a whole
// crash text.
func (c *Capture) Crash(tb testing.TB) *CrashText {
	tb.Helper()
	t, err := ParseCrash(c.Text)
	if err != nil {
		tb.Fatalf("crash text of %s: %v", filepath.Base(c.Exe), err)
	}
	return t
}

// A Method takes a target's core.
type Method string

// The methods.
const (
	// Kernel has the kernel dump core as the runtime crashes on SIGABRT, or
	// the emulator in its place for a target of another architecture.
	Kernel Method = "kernel"
	// Gcore has gdb's gcore write the core of the living process.
	Gcore Method = "gcore"
)

// errNoOracle marks what only the machine lacks.
var errNoOracle = errors.New("oracle missing")

// Take builds, starts and captures a target, or returns the capture of an
// earlier test, possibly in another process: executable, arguments,
// environment and method are the same. Do not write to its files.
func Take(tb testing.TB, s Spec, o Options, how Method) *Capture {
	tb.Helper()
	exe := Build(tb, s)
	digest := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %q %q", captureFormat, exe, how, o.Args, o.Env))
	name := filepath.Base(filepath.Dir(exe)) + "-" + string(how) + "-" + hex.EncodeToString(digest[:8])
	dir, err := cached("capture", name, func(dir string) error {
		return takeInto(dir, exe, o, how)
	})
	if errors.Is(err, errNoOracle) {
		Missing(tb, "capture of %s: %v", s.Program, err)
	}
	if err != nil {
		tb.Fatalf("capture of %s: %v", s.Program, err)
	}
	c, err := loadCapture(dir, exe)
	if err != nil {
		tb.Fatalf("capture of %s: %v", s.Program, err)
	}
	return c
}

// takeInto fills a cache entry: the files core, text and vars.
func takeInto(dir, exe string, o Options, how Method) error {
	work, err := os.MkdirTemp(dir, "work-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r, err := start(exe, work, o)
	if err != nil {
		return err
	}
	defer r.Kill()
	var core string
	switch how {
	case Kernel:
		core, err = r.crash(r.abort)
	case Gcore:
		core = filepath.Join(work, "core.gcore")
		err = r.dumpThenAbort(core, gcore)
	default:
		err = fmt.Errorf("method %q: want kernel or gcore", how)
	}
	if err != nil {
		return err
	}
	if err := punch(core); err != nil {
		return fmt.Errorf("%s: %w", core, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(r.text()), 0o600); err != nil {
		return err
	}
	vars := strings.Join(r.lines, "\n")
	if err := os.WriteFile(filepath.Join(dir, "vars"), []byte(vars), 0o600); err != nil {
		return err
	}
	return moveFile(core, filepath.Join(dir, "core"))
}

func loadCapture(dir, exe string) (*Capture, error) {
	text, err := os.ReadFile(filepath.Join(dir, "text"))
	if err != nil {
		return nil, err
	}
	said, err := os.ReadFile(filepath.Join(dir, "vars"))
	if err != nil {
		return nil, err
	}
	vars, err := parseVars(strings.Split(string(said), "\n"))
	if err != nil {
		return nil, err
	}
	return &Capture{Exe: exe, Core: filepath.Join(dir, "core"), Text: string(text), Vars: vars}, nil
}

// Crash has the target crash by SIGABRT and returns the core that the kernel
// dumps and the text. It skips the test where the kernel dumps none or gives
// it to another program.
func (r *Running) Crash() *Capture {
	r.tb.Helper()
	core, err := r.crash(r.abort)
	return r.capture(core, err)
}

// Gcore has gdb write the target's core, and then aborts the target for its
// crash text. It skips the test where there is no gcore.
func (r *Running) Gcore() *Capture {
	r.tb.Helper()
	return r.CaptureWith(gcore)
}

// CaptureWith has dump write a core of process pid to the file out, and then
// aborts the target for its crash text.
func (r *Running) CaptureWith(dump func(pid int, out string) error) *Capture {
	r.tb.Helper()
	core := filepath.Join(r.Dir, "core.dump")
	err := r.dumpThenAbort(core, dump)
	return r.capture(core, err)
}

func (r *Running) capture(core string, err error) *Capture {
	r.tb.Helper()
	if errors.Is(err, errNoOracle) {
		Missing(r.tb, "capture of %s: %v", filepath.Base(r.Exe), err)
	}
	if err != nil {
		r.tb.Fatalf("capture of %s: %v", filepath.Base(r.Exe), err)
	}
	return &Capture{Exe: r.Exe, Core: core, Text: r.text(), Vars: r.Vars}
}

func (r *Running) dumpThenAbort(core string, dump func(pid int, out string) error) error {
	if r.emulator != "" {
		return fmt.Errorf("a debugger would see %s instead of the target that it runs", r.emulator)
	}
	if err := dump(r.PID, core); err != nil {
		return err
	}
	if err := r.limitCore(0); err != nil {
		return err
	}
	_, err := r.abort()
	return err
}

// gcore runs gdb's gcore, which adds the pid to the name that it is given.
func gcore(pid int, out string) error {
	path, err := exec.LookPath("gcore")
	if err != nil {
		return fmt.Errorf("%w: %w", errNoOracle, err)
	}
	cmd := exec.Command(path, "-o", out, strconv.Itoa(pid))
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gcore: %w: %s", err, clip(string(text), 1000))
	}
	return os.Rename(out+"."+strconv.Itoa(pid), out)
}

// crash has the target die by SIGABRT and returns the path of its core. die reports
// whether the kernel says that it dumped one.
func (r *Running) crash(die func() (core bool, err error)) (string, error) {
	glob, err := r.expectCore()
	if err != nil {
		return "", err
	}
	if err := r.limitCore(unix.RLIM_INFINITY); err != nil {
		return "", fmt.Errorf("%w: allow core files: %w", errNoOracle, err)
	}
	dumped, err := die()
	if err != nil {
		return "", err
	}
	if !dumped && r.emulator == "" {
		return "", fmt.Errorf("%w: the kernel dumped no core", errNoOracle)
	}
	var found []string
	for _, pattern := range []string{glob, glob + "." + strconv.Itoa(r.PID)} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("core files at %s: %w", pattern, err)
		}
		found = append(found, paths...)
	}
	if len(found) != 1 {
		return "", fmt.Errorf("core files at %s: %d, want 1", glob, len(found))
	}
	return found[0], nil
}

// expectCore returns a glob for the core that the target's crash will leave.
func (r *Running) expectCore() (string, error) {
	if r.emulator != "" {
		return r.emulatedCore()
	}
	pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern")
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoOracle, err)
	}
	return coreGlob(strings.TrimSpace(string(pattern)), r.Dir, filepath.Base(r.Exe), r.PID)
}

// limitCore sets the size limit in bytes of the target's core file.
func (r *Running) limitCore(limit uint64) error {
	lim := unix.Rlimit{Cur: limit, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(r.PID, unix.RLIMIT_CORE, &lim, nil); err == nil {
		return nil
	}
	// Only root may raise the hard limit: go as far as it allows.
	var have unix.Rlimit
	if err := unix.Prlimit(r.PID, unix.RLIMIT_CORE, nil, &have); err != nil {
		return err
	}
	if have.Max < limit && have.Max < 1<<30 {
		return fmt.Errorf("hard limit of core files is %d bytes", have.Max)
	}
	have.Cur = min(limit, have.Max)
	return unix.Prlimit(r.PID, unix.RLIMIT_CORE, &have, nil)
}

// coreGlob turns kernel.core_pattern (core(5)) into a glob for the core of a
// process, without the .PID that the kernel adds where kernel.core_uses_pid says
// so.
func coreGlob(pattern, dir, comm string, pid int) (string, error) {
	if pattern == "" || pattern[0] == '|' {
		return "", fmt.Errorf("%w: kernel.core_pattern is %q, want a file name", errNoOracle, pattern)
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			b.WriteByte(pattern[i])
			continue
		}
		i++
		if i == len(pattern) {
			break
		}
		switch pattern[i] {
		case '%':
			b.WriteByte('%')
		case 'p', 'P':
			b.WriteString(strconv.Itoa(pid))
		case 'e', 'f':
			b.WriteString(comm[:min(len(comm), 15)])
		default:
			b.WriteByte('*')
		}
	}
	glob := b.String()
	if !filepath.IsAbs(glob) {
		glob = filepath.Join(dir, glob)
	}
	return glob, nil
}

// moveFile renames, or copies where the core was dumped on another file
// system.
func moveFile(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, unix.EXDEV) {
		return err
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		return err
	}
	return os.Remove(from)
}
