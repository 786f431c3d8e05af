package capture

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// buffer is memory that is a file: what is copied into it can be opened by path,
// and is gone with the process that made it.
type buffer struct {
	file *os.File
	b    []byte
}

// newBuffer makes a buffer of size bytes, all zero; they cost nothing before
// they are written to.
func newBuffer(size uint64) (*buffer, error) {
	fd, err := unix.MemfdCreate("rtdbg-capture", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memory for the capture: %w", err)
	}
	b := &buffer{file: os.NewFile(uintptr(fd), "capture")}
	if err := b.resize(size); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// resize gives the buffer another size; what is in it stays.
func (b *buffer) resize(size uint64) error {
	if err := b.unmap(); err != nil {
		return err
	}
	if err := b.file.Truncate(int64(size)); err != nil {
		return fmt.Errorf("memory for the capture (%d bytes): %w", size, err)
	}
	m, err := unix.Mmap(int(b.file.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("memory for the capture (%d bytes): %w", size, err)
	}
	b.b = m
	return nil
}

func (b *buffer) unmap() error {
	m := b.b
	b.b = nil
	if m == nil {
		return nil
	}
	return unix.Munmap(m)
}

func (b *buffer) close() {
	_ = b.unmap()
	_ = b.file.Close()
}
