package render

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is an output file that appears under its name only when it is
// complete.
type File struct {
	*os.File
	// path is the name to appear under; "" for a device or pipe, which is
	// written directly.
	path string
}

// Create starts the output file called path. A symbolic link is followed; what
// exists and is no regular file is written to directly.
func Create(path string) (*File, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		return nil, fmt.Errorf("%s is a directory", path)
	case err == nil && !st.Mode().IsRegular():
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		return &File{File: f}, err
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	dir, name := filepath.Split(path)
	// Not os.CreateTemp: its mode would stay 0600.
	tmp := filepath.Join(dir, fmt.Sprintf(".%s.%d.tmp", name, os.Getpid()))
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	return &File{f, path}, nil
}

// Device reports whether it is a device or pipe, which keeps its permissions and
// has everything at once.
func (f *File) Device() bool { return f.path == "" }

// Commit closes the file and gives it its name.
func (f *File) Commit() error {
	err := f.Close()
	if f.path == "" {
		return err
	}
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Discard closes the file and removes what was written.
func (f *File) Discard() {
	f.Close()
	if f.path != "" {
		os.Remove(f.Name())
	}
}
