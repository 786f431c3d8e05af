package capture

import (
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/mem"
)

// extent is a run of pages that the kernel says the same of.
type extent struct {
	start, end mem.Addr
	// held says that the pages hold something, in memory or swapped out; what is
	// not held was never touched.
	held bool
	// file says that they are pages of a file or of shared memory, and not the
	// copy that a process gets of a page when it writes to a private mapping.
	file bool
}

// pagemap tells which pages of a process hold something (Documentation/
// admin-guide/mm/pagemap.rst).
type pagemap struct {
	file *os.File // nil where the kernel does not tell
	buf  []byte
	// regions is where the kernel answers to a scan; noScan says that it knows
	// none, as before Linux 6.7.
	regions []pageRegion
	noScan  bool
}

// openPagemap opens the map of pages of a process. Without it, as in a kernel
// without CONFIG_PROC_PAGE_MONITOR, every page counts as written.
func openPagemap(pid int) *pagemap {
	f, err := os.Open(fmt.Sprintf("/proc/%d/pagemap", pid))
	if err != nil {
		return &pagemap{}
	}
	return &pagemap{file: f, regions: make([]pageRegion, regionsAtOnce)}
}

func (p *pagemap) close() {
	if p.file != nil {
		p.file.Close()
	}
}

// extents returns the pages of r in order.
func (p *pagemap) extents(r mem.Range) []extent {
	if p.file == nil {
		return []extent{{start: r.Start, end: r.End, held: true}}
	}
	if !p.noScan {
		list, err := p.scan(r)
		if err == nil {
			return list
		}
		p.noScan = true
	}
	return p.entries(r)
}

// extentList puts pages that are said the same of together.
type extentList []extent

func (l *extentList) add(e extent) {
	if e.start >= e.end {
		return
	}
	if n := len(*l); n > 0 && (*l)[n-1].held == e.held && (*l)[n-1].file == e.file {
		(*l)[n-1].end = e.end
		return
	}
	*l = append(*l, e)
}

// pageRegion is struct page_region (include/uapi/linux/fs.h).
type pageRegion struct{ start, end, categories uint64 }

// scanArg is struct pm_scan_arg.
type scanArg struct {
	size, flags, start, end, walkEnd, vec, vecLen, maxPages       uint64
	categoryInverted, categoryMask, categoryAnyofMask, returnMask uint64
}

// The ioctl PAGEMAP_SCAN and its categories.
const (
	pagemapScan   = 0xc0606610
	pageIsFile    = 1 << 2
	pageIsPresent = 1 << 3
	pageIsSwapped = 1 << 4
	regionsAtOnce = 4096
)

// scan asks the kernel for the extents (since Linux 6.7).
func (p *pagemap) scan(r mem.Range) ([]extent, error) {
	var list extentList
	at := r.Start
	for at < r.End {
		arg := scanArg{
			start: uint64(at), end: uint64(r.End),
			vec: uint64(uintptr(unsafe.Pointer(&p.regions[0]))), vecLen: uint64(len(p.regions)),
			categoryAnyofMask: pageIsPresent | pageIsSwapped, returnMask: pageIsPresent | pageIsSwapped | pageIsFile,
		}
		arg.size = uint64(unsafe.Sizeof(arg))
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, p.file.Fd(), pagemapScan, uintptr(unsafe.Pointer(&arg)))
		if errno != 0 {
			return nil, errno
		}
		for _, g := range p.regions[:n] {
			list.add(extent{start: at, end: mem.Addr(g.start)})
			list.add(extent{start: mem.Addr(g.start), end: mem.Addr(g.end), held: true, file: g.categories&pageIsFile != 0})
			at = mem.Addr(g.end)
		}
		walked := mem.Addr(arg.walkEnd)
		if walked <= at && n == 0 {
			return nil, unix.EINVAL
		}
		list.add(extent{start: at, end: walked})
		at = max(at, walked)
	}
	return list, nil
}

// Bits of an entry of the map.
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	pageOfFile  = 1 << 61
)

// entriesAtOnce is how many entries are read at a time: 4 GB of memory.
const entriesAtOnce = 1 << 20

// entries makes the extents of the map's entries, one for each page. Those that
// the kernel does not give count as held.
func (p *pagemap) entries(r mem.Range) []extent {
	var list extentList
	for a := r.Start; a < r.End; {
		n := min(int(r.End-a)/pageSize, entriesAtOnce)
		entries := p.read(a, n)
		for i := range n {
			e := uint64(pagePresent)
			if i*8+8 <= len(entries) {
				e = binary.LittleEndian.Uint64(entries[i*8:])
			}
			held := e&(pagePresent|pageSwapped) != 0
			list.add(extent{start: a, end: a + pageSize, held: held, file: held && e&pageOfFile != 0})
			a += pageSize
		}
	}
	return list
}

func (p *pagemap) read(a mem.Addr, n int) []byte {
	if len(p.buf) < n*8 {
		p.buf = make([]byte, n*8)
	}
	got, _ := p.file.ReadAt(p.buf[:n*8], int64(a/pageSize*8))
	return p.buf[:got]
}
