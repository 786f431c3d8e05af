package mem

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"rtdbg/inspect/arch"
)

// Delve writes a header note into every dump, and, where it has no native
// notes for the platform (all but linux/amd64), thread notes of its own
// (Delve's pkg/elfwriter/delve_core_notes.go and pkg/proc/dump.go).
const (
	noteDelveThread      = 0x444c5654 // "DLVT"
	delvePIDPrefix       = "Target Pid: "
	delveEntryPrefix     = "Entry Point: "
	delveThreadFixedSize = 5*8 + 1 + 8 + 4
)

// addDelveHeader reads the header note: lines of text, of which the first is
// GOOS/GOARCH and the second Delve's version.
func (n *notes) addDelveHeader(d []byte) error {
	lines := strings.Split(string(d), "\n")
	if goos, _, ok := strings.Cut(lines[0], "/"); ok && goos != "linux" {
		return fmt.Errorf("is a dump of a %s process: only linux is supported", goos)
	}
	for _, line := range lines[1:] {
		if s, ok := strings.CutPrefix(line, delvePIDPrefix); ok && n.pid == 0 {
			n.pid, _ = strconv.Atoi(s)
		}
		if s, ok := strings.CutPrefix(line, delveEntryPrefix); ok {
			n.entry, _ = strconv.ParseUint(s, 0, 64)
		}
	}
	return nil
}

// addDelveThread reads a thread note: thread id, PC, SP, BP and TLS (8 bytes
// each), whether g is known (1) and g (8), the number of registers (4), and
// for each the length of its name (2), the name, the length of its value (2)
// and the value.
func (n *notes) addDelveThread(d []byte, a *arch.Arch) error {
	le := binary.LittleEndian
	if len(d) < delveThreadFixedSize {
		return fmt.Errorf("is damaged: a thread's status has %d bytes, want %d", len(d), delveThreadFixedSize)
	}
	t := arch.Thread{TID: int(le.Uint64(d)), Regs: arch.Regs{
		PC: le.Uint64(d[8:]), SP: le.Uint64(d[16:]), FP: le.Uint64(d[24:]), TLS: le.Uint64(d[32:]),
	}}
	count := le.Uint32(d[delveThreadFixedSize-4:])
	rest := d[delveThreadFixedSize:]
	for i := range count {
		name, after, ok := cutSized(rest)
		if !ok {
			return fmt.Errorf("is damaged: the registers of thread %d are cut off", t.TID)
		}
		value, after, ok := cutSized(after)
		if !ok {
			return fmt.Errorf("is damaged: register %.20q of thread %d is cut off", name, t.TID)
		}
		rest = after
		if len(value) >= 8 {
			a.SetByName(&t.Regs, string(name), le.Uint64(value))
			if i < uint32(len(t.Regs.General)) {
				t.Regs.General[i] = le.Uint64(value)
			}
		}
	}
	n.threads = append(n.threads, t)
	return nil
}

// cutSized splits a byte string with a length of two bytes off b.
func cutSized(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.LittleEndian.Uint16(b))
	if n > len(b)-2 {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}
