package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"

	"rtdbgtargets/internal/truth"
)

// omitReserved keeps what the runtime has only reserved, about a gigabyte, out
// of the cores that gdb writes: for them it goes by the kernel's mark. What the
// runtime comes to use later it maps anew, without the mark.
func omitReserved() {
	const dontDump = 16 // MADV_DONTDUMP
	f, err := os.Open("/proc/self/maps")
	truth.Check(err)
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Fields(s.Text())
		ends := strings.Split(fields[0], "-")
		if fields[1] != "---p" || len(ends) != 2 {
			continue
		}
		from, err := strconv.ParseUint(ends[0], 16, 64)
		truth.Check(err)
		to, err := strconv.ParseUint(ends[1], 16, 64)
		truth.Check(err)
		_, _, errno := syscall.Syscall(syscall.SYS_MADVISE, uintptr(from), uintptr(to-from), dontDump)
		if errno != 0 {
			truth.Fatal("madvise: %v", errno)
		}
	}
}
