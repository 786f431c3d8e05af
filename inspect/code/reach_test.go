package code

import (
	"math/rand"
	"path"
	"slices"
	"testing"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
)

// loadAbilities returns the code of the program of which the source says what
// it can do, built by the running toolchain.
func loadAbilities(t testing.TB, goarch string) (*Program, *exe.File) {
	t.Helper()
	return load(t, target.Build(t, target.Spec{Program: "abilities", GOARCH: goarch}))
}

// function returns the function called name.
func function(t testing.TB, p *Program, name string) *fn {
	t.Helper()
	f := p.table.FuncByName(name)
	if f == nil {
		t.Fatalf("no function %s", name)
	}
	return p.fn(f)
}

// variable returns the address range of a package-level variable.
func variable(t *testing.T, f *exe.File, name string) (lo, hi mem.Addr) {
	t.Helper()
	a, size, ok := f.Symbol(name)
	if !ok {
		t.Fatalf("no symbol %s", name)
	}
	return mem.Addr(a), mem.Addr(a + size)
}

func eachArch(t *testing.T, f func(t *testing.T, p *Program, x *exe.File)) {
	for _, goarch := range []string{"amd64", "arm64"} {
		t.Run(goarch, func(t *testing.T) {
			p, x := loadAbilities(t, goarch)
			f(t, p, x)
		})
	}
}

// The nearest place at which something is done is the one in the source, with
// the calls on the way there.
func TestSiteIsTheNearestPlace(t *testing.T) {
	for _, tt := range []struct {
		fn   string
		ops  Ops
		in   string
		via  []string
		how  How
		file string
	}{
		{"main.sendsAfter", Send, "main.sendsAfter", nil, Directly, "main.go"},
		{"main.locks", Unlock, "main.locks", nil, Directly, "main.go"},
		{"main.calls", Send, "main.sends", []string{"main.deep1", "main.deep2", "main.deep3"}, Directly, "main.go"},
		{"main.defersUnlock", Unlock, "main.defersUnlock.deferwrap1", nil, Directly, "main.go"},
		{"main.defersClosure", Close, "main.defersClosure.func1", nil, Directly, "main.go"},
		{"main.registers", Close, "main.registers.func1", nil, Afterwards, "main.go"},
		{"main.spawns", Done, "main.spawns.func2.deferwrap1", []string{"main.spawns.func2"}, Elsewhere, "main.go"},
	} {
		eachArch(t, func(t *testing.T, p *Program, _ *exe.File) {
			r := p.Func(function(t, p, tt.fn).Entry)
			s, ok := r.Site(tt.ops, "")
			if !ok || s.Func != tt.in || !slices.Equal(s.Via, tt.via) || s.How != tt.how || path.Base(s.File) != tt.file {
				t.Errorf("%s, %v: %+v (%v)", tt.fn, tt.ops, s, ok)
			}
			if want := len(tt.via); s.Func != tt.fn && s.Depth != want+1 || s.Func == tt.fn && s.Depth != 0 {
				t.Errorf("%s, %v: depth %d", tt.fn, tt.ops, s.Depth)
			}
			if s.Line == 0 || s.PC < p.table.FuncByName(tt.in).Entry {
				t.Errorf("%s, %v: line %d, PC %v", tt.fn, tt.ops, s.Line, s.PC)
			}
		})
	}
}

// What the standard library does to its own locks is no site, unless its
// package is asked for.
func TestSiteLeavesTheLibraryOutUnlessAsked(t *testing.T) {
	eachArch(t, func(t *testing.T, p *Program, _ *exe.File) {
		r := p.Func(function(t, p, "main.appends").Entry)
		if r.Std&Unlock == 0 || (r.Own|r.Called|r.Later)&Unlock != 0 {
			t.Errorf("unlock: own=%v called=%v std=%v", r.Own, r.Called, r.Std)
		}
		if s, ok := r.Site(Unlock, ""); ok {
			t.Errorf("unlock at %+v", s)
		}
		if s, ok := r.Site(Unlock, "log"); !ok || Package(s.Func) != "log" {
			t.Errorf("unlock in log: %+v (%v)", s, ok)
		}
		r = p.Func(function(t, p, "main.closesFile").Entry)
		if s, ok := r.Site(PollClose, ""); !ok || r.Called&PollClose == 0 || Package(s.Func) != "os" {
			t.Errorf("poll close: called=%v, %+v (%v)", r.Called, s, ok)
		}
	})
}

// An operation on a package-level variable says on which.
func TestSiteNamesTheVariable(t *testing.T) {
	eachArch(t, func(t *testing.T, p *Program, x *exe.File) {
		r := p.Func(function(t, p, "main.sendGlobal").Entry)
		lo, _ := variable(t, x, "main.global")
		if s, ok := r.Site(Send, ""); !ok || s.On != lo || !s.OnPointer {
			t.Errorf("%+v (%v), want it on %v", s, ok, lo)
		}
	})
}

