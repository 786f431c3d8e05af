package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"rtdbg/testdata/bench/internal/cores"
)

// tools are the executables of a run.
type tools struct {
	dir                         string
	rtdbg, readlimit, delvelist string
	others                      []rival
}

// A rival is another program that lists the goroutines of a core.
type rival struct {
	name string
	args func(cores.Core) []string
	cell
}

func (r rival) argv(c cores.Core) []string { return r.args(c) }

// buildTools builds rtdbg and what it is compared with.
func buildTools(ctx context.Context, dir string, o options) (*tools, error) {
	root, err := cores.Root(ctx)
	if err != nil {
		return nil, err
	}
	t := &tools{dir: dir}
	for _, b := range []struct {
		path *string
		pkg  string
	}{
		{&t.rtdbg, "cmd/rtdbg"},
		{&t.readlimit, "testdata/bench/readlimit"},
		{&t.delvelist, "testdata/bench/delvelist"},
	} {
		progress("build %s", b.pkg)
		*b.path = filepath.Join(dir, filepath.Base(b.pkg))
		cmd := exec.CommandContext(ctx, "go", "build", "-o", *b.path, "./"+b.pkg)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w: %s", b.pkg, err, bytes.TrimSpace(out))
		}
	}
	if o.others {
		t.others = t.findOthers(ctx)
	}
	return t, nil
}

// rivals are those that are given a core of n goroutines.
func (t *tools) rivals(o options, n int) []rival {
	if n > o.delveMax {
		return nil
	}
	delve := rival{name: "Delve, ListGoroutines", args: func(c cores.Core) []string {
		return []string{t.delvelist, c.Exe, c.Core}
	}}
	return append([]rival{delve}, t.others...)
}

// findOthers looks for gdb, viewcore and goref, and installs the last two into
// the scratch directory if they are not there. What is not to be had is named
// with its reason.
func (t *tools) findOthers(ctx context.Context) []rival {
	var all []rival
	gdb, err := exec.LookPath("gdb")
	all = append(all, rival{name: "gdb, info goroutines", cell: cell{err: err}, args: func(c cores.Core) []string {
		return []string{gdb, "-nx", "-batch", "-ex", "source " + goroot(ctx) + "/src/runtime/runtime-gdb.py",
			"-ex", "info goroutines", c.Exe, c.Core}
	}})
	viewcore, err := t.install(ctx, "golang.org/x/debug/cmd/viewcore@latest", "viewcore")
	all = append(all, rival{name: "viewcore goroutines", cell: cell{err: err}, args: func(c cores.Core) []string {
		return []string{viewcore, c.Core, "--exe", c.Exe, "goroutines"}
	}})
	grf, err := t.install(ctx, "github.com/cloudwego/goref/cmd/grf@latest", "grf")
	return append(all, rival{name: "goref", cell: cell{err: err}, args: func(c cores.Core) []string {
		return []string{grf, "core", c.Exe, c.Core, "-o", os.DevNull}
	}})
}

// install returns the path of a program, that of PATH if there is one.
func (t *tools) install(ctx context.Context, pkg, name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	progress("install %s", pkg)
	cmd := exec.CommandContext(ctx, "go", "install", pkg)
	cmd.Dir = t.dir
	cmd.Env = append(os.Environ(), "GOBIN="+t.dir, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		progress("go install %s: %v: %s", pkg, err, lastLine(string(out)))
		return "", errors.New("not installed")
	}
	return filepath.Join(t.dir, name), nil
}

func goroot(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
