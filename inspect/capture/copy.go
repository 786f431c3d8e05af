package capture

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/tracee"
)

// copier copies memory of a process.
type copier struct {
	pid    int
	mem    *mem.Process
	dst    []byte
	local  []unix.Iovec
	remote []unix.RemoteIovec
	batch  []run
	// slow says that process_vm_readv(2) is not to be had here.
	slow bool
	// missing are the runs of pages that could not be read.
	missing []mem.Range
}

// copyAll copies runs of a process to dst, on some processors at once, and
// returns the pages that could not be read. The caller's thread waits for no other to
// begin; pace is called by each of the others.
func copyAll(ctx context.Context, p *mem.Process, dst []byte, runs []run, pace func()) ([]mem.Range, error) {
	parts := split(runs, min(runtime.GOMAXPROCS(0), copiers))
	list := make([]copier, len(parts))
	errs := make([]error, len(parts))
	for i := range list {
		list[i] = copier{pid: p.PID(), mem: p, dst: dst}
	}
	var taken, done atomic.Int64
	work := func() {
		for i := taken.Add(1) - 1; i < int64(len(parts)); i = taken.Add(1) - 1 {
			errs[i] = list[i].all(ctx, parts[i])
			done.Add(1)
		}
	}
	for range len(parts) - 1 {
		go func() {
			runtime.LockOSThread() // for good: the thread ends here
			pace()
			work()
		}()
	}
	work()
	for done.Load() < int64(len(parts)) {
		tracee.Nap(copyStep)
	}
	var missing []mem.Range
	for _, c := range list {
		missing = append(missing, c.missing...)
	}
	return missing, errors.Join(errs...)
}

// copyStep is between two looks at whether the others have copied their parts.
const copyStep = 20 * time.Microsecond

// copiers is on how many processors at most a process is copied: a few are
// enough for what the memory can give.
const copiers = 4

// split makes at most n parts of runs, of about the same number of bytes.
func split(runs []run, n int) [][]run {
	total := uint64(0)
	for _, r := range runs {
		total += r.size
	}
	each := max(total/uint64(n)+1, bytesAtOnce)
	var parts [][]run
	var part []run
	room := each
	for _, r := range runs {
		for r.size > 0 {
			piece := r
			piece.size = min(r.size, room)
			part = append(part, piece)
			r.start, r.off, r.size = r.start+mem.Addr(piece.size), r.off+piece.size, r.size-piece.size
			if room -= piece.size; room == 0 {
				parts, part, room = append(parts, part), nil, each
			}
		}
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return parts
}

// The most that goes into one call: how many runs (UIO_MAXIOV), and how many
// bytes, so that who waits for ctx does not wait for long.
const (
	runsAtOnce  = 1024
	bytesAtOnce = 16 << 20
)

// all copies the runs.
func (c *copier) all(ctx context.Context, runs []run) error {
	bytes := uint64(0)
	for _, r := range runs {
		for r.size > 0 {
			part := r
			part.size = min(r.size, bytesAtOnce)
			c.batch = append(c.batch, part)
			bytes += part.size
			r.start, r.off, r.size = r.start+mem.Addr(part.size), r.off+part.size, r.size-part.size
			if len(c.batch) < runsAtOnce && bytes < bytesAtOnce {
				continue
			}
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			c.flush()
			bytes = 0
		}
	}
	c.flush()
	return nil
}

// flush copies the batch.
func (c *copier) flush() {
	batch := c.batch
	c.batch = c.batch[:0]
	for len(batch) > 0 {
		n := c.readv(batch)
		for n > 0 && len(batch) > 0 && n >= batch[0].size {
			n -= batch[0].size
			batch = batch[1:]
		}
		if len(batch) > 0 {
			// The one that the kernel stopped at.
			c.pages(batch[0])
			batch = batch[1:]
		}
	}
}

// readv copies what process_vm_readv(2) can copy of the batch, which ends at
// the first page that cannot be read, and returns the number of bytes.
func (c *copier) readv(batch []run) uint64 {
	if c.slow {
		return 0
	}
	c.local, c.remote = c.local[:0], c.remote[:0]
	for _, r := range batch {
		v := unix.Iovec{Base: &c.dst[r.off]}
		v.SetLen(int(r.size))
		c.local = append(c.local, v)
		c.remote = append(c.remote, unix.RemoteIovec{Base: uintptr(r.start), Len: int(r.size)})
	}
	n, err := unix.ProcessVMReadv(c.pid, c.local, c.remote, 0)
	if err == unix.ENOSYS || err == unix.EPERM {
		c.slow = true
	}
	return uint64(max(n, 0))
}

// pages copies one run through /proc/PID/mem, in one piece or page by page, and
// notes the pages that cannot be read.
func (c *copier) pages(r run) {
	if c.mem.ReadAt(c.dst[r.off:r.off+r.size], r.start) == nil {
		return
	}
	for o := uint64(0); o < r.size; o += pageSize {
		a := r.start + mem.Addr(o)
		if c.mem.ReadAt(c.dst[r.off+o:r.off+o+pageSize], a) == nil {
			continue
		}
		if n := len(c.missing); n > 0 && c.missing[n-1].End == a {
			c.missing[n-1].End += pageSize
		} else {
			c.missing = append(c.missing, mem.Range{Start: a, End: a + pageSize})
		}
	}
}

// available returns how much memory the kernel could give, in bytes; 0 if it
// does not tell.
func available() uint64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return parseAvailable(string(b))
}

// parseAvailable takes MemAvailable out of /proc/meminfo, in bytes.
func parseAvailable(text string) uint64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kb, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}
