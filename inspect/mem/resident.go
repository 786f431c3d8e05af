package mem

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// maxResident is how much of files this process may have in memory by its
// mappings, in bytes, before a core lets go of its pages. The kernel counts
// every page that was touched as this process's memory until it is let go, and
// a core may be larger than the memory there is.
const maxResident = 128 << 20

// residentEvery is how often that is looked at: reading at full speed touches
// some 50 MB in that time.
const residentEvery = 10 * time.Millisecond

// resident lets a large mapping's pages go whenever they have become too many.
// What is needed again comes from the page cache. Readers notice nothing.
type resident struct {
	stop chan struct{}
	done sync.WaitGroup
}

// limitResident watches over the mapping b until the result's close, unless b
// is too small to matter or nothing tells how much is resident.
func limitResident(b []byte) *resident {
	r := &resident{stop: make(chan struct{})}
	statm, err := os.Open("/proc/self/statm")
	if err != nil || len(b) <= maxResident {
		statm.Close()
		return r
	}
	r.done.Go(func() {
		defer statm.Close()
		tick := time.NewTicker(residentEvery)
		defer tick.Stop()
		for {
			select {
			case <-r.stop:
				return
			case <-tick.C:
				if residentFiles(statm) > maxResident {
					// Of a kernel that refuses, the pages just stay.
					_ = unix.Madvise(b, unix.MADV_DONTNEED)
				}
			}
		}
	})
	return r
}

func (r *resident) close() {
	close(r.stop)
	r.done.Wait()
}

// residentFiles returns how many bytes of mapped files are resident, as the
// third field of /proc/self/statm has it in pages; 0 if it cannot be read.
func residentFiles(statm *os.File) int {
	var buf [128]byte
	n, _ := statm.ReadAt(buf[:], 0)
	fields := bytes.Fields(buf[:n])
	if len(fields) < 3 {
		return 0
	}
	pages, err := strconv.Atoi(string(fields[2]))
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}
