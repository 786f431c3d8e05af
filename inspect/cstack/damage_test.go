package cstack

import (
	"errors"
	"math/rand/v2"
	"testing"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
)

// stackMemory is a library and a stack.
type stackMemory struct {
	mem.Memory
	base  mem.Addr
	stack []byte
}

func (m *stackMemory) View(a mem.Addr, n int) ([]byte, error) {
	if off := uint64(a - m.base); a >= m.base && off < uint64(len(m.stack)) && uint64(n) <= uint64(len(m.stack))-off {
		return m.stack[off : off+uint64(n)], nil
	}
	return m.Memory.View(a, n)
}

func (m *stackMemory) ReadAt(b []byte, a mem.Addr) error {
	v, err := m.View(a, len(b))
	copy(b, v)
	return err
}

// damagedMemory flips bits of what is read.
type damagedMemory struct {
	mem.Memory
	random *rand.Rand
}

func (m *damagedMemory) View(a mem.Addr, n int) ([]byte, error) {
	v, err := m.Memory.View(a, n)
	if err != nil || n == 0 || m.random.IntN(4) != 0 {
		return v, err
	}
	b := append([]byte(nil), v...)
	b[m.random.IntN(min(n, 24))] ^= byte(1 << m.random.IntN(8))
	return b, nil
}

// text returns the addresses of a library's code.
func text(t *testing.T, f *exe.File) (lo, size uint64) {
	t.Helper()
	s, ok := f.Section(".text")
	if !ok {
		t.Fatal("no .text")
	}
	return s.Addr, s.Size
}

// On stacks full of return addresses each frame is above the last one; with damaged
// tables nothing worse happens than that a walk ends.
func TestGarbageStacksEnd(t *testing.T) {
	for _, lib := range libraries {
		t.Run(lib.goarch, func(t *testing.T) {
			whole, _ := libraryTables(t, lib.goarch, lib.pattern)
			lo, size := text(t, whole.images[0].File)
			random := rand.New(rand.NewPCG(1, 2))
			m := &stackMemory{Memory: whole.mem, base: 0x7f0000000000, stack: make([]byte, 1<<16)}
			for i := 0; i < len(m.stack); i += 8 {
				v := lo + random.Uint64N(size)
				if i%32 == 0 {
					v = uint64(m.base) + random.Uint64N(uint64(len(m.stack)))
				}
				whole.arch.Order.PutUint64(m.stack[i:], v)
			}
			tables := New(m, whole.arch, whole.images)
			damaged := New(&damagedMemory{m, random}, whole.arch, whole.images)
			longest := 0
			for range 3000 {
				start := Frame{PC: mem.Addr(lo + random.Uint64N(size)), Exact: true}
				for n := range arch.MaxCallRegs {
					start.Regs.Set(n, uint64(m.base)+random.Uint64N(uint64(len(m.stack)))&^7)
				}
				longest = max(longest, walk(t, tables, start, true), walk(t, damaged, start, false))
			}
			if longest < 10 {
				t.Errorf("no walk has more than %d frames", longest)
			}
		})
	}
}

// walk returns the number of frames of a stack, up to as many as anybody shows.
// Signals and what switches stacks, as setcontext does, can lead down and round.
func walk(t *testing.T, tables *Tables, f Frame, whole bool) int {
	t.Helper()
	const most = 128
	for n := 1; n < most; n++ {
		up, err := tables.Caller(f)
		if err != nil {
			return n
		}
		if whole && up.SP(tables.arch) <= f.SP(tables.arch) && !f.Exact && !switches(tables, &f) {
			t.Fatalf("the caller of %v has SP %v, not above %v", f.PC, up.SP(tables.arch), f.SP(tables.arch))
		}
		f = up
	}
	return most
}

// switches reports whether the function of f has its caller on any stack.
func switches(tables *Tables, f *Frame) bool {
	e, err := tables.fde(f.within())
	if err != nil {
		return false
	}
	rules, err := e.rules(uint64(f.within()))
	return err == nil && (e.signal || rules.regs[tables.arch.CallFrame.SP].kind != unspecified)
}

// What is in no image, and what no table covers, is said to be so.
func TestUnknownCodeHasNoCaller(t *testing.T) {
	tables, _ := libraryTables(t, "amd64", libraries[0].pattern)
	for _, pc := range []mem.Addr{0, 1, 0x1000, 0x7f0000000000, ^mem.Addr(0)} {
		if up, err := tables.Caller(Frame{PC: pc, Exact: true}); !errors.Is(err, ErrNoTable) {
			t.Errorf("the caller of %v is %v, %v", pc, up.PC, err)
		}
	}
}

// Expressions that do not end, or take what is not there, are refused.
func TestDamagedExpressionsAreRefused(t *testing.T) {
	a, _ := arch.ByName("amd64")
	tables := New(nil, a, nil)
	for _, b := range [][]byte{{}, {0x22}, {0x12}, {0x31, 0x22}, {0xff}, {0x10, 0x80}, {0x77, 0}, {0x2f, 0xfd, 0xff}, make([]byte, 1000)} {
		var regs arch.CallRegs
		if v, err := tables.evaluate(reader{b: b, order: a.Order}, &regs, nil); err == nil {
			t.Errorf("% x is %#x", b, v)
		}
	}
}
