package stack

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// dumpedFrame is a stack frame of a heap dump (runtime/heapdump.go): the
// runtime's own list of the pointer slots, without stack objects.
type dumpedFrame struct {
	sp, pc, continpc mem.Addr
	size             uint64
	slots            []mem.Addr
}

// dumpReader reads the fields of a heap dump.
type dumpReader struct {
	t *testing.T
	r *bufio.Reader
}

func (d dumpReader) num() uint64 {
	v, err := binary.ReadUvarint(d.r)
	if err != nil {
		d.t.Fatalf("heap dump: %v", err)
	}
	return v
}

func (d dumpReader) addr() mem.Addr { return mem.Addr(d.num()) }

func (d dumpReader) skip(nums int) {
	for range nums {
		d.num()
	}
}

// bytes skips a string or block and returns its length.
func (d dumpReader) bytes() uint64 {
	n, err := io.CopyN(io.Discard, d.r, int64(d.num()))
	if err != nil {
		d.t.Fatalf("heap dump: %v", err)
	}
	return uint64(n)
}

// fields returns the offsets of a list of pointers.
func (d dumpReader) fields() (offs []mem.Addr) {
	for d.num() != 0 {
		offs = append(offs, d.addr())
	}
	return offs
}

func (d dumpReader) frame() dumpedFrame {
	f := dumpedFrame{sp: d.addr()}
	d.skip(2) // depth, callee's SP
	f.size = d.bytes()
	d.skip(1) // entry
	f.pc, f.continpc = d.addr(), d.addr()
	d.bytes() // name
	for _, off := range d.fields() {
		f.slots = append(f.slots, f.sp+off)
	}
	return f
}

// readFrames reads the stack frames of a heap dump, by goroutine id.
func readFrames(t *testing.T, path string) map[int64][]dumpedFrame {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := dumpReader{t, bufio.NewReader(f)}
	if head, err := d.r.ReadString('\n'); err != nil || head != "go1.7 heap dump\n" {
		t.Fatalf("heap dump begins %q, %v", head, err)
	}
	frames := make(map[int64][]dumpedFrame)
	var goid int64
	for {
		switch tag := d.num(); tag {
		case 1: // object
			d.skip(1)
			d.bytes()
			d.fields()
		case 3: // type
			d.skip(2)
			d.bytes()
			d.skip(1)
		case 4: // goroutine
			d.skip(2)
			goid = int64(d.num())
			d.skip(5)
			d.bytes()
			d.skip(4)
		case 5: // stack frame
			frames[goid] = append(frames[goid], d.frame())
		case 6: // params
			d.skip(4)
			d.bytes()
			d.bytes()
			d.skip(1)
		case 8: // itab
			d.skip(2)
		case 9: // OS thread: these follow the goroutines
			return frames
		case 14: // defer
			d.skip(7)
		case 15: // panic
			d.skip(6)
		default:
			t.Fatalf("heap dump: tag %d", tag)
		}
	}
}

// checkHeapDump compares the exact slots of locals and arguments with those
// in a heap dump that the target wrote of itself while it waited.
func checkHeapDump(t *testing.T, p *process) {
	dump := readFrames(t, filepath.Join(filepath.Dir(p.c.Core), "heap.dump"))
	u, n := p.syms.NewUnwinder(), 0
	for id, g := range p.allgs() {
		want := dump[id]
		tr := u.Unwind(g.start)
		// What has moved on since, or was hidden behind the dump, is left out.
		if id == 1 || len(want) == 0 || len(want) != len(tr.Stack.Frames) || want[0].sp != tr.SP {
			continue
		}
		if p.syms.IsSystem(g.startpc, false) && !samePCs(tr, want) {
			continue // the runtime's own go on: same depth, another place
		}
		n += compareFrames(t, p, u, id, tr, want)
	}
	if n < 20 {
		t.Errorf("only %d slots compared", n)
	}
}

// samePCs reports whether a stack is at the place at which it was dumped.
func samePCs(tr Trace, dump []dumpedFrame) bool {
	for i, f := range tr.Stack.Frames {
		if f.PC != dump[i].pc {
			return false
		}
	}
	return true
}

