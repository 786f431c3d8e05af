package mem

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"rtdbg/inspect/exe"
)

// ErrExited is the cause of a Fault in a process that is gone.
var ErrExited = errors.New("the process has exited")

// Process is the memory of a live process on this host. It only ever reads,
// and stops nothing: what it reads is consistent only while somebody else (a
// debugger) holds the process stopped, and its ranges are those of the moment
// of OpenProcess. Its methods may be called concurrently; View copies.
type Process struct {
	pid    int
	mem    *os.File // /proc/PID/mem: stays with this process if the PID is reused
	ranges []Range
	auxv   auxv
}

// OpenProcess opens the memory of the process with the given PID. That needs
// what attaching with ptrace needs: the same user and no Yama restriction, or
// CAP_SYS_PTRACE; a debugger that is attached already may always.
func OpenProcess(pid int) (*Process, error) {
	if pid <= 0 {
		return nil, fmt.Errorf("%d is not a process id", pid)
	}
	p := &Process{pid: pid}
	var err error
	if p.mem, err = os.Open(p.proc("mem")); err != nil {
		return nil, p.openError(err)
	}
	if err := p.readMaps(); err != nil {
		p.mem.Close()
		return nil, err
	}
	return p, nil
}

// proc is the path of a file about the process.
func (p *Process) proc(name string) string { return "/proc/" + strconv.Itoa(p.pid) + "/" + name }

// openError says why the process cannot be read, and what helps.
func (p *Process) openError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("process %d: no such process", p.pid)
	case errors.Is(err, syscall.ESRCH):
		return p.noMemory()
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("process %d: reading its memory is not permitted: it needs the process's user%s, or root (CAP_SYS_PTRACE)", p.pid, yamaHint())
	}
	return fmt.Errorf("process %d: %w", p.pid, err)
}

func (p *Process) noMemory() error {
	return fmt.Errorf("process %d has no memory: it has exited, or is a kernel thread", p.pid)
}

// yamaHint tells about the Yama restriction where that is in force.
func yamaHint() string {
	b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	scope := strings.TrimSpace(string(b))
	if err != nil || scope == "0" {
		return ""
	}
	return " and /proc/sys/kernel/yama/ptrace_scope 0 (it is " + scope + ")"
}

// readMaps fills in ranges and the auxiliary vector.
func (p *Process) readMaps() error {
	maps, err := os.ReadFile(p.proc("maps"))
	if err != nil {
		return p.openError(err)
	}
	if p.ranges, err = parseMaps(maps); err != nil {
		return fmt.Errorf("process %d: %w", p.pid, err)
	}
	if len(p.ranges) == 0 {
		return p.noMemory()
	}
	b, err := os.ReadFile(p.proc("auxv"))
	if err != nil {
		return p.openError(err)
	}
	p.auxv = parseAuxv(b)
	return nil
}

// parseMaps parses /proc/PID/maps: lines of
// "start-end rwxp offset major:minor inode    path".
func parseMaps(b []byte) ([]Range, error) {
	var ranges []Range
	for line := range bytes.Lines(b) {
		r, err := parseMapsLine(strings.TrimSuffix(string(line), "\n"))
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, r)
	}
	sortByStart(ranges, func(r Range) Addr { return r.Start })
	return ranges, nil
}

func parseMapsLine(line string) (Range, error) {
	f := strings.SplitN(line, " ", 6)
	if len(f) < 5 || len(f[1]) < 4 {
		return Range{}, fmt.Errorf("unknown form of /proc/PID/maps: %.80q", line)
	}
	first, last, _ := strings.Cut(f[0], "-")
	start, err1 := strconv.ParseUint(first, 16, 64)
	end, err2 := strconv.ParseUint(last, 16, 64)
	off, err3 := strconv.ParseUint(f[2], 16, 64)
	if err := errors.Join(err1, err2, err3); err != nil || start >= end {
		return Range{}, fmt.Errorf("unknown form of /proc/PID/maps: %.80q", line)
	}
	r := Range{Start: Addr(start), End: Addr(end)}
	for i, p := range []struct {
		letter byte
		perm   Perm
	}{{'r', PermRead}, {'w', PermWrite}, {'x', PermExec}} {
		if f[1][i] == p.letter {
			r.Perm |= p.perm
		}
	}
	r.Shared = f[1][3] == 's'
	if f[4] != "0" && len(f) == 6 { // inode 0: anonymous, [heap], [stack], [vdso]
		r.File, r.Off = strings.TrimLeft(f[5], " "), off
	}
	return r, nil
}

