package target

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// An entry stays in the cache for keep after its last use, or for inUse where less
// than scarce bytes are free on the disk: a run of the tests, which takes less than
// an hour, finds what it has made itself.
const (
	keep   = 2 * 24 * time.Hour
	inUse  = time.Hour
	scarce = 20 << 30
)

// cacheDir is where executables and captures are kept.
func cacheDir(kind string) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		// No HOME, as in some containers.
		base = filepath.Join(os.TempDir(), fmt.Sprintf("cache-%d", os.Getuid()))
	}
	dir := filepath.Join(base, "rtdbg-test", kind)
	return dir, os.MkdirAll(dir, 0o700)
}

// cached returns the directory of the cache entry name. If there is none it
// has fill make one: in a directory of its own that is then renamed, so that
// an entry is whole or absent. A lock per entry keeps parallel test processes
// from doing the same work twice; the kernel drops it with the process.
func cached(kind, name string, fill func(dir string) error) (string, error) {
	base, err := cacheDir(kind)
	if err != nil {
		return "", err
	}
	entry := filepath.Join(base, name)
	if touch(entry) == nil {
		return entry, nil
	}
	lock, err := os.OpenFile(entry+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := flock(lock); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if touch(entry) == nil {
		return entry, nil
	}
	prune(base, func() uint64 { return free(base) })
	tmp, err := os.MkdirTemp(base, "tmp-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return "", err
	}
	return entry, os.Rename(tmp, entry)
}

func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// touch records a use of an entry; it fails if there is none.
func touch(entry string) error {
	now := time.Now()
	return os.Chtimes(entry, now, now)
}

// prune removes entries that nobody used for long, the longest unused first.
// Failing to is harmless.
func prune(base string, free func() uint64) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	type entry struct {
		name   string
		unused time.Duration
	}
	var old []entry
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() {
			continue
		}
		if unused := time.Since(info.ModTime()); unused > inUse {
			old = append(old, entry{e.Name(), unused})
		}
	}
	slices.SortFunc(old, func(a, b entry) int { return cmp.Compare(b.unused, a.unused) })
	for _, e := range old {
		if e.unused < keep && free() >= scarce {
			return
		}
		os.RemoveAll(filepath.Join(base, e.name))
	}
}

// free is how many bytes are left to this user on the disk of a directory, or as
// many as can be if that is not known.
func free(dir string) uint64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return math.MaxUint64
	}
	return st.Bavail * uint64(st.Bsize)
}

// hashSources digests the sources of one program and of what it may import.
func hashSources(module, program string) (string, error) {
	h := sha256.New()
	for _, dir := range []string{program, "internal"} {
		err := filepath.WalkDir(filepath.Join(module, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
