package cstack

import (
	"bufio"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
)

// libraries are C libraries of both architectures, as distributions place them.
var libraries = []struct{ goarch, pattern string }{
	{"amd64", "/lib*/x86_64-linux-gnu/libc.so.6"},
	{"arm64", "/usr/aarch64-linux-gnu/lib/libc.so.6"},
}

// registerNames are the names that readelf gives registers, by number.
func registerNames(goarch string) []string {
	if goarch == "amd64" {
		return strings.Fields("rax rdx rcx rbx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 ra")
	}
	var names []string
	for i := range 31 {
		names = append(names, fmt.Sprintf("x%d", i))
	}
	return append(names, "sp")
}

// libraryTables opens the tables of a library as if it were loaded at 0.
func libraryTables(t *testing.T, goarch, pattern string) (tables *Tables, path string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		target.Missing(t, "no %s", pattern)
	}
	f, err := exe.OpenImage(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	a, _ := arch.ByName(goarch)
	return New(mem.NewImage(f, 0), a, []mem.Loaded{{Path: paths[0], Segments: f.Segments(), File: f}}), paths[0]
}

// At each PC where the unwind tables of a library change the rules are those that
// readelf prints, found by the sorted table and without it.
func TestRulesAreThoseOfReadelf(t *testing.T) {
	for _, lib := range libraries {
		t.Run(lib.goarch, func(t *testing.T) {
			tables, path := libraryTables(t, lib.goarch, lib.pattern)
			out, err := exec.Command("readelf", "--debug-dump=frames-interp", "--wide", path).Output()
			// It ends with status 1 where it finds other sections odd, after it has
			// printed these.
			var exit *exec.ExitError
			if err != nil && !(errors.As(err, &exit) && len(out) > 0) {
				target.Missing(t, "readelf: %v", err)
			}
			names := registerNames(lib.goarch)
			var columns []string
			checked, inFDE := 0, false
			lines := bufio.NewScanner(strings.NewReader(string(out)))
			for lines.Scan() {
				fields := strings.Fields(lines.Text())
				switch {
				case len(fields) == 0:
					inFDE = false
				case len(fields) > 3 && fields[3] == "FDE":
					inFDE = true
				case fields[0] == "LOC":
					columns = fields[1:]
				case inFDE && len(fields) == len(columns)+1:
					checkRow(t, tables, names, columns, fields)
					checked++
				}
			}
			if checked < 1000 {
				t.Errorf("only %d rows compared", checked)
			}
		})
	}
}

// checkRow compares the rules at one PC with a line of readelf.
func checkRow(t *testing.T, tables *Tables, names, columns, fields []string) {
	t.Helper()
	pc, err := strconv.ParseUint(fields[0], 16, 64)
	if err != nil {
		t.Fatalf("%q: %v", fields, err)
	}
	f, err := tables.fde(mem.Addr(pc))
	if err != nil {
		t.Errorf("%#x: %v", pc, err)
		return
	}
	img := &tables.images[0]
	at, err := tables.find(img, pc)
	if indexed, err2 := tables.searchIndex(img, pc); err != nil || err2 != nil || at != indexed {
		t.Errorf("%#x: FDE %v, %v by the sorted table, %v, %v by the index", pc, at, err, indexed, err2)
	}
	rules, err := f.rules(pc)
	if err != nil {
		t.Errorf("%#x: %v", pc, err)
		return
	}
	for i, column := range columns {
		got := ""
		if column == "CFA" {
			got = spellCFA(rules, names)
		} else if n := registerNumber(column, names, f.ret); n < 0 {
			continue // no general register
		} else {
			got = spellRule(rules.regs[n], names)
		}
		if got != fields[i+1] {
			t.Errorf("%#x: %s is %s, readelf has %s", pc, column, got, fields[i+1])
		}
	}
}

func registerNumber(name string, names []string, ret uint64) int {
	if name == "ra" {
		return int(ret)
	}
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}

func spellCFA(r *row, names []string) string {
	if r.cfa.kind == inRegister {
		return fmt.Sprintf("%s%+d", names[r.cfa.n], r.offset)
	}
	return "exp"
}

func spellRule(r rule, names []string) string {
	switch r.kind {
	case sameValue:
		return "s"
	case atOffset:
		return fmt.Sprintf("c%+d", r.n)
	case valOffset:
		return fmt.Sprintf("v%+d", r.n)
	case inRegister:
		return names[r.n]
	case atExpression:
		return "exp"
	case valExpression:
		return "vexp"
	}
	return "u"
}
