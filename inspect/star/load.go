package star

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"go.starlark.net/starlark"
)

// loader resolves load() beside a script, once per file. It never leaves the
// directory of the script.
type loader struct {
	in   *Interp
	fsys fs.FS
	// loaded holds nil for a file that is being loaded.
	loaded map[string]*loadedFile
}

type loadedFile struct {
	globals starlark.StringDict
	err     error
}

// newLoader returns a loader for the script called name in fsys, which
// itself cannot be loaded by what it loads.
func newLoader(in *Interp, fsys fs.FS, name string) *loader {
	return &loader{in: in, fsys: fsys, loaded: map[string]*loadedFile{name: nil}}
}

// load is starlark.Thread.Load. Names are relative to the file that loads.
func (l *loader) load(th *starlark.Thread, module string) (starlark.StringDict, error) {
	name := path.Join(path.Dir(th.Name), module)
	if path.IsAbs(module) || !fs.ValidPath(name) || path.Ext(name) != ".star" {
		return nil, fmt.Errorf("%q is not a .star file in the directory of the script", module)
	}
	f, seen := l.loaded[name]
	if seen && f == nil {
		return nil, errors.New("it loads itself")
	}
	if !seen {
		l.loaded[name] = nil
		f = l.exec(name)
		l.loaded[name] = f
	}
	return f.globals, f.err
}

// exec executes the file called name.
func (l *loader) exec(name string) *loadedFile {
	src, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		return &loadedFile{err: fileError(name, err)}
	}
	th := l.in.thread(name, l)
	stop := context.AfterFunc(l.in.ctx, func() { th.Cancel("interrupted") })
	defer stop()
	g, err := starlark.ExecFileOptions(dialect(), th, name, src, l.in.predeclared)
	g.Freeze()
	return &loadedFile{g, err}
}

// openDir opens the directory of a .star file; names cannot leave it, not
// even through symbolic links.
func openDir(file string) (*os.Root, string, error) {
	dir, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return nil, "", fileError(file, err)
	}
	return dir, filepath.Base(file), nil
}

// fileError says which file and why, without the system call.
func fileError(file string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// IsFile reports whether a command names a .star file rather than a shipped
// script.
func IsFile(command string) bool { return strings.HasSuffix(command, ".star") }
