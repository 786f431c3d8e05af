package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"rtdbg/inspect/mem"
)

// Save writes the capture to f as a core file of its own: only what was copied,
// one piece behind the other, with holes where the process had touched nothing.
func (c *Capture) Save(f *os.File) (size int64, err error) {
	segments := make([]segment, len(c.segments))
	at := uint64(pageSize)
	for i, s := range c.segments {
		if s.off = at; s.has {
			at += uint64(s.end - s.start)
		}
		segments[i] = s
	}
	end, tail, head, err := frame(c.arch, at, c.notes, segments)
	if err != nil {
		return 0, err
	}
	w := sparseWriter{f: f}
	w.bytes(0, head)
	for _, s := range segments {
		if s.has {
			c.saveSegment(&w, s)
		}
	}
	w.bytes(at, tail)
	if w.err == nil && w.seekable() {
		w.err = f.Truncate(int64(end))
	}
	if w.err != nil {
		return 0, fmt.Errorf("write the snapshot: %w", w.err)
	}
	return int64(end), nil
}

// saveSegment writes what of a segment was copied.
func (c *Capture) saveSegment(w *sparseWriter, s segment) {
	i := sort.Search(len(c.runs), func(i int) bool { return c.runs[i].start+mem.Addr(c.runs[i].size) > s.start })
	for ; i < len(c.runs) && c.runs[i].start < s.end; i++ {
		r := c.runs[i]
		lo, hi := max(s.start, r.start), min(s.end, r.start+mem.Addr(r.size))
		w.copy(s.off+uint64(lo-s.start), io.NewSectionReader(c.file, int64(r.off)+int64(lo-r.start), int64(hi-lo)))
	}
}

// sparseWriter writes a file from front to back and leaves holes where nothing
// is written, or zeros where the file is one that cannot have holes.
type sparseWriter struct {
	f   *os.File
	at  uint64
	err error
}

func (w *sparseWriter) seekable() bool {
	st, err := w.f.Stat()
	return err == nil && st.Mode().IsRegular()
}

// to goes on to off.
func (w *sparseWriter) to(off uint64) {
	if w.err != nil || off == w.at {
		return
	}
	if off < w.at {
		w.err = errors.New("the pieces are out of order")
		return
	}
	if w.seekable() {
		_, w.err = w.f.Seek(int64(off-w.at), io.SeekCurrent)
	} else {
		_, w.err = io.CopyN(w.f, zeros{}, int64(off-w.at))
	}
	w.at = off
}

func (w *sparseWriter) bytes(off uint64, b []byte) {
	if w.to(off); w.err != nil {
		return
	}
	n, err := w.f.Write(b)
	w.at, w.err = w.at+uint64(n), err
}

func (w *sparseWriter) copy(off uint64, r io.Reader) {
	if w.to(off); w.err != nil {
		return
	}
	n, err := io.Copy(w.f, r)
	w.at, w.err = w.at+uint64(n), err
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
