package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"rtdbg/testdata/bench/internal/cores"
)

// describeMachine says what the figures are of, in one paragraph.
func describeMachine(ctx context.Context) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d × %s, %s of memory, Linux %s, %s", time.Now().Format("2006-01-02"),
		runtime.NumCPU(), procLine("/proc/cpuinfo", "model name"), memory(), release(), runtime.Version())
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Fprintf(&b, ", load %s before the run", strings.Fields(string(load))[0])
	}
	if root, err := cores.Root(ctx); err == nil {
		cmd := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty")
		cmd.Dir = root
		if out, err := cmd.Output(); err == nil {
			fmt.Fprintf(&b, ", rtdbg %s", strings.TrimSpace(string(out)))
		}
	}
	return b.String() + ".\n"
}

// procLine returns the value of the first line of that name.
func procLine(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memory() string {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%d GB", uint64(info.Totalram)*uint64(info.Unit)>>30)
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