// The functions that name a package-level variable, and those that call them,
// are its users; nobody else is.
func TestUsersOfAVariable(t *testing.T) {
	eachArch(t, func(t *testing.T, p *Program, x *exe.File) {
		for _, tt := range []struct {
			fn, variable string
			uses         bool
		}{
			{"main.sendGlobal", "main.global", true}, {"main.globals", "main.global", true}, {"main.main", "main.global", true},
			{"main.globals", "main.other", true}, {"main.sendGlobal", "main.other", false}, {"main.sends", "main.global", false},
			{"main.park", "main.turn", true}, {"main.calls", "main.turn", true}, {"main.registers", "main.callbacks", true},
			{"main.spawns", "main.mu", false}, {"main.prints", "main.mu", true},
		} {
			lo, hi := variable(t, x, tt.variable)
			if got := p.Func(function(t, p, tt.fn).Entry).Uses(lo, hi); got != tt.uses {
				t.Errorf("%s uses %s: %v", tt.fn, tt.variable, got)
			}
		}
		// After the call of park nothing of branches names turn.
		lo, hi := variable(t, x, "main.turn")
		if n := function(t, p, "main.branches"); p.After(parked(t, p, n)).Uses(lo, hi) {
			t.Error("main.branches uses main.turn behind its call of park")
		}
	})
}

// Nothing follows a call that does not return but what was deferred.
func TestNothingFollowsACallThatDoesNotReturn(t *testing.T) {
	eachArch(t, func(t *testing.T, p *Program, _ *exe.File) {
		n := function(t, p, "main.exits")
		if r := p.After(returnAddress(t, p, n, "os.Exit")); r.Any() != 0 || r.Unread {
			t.Errorf("after os.Exit: %v", r.Any())
		}
		n = function(t, p, "main.panicsLocked")
		if r := p.After(returnAddress(t, p, n, "runtime.gopanic")); r.Own != 0 || r.Called != Unlock {
			t.Errorf("after panic: own=%v called=%v", r.Own, r.Called)
		}
	})
}

// The wrapper that the compiler makes for a deferred call says what it calls.
func TestClosureOfADeferredCall(t *testing.T) {
	eachArch(t, func(t *testing.T, p *Program, x *exe.File) {
		mu, _ := variable(t, x, "main.mu")
		for _, tt := range []struct {
			fn   string
			want Closure
		}{
			{"main.defersUnlock.deferwrap1", Closure{Words: 1, Wrapper: true, Callee: "sync.(*Mutex).Unlock", Ops: Unlock, Receiver: 0}},
			{"main.prints.deferwrap1", Closure{Words: 1, Wrapper: true, Callee: "sync.(*Mutex).Unlock", Ops: Unlock, Receiver: 0}},
			{"main.(*server).serve.deferwrap2", Closure{Words: 1, Wrapper: true, Callee: "sync.(*WaitGroup).Done", Ops: Done, Receiver: 0}},
			{"main.defersClosure.func1", Closure{Words: 2, Receiver: -1}},
		} {
			got, ok := p.Closure(function(t, p, tt.fn).Entry)
			if tt.fn == "main.prints.deferwrap1" && got.Global != 0 {
				// The compiler may leave the capture of a constant address out.
				tt.want.Words, tt.want.Receiver, tt.want.Global = 0, -1, mu
			}
			if tt.want.Name = tt.fn; !ok || got != tt.want {
				t.Errorf("%+v (%v), want %+v", got, ok, tt.want)
			}
		}
	})
}

// Whatever bytes stand in the text, and wherever a question is asked, nothing
// panics and all walks end.
func TestAnyBytesAreSurvived(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	for _, goarch := range []string{"amd64", "arm64"} {
		a, _ := arch.ByName(goarch)
		m, _ := machineOf(a)
		for range 2000 {
			b := make([]byte, rnd.Intn(200))
			rnd.Read(b)
			end := 0
			m.walk(b, 0x1000, func(in *inst, _ *registers) bool {
				if in.off != end || in.size <= 0 || in.off+in.size > len(b) {
					t.Fatalf("%s % x: instruction at %d of %d bytes", goarch, b, in.off, in.size)
				}
				end = in.off + in.size
				return true
			})
		}
		p, _ := loadAbilities(t, goarch)
		n := function(t, p, "main.switches")
		for pc := n.Entry - 3; pc < n.End+3; pc++ {
			p.After(pc)
			p.Before(pc)
			p.SelectCall(pc)
			p.Func(pc)
		}
		if r := p.After(1); !r.Unread || r.Any() != 0 {
			t.Errorf("%s: code at an address without code: %+v", goarch, r)
		}
	}
}

// BenchmarkProgram reads the code of all functions of a program, and
// BenchmarkAfter what they can do from their middle on; per byte of code.
func BenchmarkProgram(b *testing.B) {
	p, x := loadAbilities(b, "amd64")
	b.ReportAllocs()
	for b.Loop() {
		size := int64(0)
		fresh, _ := New(p.mem, x.Arch, p.table, p.data)
		for f := range p.table.All() {
			fresh.bodyOf(fresh.fn(f))
			size += int64(f.End - f.Entry)
		}
		b.SetBytes(size)
	}
}

func BenchmarkAfter(b *testing.B) {
	p, x := loadAbilities(b, "amd64")
	b.ReportAllocs()
	for b.Loop() {
		size := int64(0)
		fresh, _ := New(p.mem, x.Arch, p.table, p.data)
		for f := range p.table.All() {
			fresh.After(f.Entry + (f.End-f.Entry)/2)
			size += int64(f.End - f.Entry)
		}
		b.SetBytes(size)
	}
}
