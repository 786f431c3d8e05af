package target

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tracedFormat is part of the key of cached traced captures; raise it when
	// what they hold or how they are taken changes.
	tracedFormat = "3"
	// between is for how long a traced target runs before each core, so that
	// its goroutines stand elsewhere each time.
	between = 700 * time.Millisecond
	// after is for how long a traced target runs on after the last core, so
	// that what was parked then is woken before the trace ends.
	after = 4 * time.Second
	// traceName is the file, in the directory where it runs, to which a traced
	// target writes its execution trace.
	traceName = "trace"
)

// Traced is what is left of a target that traced its own execution
// (runtime/trace) while cores were taken of it.
type Traced struct {
	Exe string
	// Cores are paths, in the order in which they were taken: each is one
	// instant of the trace, in which for some time nothing happens.
	Cores []string
	// Trace is the path of the execution trace, from before the first core to
	// well after the last.
	Trace string
	// Vars is what the target said is true of it.
	Vars Vars
}

// TakeTraced builds and starts a target that writes an execution trace to the
// file "trace" until it is sent SIGUSR1, and takes that many cores of it with
// gcore while it runs. It returns the result of an earlier test where there is
// one. Do not write to its files.
func TakeTraced(tb testing.TB, s Spec, o Options, cores int) *Traced {
	tb.Helper()
	exe := Build(tb, s)
	digest := sha256.Sum256(fmt.Appendf(nil, "%s %s %d %q %q", tracedFormat, exe, cores, o.Args, o.Env))
	name := filepath.Base(filepath.Dir(exe)) + "-" + hex.EncodeToString(digest[:8])
	dir, err := cached("traced", name, func(dir string) error { return traceInto(dir, exe, o, cores) })
	if errors.Is(err, errNoOracle) {
		Missing(tb, "trace of %s: %v", s.Program, err)
	}
	if err != nil {
		tb.Fatalf("trace of %s: %v", s.Program, err)
	}
	said, err := os.ReadFile(filepath.Join(dir, "vars"))
	if err != nil {
		tb.Fatal(err)
	}
	t := &Traced{Exe: exe, Trace: filepath.Join(dir, traceName)}
	if t.Vars, err = parseVars(strings.Split(string(said), "\n")); err != nil {
		tb.Fatal(err)
	}
	for i := range cores {
		t.Cores = append(t.Cores, filepath.Join(dir, coreName(i)))
	}
	return t
}

func coreName(i int) string { return "core" + strconv.Itoa(i) }

// traceInto fills a cache entry: the files core0, core1 …, trace and vars.
func traceInto(dir, exe string, o Options, cores int) error {
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
	for i := range cores {
		time.Sleep(between)
		core := filepath.Join(dir, coreName(i))
		if err := gcore(r.PID, core); err != nil {
			return err
		}
		if err := punch(core); err != nil {
			return err
		}
	}
	time.Sleep(after)
	if err := r.finish(); err != nil {
		return err
	}
	vars := strings.Join(r.lines, "\n")
	if err := os.WriteFile(filepath.Join(dir, "vars"), []byte(vars), 0o600); err != nil {
		return err
	}
	return moveFile(filepath.Join(work, traceName), filepath.Join(dir, traceName))
}

// punch makes holes of a file's blocks of zeros, so that they take no room. A
// file system that has no holes leaves the file as it is.
func punch(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	block, zero := make([]byte, 1<<16), make([]byte, 1<<16)
	for at := int64(0); ; at += int64(len(block)) {
		n, err := f.ReadAt(block, at)
		if n == len(block) && bytes.Equal(block, zero) {
			const hole = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
			if unix.Fallocate(int(f.Fd()), hole, at, int64(n)) != nil {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// finish sends SIGUSR1 and waits for the target's orderly end.
func (r *Running) finish() error {
	if err := unix.Kill(r.PID, syscall.SIGUSR1); err != nil {
		return fmt.Errorf("end: %w", err)
	}
	select {
	case <-r.exited:
	case <-time.After(deathLimit):
		return fmt.Errorf("alive %v after SIGUSR1", deathLimit)
	}
	if r.err != nil {
		return fmt.Errorf("ended with %w: %s", r.err, clip(r.text(), 2000))
	}
	return nil
}
