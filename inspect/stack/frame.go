package stack

import (
	"strconv"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// Frame is a logical frame: one line of a traceback.
type Frame struct {
	// Line is the source position; its Func is the full symbol name.
	pcln.Line
	// Phys is the index in Stack.Frames of the physical frame that this one
	// is in. The fields below are that frame's, and the same for all
	// functions inlined into it.
	Phys int
	// PC is where the frame continues, Entry its function's address.
	PC, Entry mem.Addr
	// SP is the stack pointer at PC and FP the caller's: FP is where the
	// arguments lie, not the frame pointer register.
	SP, FP mem.Addr
	// Fn is the physical function.
	Fn *pcln.Func
}

// Each calls yield for the logical frames of t, innermost first, until it
// returns false. The Frame is reused from call to call.
func (t Trace) Each(yield func(*Frame) bool) {
	var f Frame
	for i := range t.Stack.Frames {
		p := &t.Stack.Frames[i]
		f = Frame{
			Phys: i, PC: p.PC, Entry: p.Func.Entry, Fn: p.Func,
			SP: t.SP + mem.Addr(p.SP), FP: t.SP + mem.Addr(p.FP),
		}
		for _, l := range p.Lines() {
			f.Line = l
			if !yield(&f) {
				return
			}
		}
	}
}

// Frames returns the logical frames of t, innermost first: all that
// GOTRACEBACK=system and crash show. Where t.Stack.Elided is not 0, some are
// missing.
func (t Trace) Frames() []Frame {
	var frames []Frame
	t.Each(func(f *Frame) bool {
		frames = append(frames, *f)
		return true
	})
	return frames
}

// The levels of GOTRACEBACK that differ in the frames they show.
const (
	// LevelAll is GOTRACEBACK=single and all: no runtime frames unless
	// there are no others, no wrappers.
	LevelAll = 1
	// LevelSystem is GOTRACEBACK=system and crash: all frames, with FP, SP
	// and PC. The runtime uses it for its own fatal errors, too.
	LevelSystem = 2
)

// EachShown calls yield for those frames of t that a traceback at the level
// shows, in order, until it returns false (runtime.traceback2, showframe).
// The Frame is reused from call to call.
func (t Trace) EachShown(level int, yield func(*Frame) bool) {
	if level >= LevelSystem || !t.eachUser(yield) {
		t.Each(yield)
	}
}

// eachUser yields the frames that are not the runtime's and reports whether
// there are any.
func (t Trace) eachUser(yield func(*Frame) bool) bool {
	callee, phys, any := pcln.FuncIDNormal, 0, false
	t.Each(func(f *Frame) bool {
		if f.Phys != phys {
			callee, phys = t.Stack.Frames[phys].Func.ID, f.Phys
		}
		show := showFunc(f.Func, f.ID, !any, callee)
		callee = f.ID
		if !show {
			return true
		}
		any = true
		return yield(f)
	})
	return any
}

// The number of logical frames that the runtime prints of a deep stack
// (runtime.tracebackInnerFrames and tracebackOuterFrames, since Go 1.21).
const (
	innerFrames = 50
	outerFrames = 50
)

// AppendText appends the lines that the runtime prints for t, without the
// goroutine's header and without its creator, and returns the result. It
// reads the arguments from the target; an argument that cannot be read is
// printed as "?".
func (u *Unwinder) AppendText(dst []byte, t Trace, level int) []byte {
	if u.syms.table.Minor() < 21 {
		return u.appendTextPre21(dst, t, level)
	}
	held := 0
	t.EachShown(level, func(*Frame) bool { held++; return true })
	elided := held + t.Stack.ElidedLogical - innerFrames - outerFrames
	n := 0
	t.EachShown(level, func(f *Frame) bool {
		n++
		switch {
		case n <= innerFrames || n > held-outerFrames:
			dst = u.appendFrame(dst, t, f, level)
		case n == innerFrames+1:
			dst = append(dst, "..."...)
			dst = strconv.AppendInt(dst, int64(elided), 10)
			dst = append(dst, " frames elided...\n"...)
		}
		return true
	})
	return dst
}

// appendTextPre21 prints the 100 innermost physical frames and says that
// there are more if these are as many lines, whether there are more or not
// (runtime.traceback1 and _TracebackMaxFrames before Go 1.21).
func (u *Unwinder) appendTextPre21(dst []byte, t Trace, level int) []byte {
	const maxFrames = 100
	n := 0
	t.EachShown(level, func(f *Frame) bool {
		if f.Phys >= maxFrames {
			return false
		}
		n++
		dst = u.appendFrame(dst, t, f, level)
		return true
	})
	if n == maxFrames {
		dst = append(dst, "...additional frames elided...\n"...)
	}
	return dst
}

func (u *Unwinder) appendFrame(dst []byte, t Trace, f *Frame, level int) []byte {
	dst = append(dst, FuncNameForPrint(f.Func, u.syms.table.Minor())...)
	dst = append(dst, '(')
	if f.Inlined {
		dst = append(dst, "..."...)
	} else {
		dst = u.AppendArgs(dst, t, f)
	}
	dst = append(dst, ")\n\t"...)
	dst = append(dst, f.File...)
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, int64(f.Line.Line), 10)
	if !f.Inlined {
		if f.PC > f.Entry {
			dst = appendHex(append(dst, " +"...), uint64(f.PC-f.Entry))
		}
		if level >= LevelSystem {
			dst = appendHex(append(dst, " fp="...), uint64(f.FP))
			dst = appendHex(append(dst, " sp="...), uint64(f.SP))
			dst = appendHex(append(dst, " pc="...), uint64(f.PC))
		}
	}
	return append(dst, '\n')
}

func appendHex(dst []byte, v uint64) []byte {
	return strconv.AppendUint(append(dst, "0x"...), v, 16)
}
