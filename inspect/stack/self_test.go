package stack

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// lastmoduledatap is runtime.lastmoduledatap. A test binary has one module.
//
//go:linkname lastmoduledatap runtime.lastmoduledatap
var lastmoduledatap unsafe.Pointer

// selfMem is the test process's memory, with a block of made-up bytes laid
// over it.
type selfMem struct {
	f    *os.File
	at   mem.Addr
	over []byte
}

func (s *selfMem) ReadAt(b []byte, a mem.Addr) error {
	if a >= s.at && uint64(a-s.at)+uint64(len(b)) <= uint64(len(s.over)) {
		copy(b, s.over[a-s.at:])
		return nil
	}
	if a >= 1<<63 {
		return &mem.Fault{Addr: a, Len: len(b), Err: mem.ErrUnmapped}
	}
	if _, err := s.f.ReadAt(b, int64(a)); err != nil {
		return &mem.Fault{Addr: a, Len: len(b), Err: mem.ErrUnmapped}
	}
	return nil
}

func (s *selfMem) View(a mem.Addr, n int) ([]byte, error) {
	b := make([]byte, n)
	return b, s.ReadAt(b, a)
}

// selfSymbols returns the symbols of the test process, and its memory.
func selfSymbols(t testing.TB) (*Symbols, *selfMem) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("reads /proc/self/mem of a linux/amd64 process")
	}
	f, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Skipf("cannot read own memory: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	word := func(off uintptr) mem.Addr {
		return mem.Addr(*(*uint64)(unsafe.Add(lastmoduledatap, off)))
	}
	// The offsets are those of runtime.moduledata of Go 1.26 and 1.27.
	mod := pcln.Module{PCHeader: word(0), Text: word(176), EText: word(184), RoData: word(312), GoFunc: word(320)}
	minor := minorOf(t, "")
	switch minor {
	case 26:
	case 27:
		mod.RoData, mod.GoFunc = word(336), word(344)
	default:
		t.Skipf("moduledata of go1.%d", minor)
	}
	amd64, ok := arch.ByName("amd64")
	if !ok {
		t.Fatal("no amd64")
	}
	m := &selfMem{f: f}
	table, err := pcln.New(m, amd64, minor, []pcln.Module{mod})
	if err != nil {
		t.Fatal(err)
	}
	syms, err := New(m, amd64, table)
	if err != nil {
		t.Fatal(err)
	}
	return syms, m
}

// FuzzUnwind unwinds stacks of words that are mostly PCs of real functions:
// nothing may panic or run without end, whatever the stack holds.
func FuzzUnwind(f *testing.F) {
	syms, m := selfSymbols(f)
	var pcs []mem.Addr
	for fn := range syms.Table().All() {
		pcs = append(pcs, fn.Entry, (fn.Entry+fn.End)/2, fn.End-1)
	}
	for i := range uint64(60) {
		f.Add(i, i*i, uint16(i*100), i%3 == 0)
	}
	f.Fuzz(func(t *testing.T, seed, pick uint64, size uint16, bounded bool) {
		r := rand.New(rand.NewPCG(seed, pick))
		m.at, m.over = 0x7000_0000_0000, make([]byte, int(size)/8*8+64)
		for i := 0; i < len(m.over); i += 8 {
			w := uint64(pcs[r.IntN(len(pcs))])
			if r.IntN(8) == 0 {
				w = r.Uint64() >> r.IntN(64)
			}
			binary.LittleEndian.PutUint64(m.over[i:], w)
		}
		st := Start{PC: pcs[pick%uint64(len(pcs))], SP: m.at, Trap: seed%2 == 0, Syscall: seed%3 == 0}
		if bounded {
			st.Lo, st.Hi = m.at, m.at+mem.Addr(len(m.over))
		}
		u := syms.NewUnwinder()
		tr := u.Unwind(st)
		u.AppendText(nil, tr, LevelSystem)
		u.AppendText(nil, tr, LevelAll)
		_ = u.Pointers(tr, st.Hi, []mem.Addr{m.at + 8}, func(Pointer) {})
		_, _, _ = u.SignalContext(arch.Regs{PC: uint64(st.PC), SP: uint64(st.SP)}, st.Lo, st.Hi)
	})
}

func TestUnwindErrors(t *testing.T) {
	syms, m := selfSymbols(t)
	park := syms.Table().FuncByName("runtime.gopark")
	mcall := syms.Table().FuncByName("runtime.mcall")
	// An instruction of gopark that follows a call.
	at := park.Entry + (park.End-park.Entry)/2
	m.at, m.over = 0x7000_0000_0000, make([]byte, 4096)
	for i := 0; i < len(m.over); i += 8 {
		binary.LittleEndian.PutUint64(m.over[i:], 0xdead0)
	}
	tests := []struct {
		name   string
		start  Start
		frames int
		want   error
	}{
		{"unknown PC", Start{PC: 1, SP: m.at}, 0, ErrUnknownPC},
		{"unknown return address", Start{PC: at, SP: m.at}, 1, ErrUnknownPC},
		{"nil call from unknown code", Start{PC: 0, SP: m.at}, 0, ErrUnknownPC},
		{"SP outside", Start{PC: at, SP: m.at, Lo: m.at + 8, Hi: m.at + 100}, 0, ErrBounds},
		{"frame outside", Start{PC: at, SP: m.at, Lo: m.at, Hi: m.at + 8}, 0, ErrBounds},
		{"stack switch", Start{PC: (mcall.Entry + mcall.End) / 2, SP: m.at}, 1, ErrSPWrite},
		{"unmapped", Start{PC: at, SP: 0x10}, 1, mem.ErrUnmapped},
	}
	u := syms.NewUnwinder()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := u.Unwind(tt.start)
			if !errors.Is(tr.Err, tt.want) || len(tr.Stack.Frames) != tt.frames {
				t.Errorf("%d frames, %v; want %d, %v", len(tr.Stack.Frames), tr.Err, tt.frames, tt.want)
			}
		})
	}
}