// ReadAt implements Reader.
func (p *Process) ReadAt(b []byte, a Addr) error {
	if len(b) == 0 {
		return nil
	}
	if int64(a) < 0 {
		return p.fault(a, len(b), nil)
	}
	n, err := p.mem.ReadAt(b, int64(a))
	if n == len(b) {
		return nil
	}
	return p.fault(a, len(b), err)
}

// View implements Viewer by copying.
func (p *Process) View(a Addr, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if !covers(p.ranges, a, n) {
		return nil, &Fault{a, n, ErrUnmapped}
	}
	b := make([]byte, n)
	if err := p.ReadAt(b, a); err != nil {
		return nil, err
	}
	return b, nil
}

// fault explains a failed read. The kernel reads nothing, without an error,
// once the process is gone.
func (p *Process) fault(a Addr, n int, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return &Fault{a, n, ErrExited}
	case errors.Is(err, fs.ErrClosed):
		return &Fault{a, n, err}
	case covers(p.ranges, a, n): // [vvar], device memory
		return &Fault{a, n, ErrMissing}
	}
	return &Fault{a, n, ErrUnmapped}
}

// covers reports whether ranges, which ascend, cover all the n bytes at a.
func covers(ranges []Range, a Addr, n int) bool {
	i, _ := slices.BinarySearchFunc(ranges, a, func(r Range, a Addr) int {
		if r.End <= a {
			return -1
		}
		return 1
	})
	left := uint64(n)
	for ; n >= 0 && i < len(ranges) && ranges[i].Start <= a; i++ {
		here := uint64(ranges[i].End - a)
		if left <= here {
			return true
		}
		left -= here
		a = ranges[i].End
	}
	return false
}

// Ranges implements Memory: /proc/PID/maps when the process was opened. The
// slice belongs to the Process.
func (p *Process) Ranges() []Range { return p.ranges }

// Describe implements Memory.
func (p *Process) Describe() string { return "process " + strconv.Itoa(p.pid) }

// Close releases the process. It goes on as if nothing had been.
func (p *Process) Close() error { return p.mem.Close() }

// PID is the process id.
func (p *Process) PID() int { return p.pid }

// ExePath is a path that opens the process's executable, even when that is in
// another mount namespace, was moved, or deleted: /proc/PID/exe itself.
func (p *Process) ExePath() string { return p.proc("exe") }

// Command is the command line, its arguments separated by spaces.
func (p *Process) Command() (string, error) {
	b, err := os.ReadFile(p.proc("cmdline"))
	if err != nil {
		return "", p.openError(err)
	}
	return strings.ReplaceAll(strings.TrimRight(string(b), "\x00"), "\x00", " "), nil
}

// TIDs lists the ids of the process's threads, ascending.
func (p *Process) TIDs() ([]int, error) {
	entries, err := os.ReadDir(p.proc("task"))
	if err != nil {
		return nil, p.openError(err)
	}
	var tids []int
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	slices.Sort(tids)
	return tids, nil
}

// Aux returns an entry of the auxiliary vector.
func (p *Process) Aux(tag AuxTag) (uint64, bool) { return p.auxv.lookup(tag) }

// LoadBias is what has to be added to an address of f, the process's
// executable, to get the address in the process: 0 unless f is PIE.
func (p *Process) LoadBias(f *exe.File) (uint64, error) {
	entry, _ := p.auxv.lookup(AuxEntry)
	phdr, _ := p.auxv.lookup(AuxPhdr)
	return biasFrom(f, entry, phdr, p.auxv.pageSize())
}

// Refresh reads the mappings anew, after the process has been stopped.
func (p *Process) Refresh() error { return p.readMaps() }
