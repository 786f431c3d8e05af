package mem

import (
	"path/filepath"
	"strings"
	"testing"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/internal/target"
)

// A core of a program with C lists the executable, the C library and the vDSO, each
// where the core's own first page of it is, with the symbols of all.
func TestLoadedFilesHaveTheirSymbols(t *testing.T) {
	for _, how := range []target.Method{target.Kernel, target.Gcore} {
		t.Run(string(how), func(t *testing.T) {
			c := target.Take(t, target.Spec{Program: "cgo", Cgo: true}, target.Options{}, how)
			f, err := exe.Open(c.Exe)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			core, err := OpenCore(c.Core, f)
			if err != nil {
				t.Fatal(err)
			}
			defer core.Close()
			want := map[string]string{filepath.Base(c.Exe): "main", "libc.so.6": "pause", vdsoPath: "vdso_clock_gettime"}
			for i, l := range core.Loaded() {
				if (i == 0) != (filepath.Base(l.Path) == filepath.Base(c.Exe)) {
					t.Errorf("%s is number %d", l.Path, i)
				}
				if !l.Contains(Addr(imageStart(l.Segments) + l.Bias)) {
					t.Errorf("%s does not contain its first byte", l.Path)
				}
				head, err := core.View(Addr(imageStart(l.Segments)+l.Bias), 4)
				if err != nil || string(head) != "\x7fELF" {
					t.Errorf("%s begins with %q, %v", l.Path, head, err)
				}
				if hasFunction(l.File, want[filepath.Base(l.Path)]) {
					delete(want, filepath.Base(l.Path))
				}
			}
			if len(want) > 0 {
				t.Errorf("not found: %v", want)
			}
		})
	}
}

// hasFunction looks for a function by the name with which that of an address ends.
func hasFunction(f *exe.File, name string) bool {
	if f == nil || name == "" {
		return false
	}
	text, ok := f.Section(".text")
	for a := text.Addr; ok && a < text.Addr+text.Size; a += 16 {
		if got, ok := f.FunctionAt(a, a); ok && strings.HasSuffix(got, strings.TrimPrefix(name, "vdso_")) {
			return true
		}
	}
	return false
}
