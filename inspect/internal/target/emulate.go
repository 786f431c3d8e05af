package target

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// settle is for how long an emulated target is left alone once it is ready:
// some of its goroutines may still be on their way to where they wait, and the
// emulator is slow.
const settle = 200 * time.Millisecond

// emulator returns the command, with its flags, that runs executables of exe's
// architecture on this host, "" for the host's own. It is QEMU's user-mode
// emulation (Debian's package qemu-user): one process of this host for each
// process of the target, with the same process id, thread ids and directory.
// On a fatal signal it writes a core of the target. The dynamic linker and the
// C library, of programs that are not static, come from where Debian's cross
// compilers have them.
func emulator(exe string) (string, error) {
	f, err := elf.Open(exe)
	if err != nil {
		return "", fmt.Errorf("architecture: %w", err)
	}
	defer f.Close()
	var goarch, command, root string
	switch f.Machine {
	case elf.EM_X86_64:
		goarch, command, root = "amd64", "qemu-x86_64", "/usr/x86_64-linux-gnu"
	case elf.EM_AARCH64:
		goarch, command, root = "arm64", "qemu-aarch64", "/usr/aarch64-linux-gnu"
	default:
		return "", fmt.Errorf("architecture %v: neither amd64 nor arm64", f.Machine)
	}
	if goarch == runtime.GOARCH {
		return "", nil
	}
	path, err := exec.LookPath(command)
	if err != nil {
		return "", fmt.Errorf("%w: %s programs: %w", errNoOracle, goarch, err)
	}
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		if _, err := os.Stat(root); err != nil {
			return "", fmt.Errorf("%w: C library of %s: %w", errNoOracle, goarch, err)
		}
	}
	return path + " -L " + root, nil
}

// compiler returns the C compiler for a GOARCH, "" being the host's.
func compiler(goarch string) string {
	switch {
	case goarch == "" || goarch == runtime.GOARCH:
		return "gcc"
	case goarch == "arm64":
		return "aarch64-linux-gnu-gcc"
	}
	return "x86_64-linux-gnu-gcc"
}

// emulatedCore prepares for the core that the emulator writes and returns a
// glob for its path. QEMU (linux-user/elfload.c, core_dump_filename) names it
// qemu_PROGRAM_DATE-TIME_PID.core, in the working directory. Where it thinks
// that it failed it has the kernel dump a core of the emulator as well; that
// one is kept small.
func (r *Running) emulatedCore() (string, error) {
	time.Sleep(settle)
	filter := filepath.Join("/proc", strconv.Itoa(r.PID), "coredump_filter")
	if err := os.WriteFile(filter, []byte("0"), 0); err != nil {
		return "", err
	}
	name := fmt.Sprintf("qemu_%s_*_%d.core", filepath.Base(r.Exe), r.PID)
	return filepath.Join(r.Dir, name), nil
}
