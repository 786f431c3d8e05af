package pcln

import (
	"errors"
	"iter"
	"runtime"
	"slices"
	"testing"

	"rtdbg/inspect/mem"
)

type pair[T any] struct{ a, b T }

//go:noinline
func (p pair[T]) swap(f func(T, T) T) T { return f(p.b, p.a) }

func inlinedLeaf(pcs []uintptr) int { return runtime.Callers(1, pcs) }
func inlinedMid(pcs []uintptr) int  { return inlinedLeaf(pcs) }

//go:noinline
func captureGeneric[T any](v T) []uintptr {
	pcs := make([]uintptr, 64)
	n := 0
	pair[T]{v, v}.swap(func(a, b T) T {
		n = func() int { return inlinedMid(pcs) }()
		return a
	})
	return pcs[:n]
}

func captureCoro() []uintptr {
	next, stop := iter.Pull(func(yield func([]uintptr) bool) {
		pcs := make([]uintptr, 64)
		yield(pcs[:inlinedMid(pcs)])
	})
	defer stop()
	pcs, _ := next()
	return pcs
}

func capturePanic() (pcs []uintptr) {
	defer func() {
		_ = recover()
		pcs = make([]uintptr, 64)
		pcs = pcs[:inlinedMid(pcs)]
	}()
	var p *int
	*p = 1
	return nil
}

// TestFuncMatchesFuncForPC compares name, entry and line at every function's
// entry and at points inside it with what the runtime says.
func TestFuncMatchesFuncForPC(t *testing.T) {
	tab := selfTable(t)
	funcs, pcs := 0, 0
	for f := range tab.All() {
		funcs++
		for pc := f.Entry; pc < f.End; pc += max((f.End-f.Entry)/5, 1) {
			pcs++
			if got := tab.Func(pc); got != f && got.Entry != f.Entry {
				t.Fatalf("Func(%v) = %v, want %v", pc, got, f)
			}
			want := runtime.FuncForPC(uintptr(pc))
			if want == nil {
				t.Fatalf("%v: in %s by the table, in no function by the runtime", pc, f.Name)
			}
			// FuncForPC answers for the innermost inlined function.
			in := tab.Func(pc).Lines(pc)[0]
			file, line := want.FileLine(uintptr(pc))
			if in.File != file || in.Line != line {
				t.Errorf("%s %v: %s:%d, want %s:%d", f.Name, pc, in.File, in.Line, file, line)
			}
			if uintptr(f.Entry) != want.Entry() && tab.Func(pc) == f {
				t.Errorf("%s: entry %v, want %#x", f.Name, f.Entry, want.Entry())
			}
		}
	}
	if funcs < 1000 || pcs < 5000 {
		t.Errorf("only %d functions, %d PCs", funcs, pcs)
	}
}

// TestLinesMatchCallersFrames compares the logical frames of PCs throughout
// the binary with runtime.CallersFrames.
func TestLinesMatchCallersFrames(t *testing.T) {
	tab := selfTable(t)
	inlined := 0
	for f := range tab.All() {
		// CallersFrames takes return PCs, and finds the function by them.
		for pc := f.Entry; pc+1 < f.End; pc += 7 {
			frames := runtime.CallersFrames([]uintptr{uintptr(pc) + 1})
			fr, _ := frames.Next()
			l := tab.Func(pc).Lines(pc)
			if len(l) > 1 {
				inlined++
			}
			if fr.Function != printName(l[0].Func) || fr.File != l[0].File || fr.Line != l[0].Line {
				t.Fatalf("%s %v: %+v, want %s %s:%d", f.Name, pc, l[0], fr.Function, fr.File, fr.Line)
			}
		}
	}
	if inlined < 1000 {
		t.Errorf("only %d PCs in inlined code", inlined)
	}
}

// printName shortens type arguments as runtime.Frame.Function has them, for
// names with one pair of outer brackets.
func printName(s string) string {
	i, j := slices.Index([]byte(s), '['), len(s)-1
	if i < 0 {
		return s
	}
	for s[j] != ']' {
		j--
	}
	return s[:i] + "[...]" + s[j+1:]
}

