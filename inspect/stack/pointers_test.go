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

// readFrames reads the stack frames of a heap dump, by goroutine id.
func readFrames(t *testing.T, path string) map[int64][]dumpedFrame {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if head, err := r.ReadString('\n'); err != nil || head != "go1.7 heap dump\n" {
		t.Fatalf("heap dump begins %q, %v", head, err)
	}
	num := func() uint64 {
		v, err := binary.ReadUvarint(r)
		if err != nil {
			t.Fatalf("heap dump: %v", err)
		}
		return v
	}
	skip := func(ints int) {
		for range ints {
			num()
		}
	}
	str := func() int64 {
		n, err := io.CopyN(io.Discard, r, int64(num()))
		if err != nil {
			t.Fatalf("heap dump: %v", err)
		}
		return n
	}
	fields := func() (offs []mem.Addr) {
		for num() != 0 {
			offs = append(offs, mem.Addr(num()))
		}
		return offs
	}
	frames := make(map[int64][]dumpedFrame)
	var goid int64
	for {
		switch tag := num(); tag {
		case 0: // EOF
			return frames
		case 1: // object
			skip(1)
			str()
			fields()
		case 2: // other root
			str()
			skip(1)
		case 3: // type
			skip(2)
			str()
			skip(1)
		case 4: // goroutine
			skip(2)
			goid = int64(num())
			skip(5)
			str()
			skip(4)
		case 5: // stack frame
			d := dumpedFrame{sp: mem.Addr(num())}
			skip(2)
			d.size = uint64(str())
			skip(1)
			d.pc, d.continpc = mem.Addr(num()), mem.Addr(num())
			str()
			for _, off := range fields() {
				d.slots = append(d.slots, d.sp+off)
			}
			frames[goid] = append(frames[goid], d)
		case 6: // params
			skip(4)
			str()
			str()
			skip(1)
		case 7, 11: // finalizer
			skip(5)
		case 8: // itab
			skip(2)
		case 9: // OS thread
			skip(3)
		case 10: // memstats
			skip(61 - 37 + 256 + 24 + 13)
			t.Fatal("stack frames precede memstats")
		case 12, 13: // data, bss
			skip(1)
			str()
			fields()
			return frames // the goroutines precede the roots
		case 14: // defer
			skip(7)
		case 15: // panic
			skip(6)
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
		var slots []mem.Addr // of the frames below, in argument order
		for i, f := range tr.Stack.Frames {
			w := want[i]
			if w.pc != f.PC || w.sp != tr.SP+mem.Addr(f.SP) || w.size != uint64(f.FP-f.SP) {
				t.Fatalf("goroutine %d frame %d: %s pc %v sp %v, want %+v", id, i, f.Func.Name, f.PC, tr.SP+mem.Addr(f.SP), w)
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
			if w.continpc != w.pc || f.Func.Args == pcln.ArgsSizeUnknown || i > 0 && tr.Stack.Frames[i-1].Func.Args == pcln.ArgsSizeUnknown {
				continue // the dump has another map, or none
			}
			// The dump has slots that hold nil as well.
			var full []mem.Addr
			for _, s := range w.slots {
				if p.word(s) != 0 {
					full = append(full, s)
				}
			}
			n += len(full)
			slices.Sort(got)
			slices.Sort(full)
			if !slices.Equal(got, full) {
				t.Errorf("goroutine %d frame %d %s: slots %v, want %v", id, i, f.Func.Name, got, full)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d slots compared", n)
	}
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
