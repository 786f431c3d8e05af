// Package mem reads bytes at target addresses. It knows core files, stopped
// processes and remote debuggers as sources of bytes, and nothing of Go.
package mem

import (
	"errors"
	"fmt"
	"strconv"
)

// Addr is an address in the target's address space.
type Addr uint64

// String returns the address as 0x followed by lower-case hexadecimal digits,
// the form of every rtdbg output.
func (a Addr) String() string { return "0x" + strconv.FormatUint(uint64(a), 16) }

// MarshalText makes an Addr a JSON string "0x…".
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Reader reads target memory. ReadAt fills all of b with the bytes at a, or
// returns a *Fault (possibly wrapped) and leaves b's contents unspecified.
type Reader interface {
	ReadAt(b []byte, a Addr) error
}

// Viewer gives target memory without copying where the source allows it. The
// bytes are read-only and stay valid until the Memory is closed; a source
// that has to copy returns a fresh slice. View fails as ReadAt does.
type Viewer interface {
	View(a Addr, n int) ([]byte, error)
}

// Memory is one source of a target's bytes.
type Memory interface {
	Reader
	Viewer
	// Ranges lists the mapped ranges in ascending order. A source that
	// cannot enumerate them (a remote debugger) returns nil.
	Ranges() []Range
	// Describe names the source in one phrase for the user.
	Describe() string
	Close() error
}

// Perm is a set of page permissions.
type Perm uint8

// The permissions of a Range.
const (
	PermRead Perm = 1 << iota
	PermWrite
	PermExec
)

// Range is a mapped range of the target, [Start, End).
type Range struct {
	Start, End Addr
	Perm       Perm
	// File is the path of the file behind a file mapping, "" for anonymous
	// memory; Off is the offset in that file of Start, in bytes.
	File string
	Off  uint64
	// Shared says that what is written there is seen by other processes
	// (MAP_SHARED); known of live processes only.
	Shared bool
}

// Size returns the length of the range in bytes.
func (r Range) Size() uint64 { return uint64(r.End - r.Start) }

// Contains reports whether a lies in the range.
func (r Range) Contains(a Addr) bool { return a >= r.Start && a < r.End }

// ErrUnmapped is the cause of a Fault at an address that the target does not
// map; ErrMissing, at one that it maps but whose bytes the source lacks (a
// truncated core, a page that was not dumped).
var (
	ErrUnmapped = errors.New("not mapped")
	ErrMissing  = errors.New("not in the capture")
)

// Fault is a failed read of Len bytes at Addr.
type Fault struct {
	Addr Addr
	Len  int
	Err  error
}

func (f *Fault) Error() string {
	return fmt.Sprintf("read %d bytes at %v: %v", f.Len, f.Addr, f.Err)
}

func (f *Fault) Unwrap() error { return f.Err }