// TestDeeperThanMaxFrames unwinds a stack of two million frames.
func TestDeeperThanMaxFrames(t *testing.T) {
	syms, m := selfSymbols(t)
	f := syms.Table().FuncByName("runtime.gopark")
	at := f.Entry + (f.End-f.Entry)/2
	delta, _ := f.SPDelta(at)
	const depth = 2 * MaxFrames
	m.at, m.over = 0x7000_0000_0000, make([]byte, depth*(int(delta)+8))
	for i := 0; i < len(m.over); i += 8 {
		binary.LittleEndian.PutUint64(m.over[i:], uint64(at))
	}
	end := len(m.over) - 8 // the last frame's return address
	binary.LittleEndian.PutUint64(m.over[end:], uint64(syms.Table().FuncByName("runtime.goexit").Entry+1))
	u := syms.NewUnwinder()
	st := u.Unwind(Start{PC: at, SP: m.at, Lo: m.at, Hi: m.at + mem.Addr(len(m.over)) + 64}).Stack
	lines := len(f.Lines(at - 1))
	if len(st.Frames) != MaxFrames || st.Elided != depth+1-MaxFrames || st.ElidedLogical != lines*st.Elided {
		t.Errorf("%d frames, %d elided, %d of them logical", len(st.Frames), st.Elided, st.ElidedLogical)
	}
	for i := 1; i < len(st.Frames); i++ {
		if i != st.ElidedAt && st.Frames[i].SP != st.Frames[i-1].FP {
			t.Fatalf("frame %d at %#x follows one that ends at %#x", i, st.Frames[i].SP, st.Frames[i-1].FP)
		}
	}
	if f := st.Frames[len(st.Frames)-1].Func; f.ID != pcln.FuncIDGoexit {
		t.Errorf("outermost frame is %s", f.Name)
	}
}

// TestConcurrentUnwindersShareStacks is for the race detector, too.
func TestConcurrentUnwindersShareStacks(t *testing.T) {
	p := open(t, target.Take(t, target.Spec{Program: "waits"}, target.Options{}, target.Kernel))
	gs := p.allgs()
	var wg sync.WaitGroup
	results := make([]map[int64]*Stack, 4)
	for w := range results {
		results[w] = make(map[int64]*Stack)
		wg.Go(func() {
			u := p.syms.NewUnwinder()
			for id, g := range gs {
				tr := u.Unwind(g.start)
				u.AppendText(nil, tr, LevelSystem)
				_ = u.Pointers(tr, g.hi, nil, func(Pointer) {})
				results[w][id] = tr.Stack
			}
		})
	}
	wg.Wait()
	for id, s := range results[0] {
		for _, r := range results[1:] {
			if r[id] != s {
				t.Fatalf("goroutine %d: equal stacks are two values", id)
			}
		}
	}
}

// TestUnwindDoesNotAllocate: a stack whose shape is known costs no memory.
func TestUnwindDoesNotAllocate(t *testing.T) {
	p := open(t, target.Take(t, target.Spec{Program: "waits"}, target.Options{}, target.Kernel))
	u := p.syms.NewUnwinder()
	for id, g := range p.allgs() {
		tr := u.Unwind(g.start)
		if tr.Err != nil {
			continue
		}
		if n := testing.AllocsPerRun(10, func() { u.Unwind(g.start) }); n != 0 {
			t.Errorf("goroutine %d: %v allocations for %d frames", id, n, len(tr.Stack.Frames))
		}
	}
}

// shallow returns an Unwinder, and where the goroutines of a target start
// that have fewer than ten frames.
func shallow(b *testing.B) (*Unwinder, []Start) {
	p := open(b, target.Take(b, target.Spec{Program: "waits"}, target.Options{}, target.Kernel))
	u := p.syms.NewUnwinder()
	var starts []Start
	for _, g := range p.allgs() {
		if tr := u.Unwind(g.start); tr.Err == nil && len(tr.Stack.Frames) < 10 {
			starts = append(starts, g.start)
		}
	}
	return u, starts
}

func BenchmarkPointers(b *testing.B) {
	u, starts := shallow(b)
	pointers, i := 0, 0
	for b.Loop() {
		st := starts[i%len(starts)]
		if err := u.Pointers(u.Unwind(st), st.Hi, nil, func(Pointer) { pointers++ }); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(pointers)/float64(i), "pointers/op")
}

func BenchmarkUnwind(b *testing.B) {
	u, starts := shallow(b)
	frames, i := 0, 0
	for b.Loop() {
		frames += len(u.Unwind(starts[i%len(starts)]).Stack.Frames)
		i++
	}
	b.ReportMetric(float64(frames)/float64(i), "frames/op")
}
