package code

import (
	"strings"

	"rtdbg/inspect/pcln"
)

// Package returns the path of the package that a function belongs to, by the
// linker's name of it.
func Package(fn string) string {
	end := len(fn)
	if i := strings.IndexAny(fn, "[("); i >= 0 {
		end = i
	}
	slash := strings.LastIndexByte(fn[:end], '/')
	if dot := strings.IndexByte(fn[slash+1:], '.'); dot >= 0 {
		end = slash + 1 + dot
	}
	return fn[:end]
}

// standard tells the functions of the standard library from the program's.
type standard struct {
	// root is what the names of the library's files begin with, "" where
	// they were trimmed.
	root string
}

// newStandard finds out where the standard library was by the file of a
// function that every program has.
func newStandard(t *pcln.Table) standard {
	f := t.FuncByName("runtime.main")
	if f == nil {
		return standard{}
	}
	file, _ := f.Line(f.Entry)
	root, ok := strings.CutSuffix(file, "runtime/proc.go")
	if !ok {
		return standard{}
	}
	return standard{root}
}

// has reports whether f belongs to the standard library. The packages vendored
// into it do.
func (s standard) has(f *pcln.Func) bool {
	pkg := Package(f.Name)
	if s.root == "" || !likeStandard(pkg) {
		return likeStandard(pkg)
	}
	file, _ := f.Line(f.Entry)
	return strings.HasPrefix(file, s.root) || !strings.HasPrefix(file, "/")
}

// likeStandard reports whether a package path begins as one of the standard
// library: the first element has no dot, as in every module path that is
// fetched, and is one of its own.
func likeStandard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	switch first {
	case "archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug", "embed",
		"encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter",
		"log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp", "runtime", "simd", "slices", "sort",
		"strconv", "strings", "structs", "sync", "syscall", "testing", "text", "time", "unicode", "unique", "unsafe",
		"uuid", "vendor", "weak":
		return true
	}
	return false
}
