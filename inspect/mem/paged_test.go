package mem

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// remote is a source that reads all or nothing, as Delve does, over the
// bytes [start, start+len(data)).
type remote struct {
	start Addr
	data  []byte
	calls atomic.Int64
}

var errRemote = errors.New("could not read memory")

func (r *remote) read(b []byte, a Addr) error {
	r.calls.Add(1)
	if a < r.start || uint64(a-r.start)+uint64(len(b)) > uint64(len(r.data)) {
		return errRemote
	}
	copy(b, r.data[a-r.start:])
	return nil
}

// newRemote has 300 KiB and a bit that start and end in the middle of a page.
func newRemote() *remote {
	r := &remote{start: 0x10000 + 3*pageSize + 100, data: make([]byte, 300<<10+777)}
	for i := range r.data {
		r.data[i] = byte(i*7 + i>>8)
	}
	return r
}

func TestPagedReadsExactlyWhatTheSourceHas(t *testing.T) {
	r := newRemote()
	for _, limit := range []int{1, 2, 100} {
		p := newPaged(r.read, "test", limit)
		rng := rand.New(rand.NewPCG(1, uint64(limit)))
		for range 5000 {
			off := rng.IntN(len(r.data) + 2000)
			n := rng.IntN(200)
			if rng.IntN(10) == 0 {
				n = rng.IntN(3 * chunkSize)
			}
			a := r.start + Addr(off) - 1000
			inside := a >= r.start && int(a-r.start)+n <= len(r.data) || n == 0
			checkPaged(t, p, r, a, n, inside)
		}
	}
}

func checkPaged(t *testing.T, p *paged, r *remote, a Addr, n int, inside bool) {
	t.Helper()
	view, viewErr := p.View(a, n)
	b := make([]byte, n)
	readErr := p.ReadAt(b, a)
	var fault *Fault
	switch {
	case !inside:
		if !errors.As(viewErr, &fault) || fault.Addr != a || fault.Len != n || !errors.Is(viewErr, errRemote) {
			t.Fatalf("View(%v, %d) = %v, want a fault", a, n, viewErr)
		}
		if !errors.As(readErr, &fault) || !errors.Is(readErr, errRemote) {
			t.Fatalf("ReadAt(%v, %d) = %v, want a fault", a, n, readErr)
		}
	case viewErr != nil || readErr != nil:
		t.Fatalf("View(%v, %d): %v, ReadAt: %v", a, n, viewErr, readErr)
	case n > 0:
		want := r.data[a-r.start:][:n]
		if !bytes.Equal(view, want) || !bytes.Equal(b, want) {
			t.Fatalf("%d bytes at %v differ", n, a)
		}
	}
}

func TestPagedFetchesEachByteOnce(t *testing.T) {
	r := &remote{start: 0x100000, data: make([]byte, 16*chunkSize)}
	p := NewPaged(r.read, "test")
	for range 3 {
		for a := r.start; a < r.start+Addr(len(r.data)); a += 448 {
			if _, err := p.View(a, min(448, int(r.start+Addr(len(r.data))-a))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if calls := r.calls.Load(); calls != 16 {
		t.Errorf("%d calls for 16 chunks", calls)
	}
}

func TestPagedSharesFetchesAmongGoroutines(t *testing.T) {
	r := &remote{start: 0x100000, data: make([]byte, 4*chunkSize)}
	p := NewPaged(r.read, "test")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var b [512]byte
			for i := range 4 * chunkSize / 512 {
				if err := p.ReadAt(b[:], r.start+Addr(i*512)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if calls := r.calls.Load(); calls != 4 {
		t.Errorf("%d calls for 4 chunks", calls)
	}
}

func TestPagedBoundsItsCache(t *testing.T) {
	r := &remote{start: 0x100000, data: make([]byte, 64*chunkSize)}
	p := newPaged(r.read, "test", 4)
	var b [1]byte
	for i := range 64 {
		if err := p.ReadAt(b[:], r.start+Addr(i*chunkSize)); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.chunks) != 4 || p.recent.Len() != 4 {
		t.Errorf("%d chunks cached, want 4", len(p.chunks))
	}
}

func TestPagedRecoversFromAPassingFailure(t *testing.T) {
	r := newRemote()
	fail := true
	p := NewPaged(func(b []byte, a Addr) error {
		if fail {
			return errRemote
		}
		return r.read(b, a)
	}, "test")
	if _, err := p.View(r.start, 8); err == nil {
		t.Fatal("View succeeds without a source")
	}
	fail = false
	if b, err := p.View(r.start, 8); err != nil || !bytes.Equal(b, r.data[:8]) {
		t.Errorf("View = %x, %v, want %x", b, err, r.data[:8])
	}
}

func TestPagedRefusesAbsurdLengths(t *testing.T) {
	r := newRemote()
	p := NewPaged(r.read, "test")
	for _, n := range []int{-1, 1 << 40, 1 << 62} {
		if _, err := p.View(r.start, n); err == nil {
			t.Errorf("View(%d) succeeds", n)
		}
	}
	if _, err := p.View(^Addr(0), 8); err == nil {
		t.Error("View across the top of the address space succeeds")
	}
}

func TestOverlayReadsStaticRangesFromTheFile(t *testing.T) {
	needLinux(t)
	path := buildTarget(t, false, "-buildmode=pie")
	r := startTarget(t, path, t.TempDir())
	live := openProcess(t, r.cmd.Process.Pid)
	f := openExe(t, path)
	bias, err := live.LoadBias(f)
	if err != nil {
		t.Fatal(err)
	}
	img := NewImage(f, bias)
	var fetched []Range
	base := NewPaged(func(b []byte, a Addr) error {
		fetched = append(fetched, Range{Start: a, End: a + Addr(len(b))})
		return live.ReadAt(b, a)
	}, "remote")
	m := NewOverlay(base, img)
	checkCells(t, m, r.cells)
	for _, c := range r.cells {
		if c.name == "text" || c.name == "rodata" {
			if !covers(img.Ranges(), c.addr, len(c.want)) {
				t.Errorf("%s is not in the image", c.name)
			}
		} else if covers(img.Ranges(), c.addr, len(c.want)) {
			t.Errorf("%s is in the image", c.name)
		}
	}
	for _, s := range img.Ranges() {
		for _, g := range fetched {
			if g.Size() == chunkSize && g.Start >= s.Start && g.End <= s.End {
				t.Errorf("fetched %v-%v, which the executable has", g.Start, g.End)
			}
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
