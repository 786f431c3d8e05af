package target

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
)

var (
	smapsMapping   = regexp.MustCompile(`(?m)^[0-9a-f]+-[0-9a-f]+ (\S+) .* (\S+)$`)
	smapsAnonymous = regexp.MustCompile(`(?m)^Anonymous: +(\d+) kB$`)
)

// CodeWritten is how many bytes of pages of the code of a process's executable have
// been written to since it started, by the kernel's account: a page becomes a copy
// of the process's own when it is written, whatever is written, and stays one.
func CodeWritten(t testing.TB, pid int, exe string) int {
	t.Helper()
	smaps, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mappings, found, written := smapsMapping.FindAllSubmatchIndex(smaps, -1), false, 0
	for i, m := range mappings {
		end := len(smaps)
		if i+1 < len(mappings) {
			end = mappings[i+1][0]
		}
		if string(smaps[m[2]:m[3]]) != "r-xp" || string(smaps[m[4]:m[5]]) != exe {
			continue
		}
		anonymous := smapsAnonymous.FindSubmatch(smaps[m[0]:end])
		if anonymous == nil {
			t.Fatalf("no account of what process %d has written:\n%s", pid, smaps[m[0]:end])
		}
		kb, err := strconv.Atoi(string(anonymous[1]))
		if err != nil {
			t.Fatal(err)
		}
		found, written = true, written+kb<<10
	}
	if !found {
		t.Fatalf("process %d has no code of %s:\n%s", pid, exe, smaps)
	}
	return written
}