// TestInlineChain expands the physical PCs of real stacks, with generic
// functions, closures, coroutines and a fault, and compares all logical
// frames with those that runtime.Callers found.
func TestInlineChain(t *testing.T) {
	tab := selfTable(t)
	for name, pcs := range map[string][]uintptr{
		"int":    captureGeneric(1),
		"string": captureGeneric("x"),
		"coro":   captureCoro(),
		"fault":  capturePanic(),
	} {
		t.Run(name, func(t *testing.T) {
			var want, got []Line
			frames := runtime.CallersFrames(pcs)
			for more := true; more; {
				var f runtime.Frame
				f, more = frames.Next()
				want = append(want, Line{Func: f.Function, File: f.File, Line: f.Line})
			}
			// Callers gives one PC per logical frame; the innermost of
			// each physical frame expands to all of them.
			for i := 0; i < len(pcs); {
				f := tab.Func(mem.Addr(pcs[i] - 1))
				l := f.Lines(mem.Addr(pcs[i] - 1))
				for _, l := range l {
					got = append(got, Line{Func: printName(l.Func), File: l.File, Line: l.Line})
				}
				i += len(l)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestFuncByNameAndProperties(t *testing.T) {
	tab := selfTable(t)
	tests := []struct {
		name string
		id   FuncID
		flag FuncFlag
	}{
		{"runtime.goexit", FuncIDGoexit, FlagTopFrame | FlagAsm},
		{"runtime.gogo", FuncIDGogo, FlagAsm},
		{"runtime.main", FuncIDRuntimeMain, 0},
		{"runtime.sigpanic", FuncIDSigpanic, 0},
		{"runtime.asyncPreempt", FuncIDAsyncPreempt, FlagAsm},
		{"runtime.systemstack", FuncIDSystemstack, FlagSPWrite | FlagAsm},
		{"runtime.mcall", FuncIDMcall, FlagSPWrite | FlagAsm},
		{"runtime.gopanic", FuncIDGopanic, 0},
		{"runtime.mstart", FuncIDMstart, FlagTopFrame | FlagAsm},
		{"runtime.runCleanups", FuncIDRunCleanups, 0},
		{"runtime.runFinalizers", FuncIDRunFinalizers, 0},
		{"runtime.corostart", FuncIDCorostart, 0},
		{"runtime.gopark", FuncIDNormal, 0},
	}
	for _, tt := range tests {
		f := tab.FuncByName(tt.name)
		if f == nil {
			t.Errorf("no %s", tt.name)
			continue
		}
		if f.ID != tt.id || f.Flag != tt.flag {
			t.Errorf("%s: ID %d flag %b, want %d %b", tt.name, f.ID, f.Flag, tt.id, tt.flag)
		}
	}
	if f := tab.FuncByName("no.such"); f != nil {
		t.Errorf("no.such = %v", f)
	}
	if f := tab.Func(1); f != nil {
		t.Errorf("Func(1) = %v", f)
	}
}

func TestFindHeadersFindsOwnTable(t *testing.T) {
	v := openSelf(t)
	want := selfModule(t, selfMinor(t)).PCHeader
	if got := FindHeaders(v, amd64, selfRanges(t)); !slices.Contains(got, want) {
		t.Errorf("FindHeaders = %v, want %v among them", got, want)
	}
}

func TestFuncDoesNotAllocate(t *testing.T) {
	tab := selfTable(t)
	pc := tab.FuncByName("runtime.gopark").Entry + 5
	if n := testing.AllocsPerRun(100, func() { tab.Func(pc) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNewRefuses(t *testing.T) {
	v, minor := openSelf(t), selfMinor(t)
	mod := selfModule(t, minor)
	if _, err := New(v, amd64, 17, []Module{mod}); err == nil {
		t.Error("go1.17 accepted")
	}
	if _, err := New(v, amd64, 19, []Module{mod}); err == nil {
		t.Error("a go1.20 table accepted for go1.19")
	}
	arm64 := *amd64
	arm64.Name, arm64.PCQuantum = "arm64", 4
	if _, err := New(v, &arm64, minor, []Module{mod}); err == nil {
		t.Error("an amd64 table accepted for arm64")
	}
	var fault *mem.Fault
	if _, err := New(v, amd64, minor, []Module{{PCHeader: 16}}); !errors.As(err, &fault) {
		t.Errorf("unmapped header: %v", err)
	}
}

func BenchmarkFunc(b *testing.B) {
	tab := selfTable(b)
	pc := tab.FuncByName("runtime.gopark").Entry + 5
	for b.Loop() {
		tab.Func(pc)
	}
}
