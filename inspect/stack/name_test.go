package stack

import (
	"reflect"
	"runtime"
	"testing"

	"rtdbg/inspect/pcln"
)

type generic[T any] struct{ v T }

//go:noinline
func (g generic[T]) method() T { return g.v }

// TestFuncNameForPrintMatchesRuntime uses that runtime.Func.Name shortens
// names in the same way.
func TestFuncNameForPrintMatchesRuntime(t *testing.T) {
	f := generic[map[string][]int].method
	pc := reflect.ValueOf(f).Pointer()
	tests := []struct{ raw, want string }{
		{"rtdbg/inspect/stack.generic[...].method", runtime.FuncForPC(pc).Name()},
		{"rtdbg/inspect/stack.generic[go.shape.map[string][]int].method", runtime.FuncForPC(pc).Name()},
	}
	for _, tt := range tests {
		if got := FuncNameForPrint(tt.raw, minorOf(t, "")); got != tt.want {
			t.Errorf("FuncNameForPrint(%q) = %q, want %q", tt.raw, got, tt.want)
		}
	}
}

// The cases of Go 1.27 are those of the comments in
// runtime.funcNamePiecesForPrint; TestShapesMatchCrashText has real ones.
func TestFuncNameForPrint(t *testing.T) {
	tests := []struct {
		name  string
		minor int
		want  string
	}{
		{"runtime.gopanic", 26, "panic"},
		{"main.f", 26, "main.f"},
		{"main.f[go.shape.int]", 26, "main.f[...]"},
		{"main.f[go.shape.[]int]", 27, "main.f[...]"},
		{"main.f[map[int]int].func1", 27, "main.f[...].func1"},
		{"main.T[int].m[string]", 26, "main.T[...]"},
		{"main.T[int].m[string]", 27, "main.T[...].m[...]"},
		{"main.(*T[[]int]).m[map[k]v].func1", 27, "main.(*T[...]).m[...].func1"},
		{"main.f[a]b]c[", 27, "main.f[...]c["},
		{"main.f[[]", 27, "main.f[[]"},
		{"main.f[a]]b[c]", 27, "main.f[a]]b[c]"},
		{"main.f[", 26, "main.f["},
		{"main.f]x[", 27, "main.f]x["},
		{"main.f[...]", 20, "main.f[...]"},
		{"", 27, ""},
	}
	for _, tt := range tests {
		if got := FuncNameForPrint(tt.name, tt.minor); got != tt.want {
			t.Errorf("FuncNameForPrint(%q, %d) = %q, want %q", tt.name, tt.minor, got, tt.want)
		}
	}
}

func TestShowFunc(t *testing.T) {
	tests := []struct {
		name   string
		id     pcln.FuncID
		first  bool
		callee pcln.FuncID
		want   bool
	}{
		{"main.main", pcln.FuncIDNormal, true, pcln.FuncIDNormal, true},
		{"runtime.gopark", pcln.FuncIDNormal, true, pcln.FuncIDNormal, false},
		{"runtime.GC", pcln.FuncIDNormal, true, pcln.FuncIDNormal, true},
		{"runtime.(*Func).Entry", pcln.FuncIDNormal, true, pcln.FuncIDNormal, true},
		{"runtime.(*timer).Stop", pcln.FuncIDNormal, true, pcln.FuncIDNormal, false},
		{"runtime.gopanic", pcln.FuncIDGopanic, true, pcln.FuncIDNormal, false},
		{"runtime.gopanic", pcln.FuncIDGopanic, false, pcln.FuncIDNormal, true},
		{"runtime.runFinalizers", pcln.FuncIDRunFinalizers, false, pcln.FuncIDNormal, true},
		{"main.T.m", pcln.FuncIDWrapper, true, pcln.FuncIDNormal, false},
		{"main.T.m", pcln.FuncIDWrapper, true, pcln.FuncIDPanicwrap, true},
		{"memeqbody", pcln.FuncIDNormal, true, pcln.FuncIDNormal, false},
	}
	for _, tt := range tests {
		if got := showFunc(tt.name, tt.id, tt.first, tt.callee); got != tt.want {
			t.Errorf("showFunc(%q, %d, %v, %d) = %v", tt.name, tt.id, tt.first, tt.callee, got)
		}
	}
}
