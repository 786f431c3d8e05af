package cores

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// perGoroutine is about what a goroutine of the program needs, in bytes: its g,
// its stack, and what it waits on.
const perGoroutine = 4 << 10

// dump runs the program in dir until it has parked, and has the kernel dump
// its core there.
func (b *build) dump(ctx context.Context, dir, exe string) error {
	n := b.spec.N
	if err := CanDump(); err != nil {
		return err
	}
	if have, err := available(); err == nil && have < uint64(n)*perGoroutine {
		return fmt.Errorf("%d goroutines need %d MB of memory, %d MB are free", n, n*perGoroutine>>20, have>>20)
	}
	cmd := exec.CommandContext(ctx, exe, b.args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Process.Kill()
	vars, err := untilReady(stdout)
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return fmt.Errorf("%s: %w: %s", filepath.Base(exe), err, bytes.TrimSpace(stderr.Bytes()))
	}
	if err := os.WriteFile(filepath.Join(dir, "vars"), vars, 0o644); err != nil {
		return err
	}
	if err := fits(cmd.Process.Pid, dir); err != nil {
		return err
	}
	if err := abort(cmd); err != nil {
		return err
	}
	return named(dir, cmd.Process.Pid)
}

// CanDump reports what keeps the kernel from dumping core into a program's
// working directory.
func CanDump() error {
	const file = "/proc/sys/kernel/core_pattern"
	pattern, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if p := strings.TrimSpace(string(pattern)); p == "" || strings.ContainsAny(p, "|/") {
		return fmt.Errorf("%s is %q, want a file name: echo core >%s", file, p, file)
	}
	return nil
}

// available is how much memory the kernel would give to a new program, in
// bytes.
func available() (uint64, error) {
	return kilobytes("/proc/meminfo", "MemAvailable:")
}

// kilobytes reads a line of a file of proc(5) that counts in kB, in bytes.
func kilobytes(file, name string) (uint64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == name {
			kb, err := strconv.ParseUint(f[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}

// untilReady returns what the program printed before "ready".
func untilReady(r io.Reader) ([]byte, error) {
	var vars bytes.Buffer
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if lines.Text() == "ready" {
			return vars.Bytes(), nil
		}
		vars.WriteString(lines.Text() + "\n")
	}
	return nil, errors.Join(errors.New("ended before it was ready"), lines.Err())
}

// fits compares what the core will hold with what the disk has room for.
func fits(pid int, dir string) error {
	need, err := kilobytes(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:")
	if err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	if free := st.Bavail * uint64(st.Bsize); free < need+need/8 {
		return fmt.Errorf("%s: the core needs %d MB, %d MB are free", dir, need>>20, free>>20)
	}
	return nil
}

// abort ends the program by SIGABRT.
func abort(cmd *exec.Cmd) error {
	var limit unix.Rlimit
	if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, nil, &limit); err != nil {
		return fmt.Errorf("limit of core files: %w", err)
	}
	if limit.Max != unix.RLIM_INFINITY && os.Geteuid() == 0 {
		limit.Max = unix.RLIM_INFINITY
	}
	limit.Cur = limit.Max
	if err := unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, &limit, nil); err != nil {
		return fmt.Errorf("allow core files: %w: ulimit -c unlimited", err)
	}
	if err := cmd.Process.Signal(syscall.SIGABRT); err != nil {
		return err
	}
	err := cmd.Wait()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !ws.CoreDump() {
		return fmt.Errorf("the kernel dumped no core: %v", err)
	}
	return nil
}

// named gives the core that lies in dir the name core.
func named(dir string, pid int) error {
	want := filepath.Join(dir, "core")
	if _, err := os.Stat(want); err == nil {
		return nil
	}
	for _, glob := range []string{"core*", "*" + strconv.Itoa(pid) + "*"} {
		found, err := filepath.Glob(filepath.Join(dir, glob))
		if err == nil && len(found) == 1 {
			return os.Rename(found[0], want)
		}
	}
	return fmt.Errorf("no core file in %s", dir)
}
