// Package cores makes core files of programs with a great number of parked
// goroutines, and keeps them.
package cores

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Shapes are what the goroutines of a core may wait for: the -shape of
// testdata/targets/many.
var Shapes = []string{"fanin", "pairs", "mutex", "mixed"}

// Server is the shape of another program, testdata/bench/server: as large as an
// ordinary server, with debugging information.
const Server = "server"

// A Spec is one core to be made.
type Spec struct {
	N     int    // goroutines
	Shape string // one of Shapes, or Server
	// Go is what builds the program: a version from Go 1.21 on, such as
	// "go1.22.12", or the path of a go command of any version; "" is the go
	// command in PATH as it is set up.
	Go string
}

// A Core is a core file with its executable.
type Core struct {
	Dir       string // holds the files exe, core and vars
	Exe, Core string
	GoVersion string // that built the program, such as "go1.26.8"
	// Made is how long it took; 0 if it was there.
	Made time.Duration
}

// keep is how long an entry stays in the cache after its last use.
const keep = 4 * 24 * time.Hour

// Make returns the core of a spec from the cache, where it puts it first if it
// is not there. An entry is found by what went into it: the sources of the
// program, the Go version, the size and the shape.
func Make(ctx context.Context, s Spec) (Core, error) {
	b, err := newBuild(ctx, s)
	if err != nil {
		return Core{}, err
	}
	base, err := cacheDir()
	if err != nil {
		return Core{}, err
	}
	dir := filepath.Join(base, b.key)
	c := Core{Dir: dir, Exe: filepath.Join(dir, "exe"), Core: filepath.Join(dir, "core"), GoVersion: b.version}
	now := time.Now()
	if os.Chtimes(dir, now, now) == nil {
		return c, nil
	}
	prune(base)
	tmp, err := os.MkdirTemp(base, "tmp-")
	if err != nil {
		return Core{}, err
	}
	defer os.RemoveAll(tmp)
	if err := b.into(ctx, tmp); err != nil {
		return Core{}, err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return Core{}, err
	}
	c.Made = time.Since(now)
	return c, nil
}

// LinkTo makes exe, core and vars available in dir, by hard links or, from
// another file system, symbolic ones.
func (c Core) LinkTo(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"exe", "core", "vars"} {
		from, to := filepath.Join(c.Dir, name), filepath.Join(dir, name)
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if os.Link(from, to) == nil {
			continue
		}
		if err := os.Symlink(from, to); err != nil {
			return err
		}
	}
	return nil
}

func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		// No HOME, as in some containers.
		base = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	dir := filepath.Join(base, "rtdbg-bench")
	return dir, os.MkdirAll(dir, 0o700)
}

// prune removes entries that nobody used for long. Failing to is harmless.
func prune(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) > keep {
			os.RemoveAll(filepath.Join(base, e.Name()))
		}
	}
}