// compareFrames compares one goroutine's frames and returns the number of
// slots that were the same.
func compareFrames(t *testing.T, p *process, u *Unwinder, id int64, tr Trace, want []dumpedFrame) (n int) {
	var slots []mem.Addr // the callee's arguments
	for i, f := range tr.Stack.Frames {
		w := want[i]
		if w.pc != f.PC || w.sp != tr.SP+mem.Addr(f.SP) || w.size != uint64(f.FP-f.SP) {
			t.Errorf("goroutine %d frame %d: %s pc %v sp %v, want %+v", id, i, f.Func.Name, f.PC, tr.SP+mem.Addr(f.SP), w)
			return n
		}
		// The dump has a frame's arguments in its caller's frame.
		got := slots
		slots = nil
		err := u.FramePointers(tr, i, func(q Pointer) {
			switch {
			case q.Kind != Exact:
			case q.Slot >= tr.SP+mem.Addr(f.FP):
				slots = append(slots, q.Slot)
			default:
				got = append(got, q.Slot)
			}
		})
		if err != nil {
			t.Errorf("goroutine %d frame %d %s: %v", id, i, f.Func.Name, err)
		}
		unknown := f.Func.Args == pcln.ArgsSizeUnknown || i > 0 && tr.Stack.Frames[i-1].Func.Args == pcln.ArgsSizeUnknown
		if w.continpc != w.pc || unknown {
			continue // the dump has another map, or none
		}
		if p.exe.Arch.UsesLR && f.Func.FuncData(pcln.FuncDataLocalsPointerMaps) == 0 {
			// Of assembly code, which has no map of its locals, the dump
			// has every word (dumpframe), the saved link register at SP
			// included; the collector knows that one (getStackMap).
			w.slots = slices.DeleteFunc(w.slots, func(s mem.Addr) bool { return s == w.sp })
		}
		// The dump has slots that hold nil as well.
		full := slices.DeleteFunc(w.slots, func(s mem.Addr) bool { return p.word(s) == 0 })
		n += len(full)
		slices.Sort(got)
		slices.Sort(full)
		if !slices.Equal(got, full) {
			t.Errorf("goroutine %d frame %d %s: slots %v, want %v", id, i, f.Func.Name, got, full)
		}
	}
	return n
}

// checkPointers looks for the objects that function pointers of the target
// holds.
func checkPointers(t *testing.T, p *process) {
	u := p.syms.NewUnwinder()
	want := map[string]PointerKind{
		"local": Exact, "arg": Exact, "object": StackObject,
		"makefunc": StackObject, "methodvalue": Exact,
	}
	found := make(map[string]PointerKind)
	addrs := make(map[mem.Addr]string)
	for _, key := range []string{"local", "dead", "arg", "object", "unused", "makefunc", "methodvalue"} {
		var a mem.Addr
		for _, b := range p.c.Vars.String(t, key)[2:] {
			a = a<<4 | mem.Addr(strings.IndexRune("0123456789abcdef", b))
		}
		addrs[a] = key
	}
	for id, g := range p.allgs() {
		tr := u.Unwind(g.start)
		if id == 1 {
			continue
		}
		err := u.Pointers(tr, g.hi, nil, func(q Pointer) {
			if key, ok := addrs[q.Value]; ok && p.word(q.Slot) == q.Value {
				if kind, seen := found[key]; !seen || q.Kind < kind {
					found[key] = q.Kind
				}
			}
		})
		if err != nil {
			t.Errorf("goroutine %d: %v", id, err)
		}
	}
	for _, key := range []string{"dead", "unused"} {
		if kind, ok := found[key]; ok && kind != Conservative {
			t.Errorf("%s is found, kind %d", key, kind)
		}
	}
	for key, kind := range want {
		if got, ok := found[key]; !ok || got != kind {
			t.Errorf("%s: found %v, kind %d, want %d", key, ok, got, kind)
		}
	}
}
