package stack

import (
	"encoding/binary"

	"rtdbg/inspect/mem"
)

// window is the part of a stack that was read last. Stacks are read upwards,
// so that each byte is read once.
type window struct {
	mem    mem.Reader
	direct mem.Direct // mem, nil if it copies
	lo     mem.Addr
	b      []byte // the bytes at lo, of buf or of direct
	buf    []byte
	hi     mem.Addr // 0: unknown
	next   int      // size of the next read
}

// The sizes of a stack's first and largest read. Most parked goroutines use
// less than the first.
const (
	minWindow = 1 << 10
	maxWindow = 1 << 16
)

func (w *window) reset(hi mem.Addr) { w.b, w.hi, w.next = w.b[:0], hi, minWindow }

// has reports whether the word at a is at hand.
func (w *window) has(a mem.Addr) bool { return a >= w.lo && uint64(a-w.lo)+8 <= uint64(len(w.b)) }

// bytes returns n bytes at a, of one stack that reaches to w.hi.
func (w *window) bytes(a mem.Addr, n int) ([]byte, error) {
	if a < w.lo || uint64(a-w.lo)+uint64(n) > uint64(len(w.b)) {
		w.next = max(w.next, n)
		if err := w.fill(a); err != nil {
			return nil, err
		}
		if len(w.b) < n {
			return nil, &mem.Fault{Addr: a, Len: n, Err: mem.ErrUnmapped}
		}
	}
	return w.b[a-w.lo:][:n], nil
}

// word returns the 8 bytes at a as a number.
func (w *window) word(a mem.Addr) (uint64, error) {
	if !w.has(a) {
		if err := w.fill(a); err != nil {
			return 0, err
		}
	}
	return binary.LittleEndian.Uint64(w.b[a-w.lo:]), nil
}

// fill reads at least the 8 bytes at a, and more where the stack goes on.
func (w *window) fill(a mem.Addr) error {
	if w.direct != nil {
		if b := w.direct.Direct(a); len(b) >= 8 {
			if w.hi > a && uint64(len(b)) > uint64(w.hi-a) {
				b = b[:max(w.hi-a, 8)]
			}
			w.lo, w.b = a, b
			return nil
		}
	}
	n := w.next
	if w.hi > a {
		n = int(min(uint64(n), uint64(w.hi-a)))
	} else {
		// Nothing says that memory goes on behind this page.
		n = min(n, int(4096-a%4096))
	}
	n = max(n, 8)
	if cap(w.buf) < n {
		w.buf = make([]byte, max(n, minWindow))
	}
	w.lo, w.b = a, w.buf[:n]
	err := w.mem.ReadAt(w.b, a)
	if err != nil && n > 8 {
		w.b = w.buf[:8]
		err = w.mem.ReadAt(w.b, a)
	}
	if err != nil {
		w.b = w.b[:0]
		return err
	}
	w.next = min(4*w.next, maxWindow)
	return nil
}
