package exe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Mapped is a file mapped read-only into memory. The file must not shrink
// while it is mapped: reading a page that is gone raises SIGBUS.
type Mapped struct {
	// Path is the path that was opened.
	Path string
	// Bytes is the whole content; it is never empty, and dies with Close.
	Bytes []byte
	// ModTime is the time of the file's last modification when it was opened.
	ModTime time.Time
	// BirthTime is the time of the file's creation, zero if not known.
	BirthTime time.Time

	file *os.File
}

// Map maps the regular file at path. Its errors name the path.
func Map(path string) (*Mapped, error) {
	// Stat first: opening a FIFO would block.
	info, err := os.Stat(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("%s is a directory", path)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	m, err := mapFile(path, f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// mapFile maps f, which was opened by path. It keeps f.
func mapFile(path string, f *os.File) (*Mapped, error) {
	// Once more, of what was really opened.
	info, err := f.Stat()
	if err != nil {
		return nil, pathError(path, err)
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	if int64(int(info.Size())) != info.Size() {
		return nil, fmt.Errorf("%s is too large to map (%d bytes)", path, info.Size())
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s (%d bytes): %w", path, info.Size(), err)
	}
	return &Mapped{Path: path, Bytes: b, ModTime: info.ModTime(), BirthTime: birthTime(f), file: f}, nil
}

// pathError shortens the messages of os: "open", "stat" and the like say
// nothing to the user.
func pathError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// ReadAt reads from the file as io.ReaderAt does: what is in Bytes, without a
// page of it becoming resident.
func (m *Mapped) ReadAt(b []byte, off int64) (int, error) { return m.file.ReadAt(b, off) }

// Close unmaps the file. Slices of Bytes must not be used any more.
func (m *Mapped) Close() error {
	b := m.Bytes
	m.Bytes = nil
	if b == nil || m.file == nil { // closed, or a copy of memory
		return nil
	}
	return errors.Join(unix.Munmap(b), m.file.Close())
}
