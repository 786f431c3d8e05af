package stack

import (
	"strconv"
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// CreatedBy returns the go statement at gopc, g.gopc: the physical function,
// and the position of the call (runtime.printcreatedby1). Of the addresses
// only PC and Entry are set. It is false when gopc is in no function, as it
// is for the first goroutine of a thread that C created.
func (s *Symbols) CreatedBy(gopc mem.Addr) (Frame, bool) {
	f := s.table.Func(gopc)
	if f == nil {
		return Frame{}, false
	}
	call := gopc
	if gopc > f.Entry {
		call -= mem.Addr(s.arch.PCQuantum)
	}
	file, line := f.Line(call)
	return Frame{
		Line: pcln.Line{Func: f.Name, ID: f.ID, File: file, Line: line, StartLine: int(f.StartLine)},
		PC:   gopc, Entry: f.Entry, Fn: f,
	}, true
}

// AppendCreatedBy appends the two lines "created by …" that the runtime
// prints at the level for a goroutine with this gopc, or nothing where it
// prints nothing. parent is g.parentGoid, 0 before Go 1.21. The caller leaves
// out goroutine 1, as the runtime does.
func (s *Symbols) AppendCreatedBy(dst []byte, gopc mem.Addr, parent uint64, level int) []byte {
	f, ok := s.CreatedBy(gopc)
	if !ok || level < LevelSystem && !showFunc(f.Func, f.ID, false, pcln.FuncIDNormal) {
		return dst
	}
	dst = append(dst, "created by "...)
	dst = append(dst, FuncNameForPrint(f.Func, s.table.Minor())...)
	if parent != 0 {
		dst = append(dst, " in goroutine "...)
		dst = strconv.AppendUint(dst, parent, 10)
	}
	dst = append(dst, "\n\t"...)
	dst = append(dst, f.File...)
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, int64(f.Line.Line), 10)
	if f.PC > f.Entry {
		dst = appendHex(append(dst, " +"...), uint64(f.PC-f.Entry))
	}
	return append(dst, '\n')
}

// StartFunc returns the function that a goroutine runs, by g.startpc, or nil.
func (s *Symbols) StartFunc(startpc mem.Addr) *pcln.Func { return s.table.Func(startpc) }

// IsSystem reports whether the goroutine that starts at startpc is the
// runtime's own and left out of tracebacks below LevelSystem
// (runtime.isSystemGoroutine). inUserCode says that the goroutine that runs
// finalizers or cleanups is calling back into the program: bit
// fingRunningFinalizer of runtime.fingStatus, or g.runningCleanups.
func (s *Symbols) IsSystem(startpc mem.Addr, inUserCode bool) bool {
	f := s.table.Func(startpc)
	if f == nil {
		return false
	}
	switch f.ID {
	case pcln.FuncIDRuntimeMain, pcln.FuncIDCorostart, pcln.FuncIDHandleAsyncEvent:
		return false
	case pcln.FuncIDRunFinalizers, pcln.FuncIDRunCleanups:
		return !inUserCode
	}
	return strings.HasPrefix(f.Name, "runtime.")
}
