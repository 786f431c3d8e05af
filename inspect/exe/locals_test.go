package exe_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/internal/target"
)

// localsBuilds are the builds whose variables are compared with the source:
// DWARF 4 and DWARF 5, with and without optimisation.
var localsBuilds = []target.Spec{
	{Go: "go1.18.10"}, {Go: "go1.22.12"}, {Go: "go1.24.13", BuildMode: "pie"}, {}, {Gcflags: "all=-N -l"},
	{Go: "go1.27.3"}, {Go: "go1.27.3", GOARCH: "arm64"}, {Ldflags: "-compressdwarf=false"},
}

// The variables of a function are those that its source declares: its receiver
// and its parameters have their names and their types.
func TestLocalsAreThoseOfTheSource(t *testing.T) {
	source := parameters(t, filepath.Join("..", "..", "testdata", "targets", "names"))
	for _, spec := range localsBuilds {
		spec.Program = "names"
		t.Run(strings.Join([]string{spec.Go, spec.GOARCH, spec.BuildMode, spec.Gcflags, spec.Ldflags}, " "), func(t *testing.T) {
			f, err := exe.Open(target.Build(t, spec))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			compared := 0
			for fn, params := range source {
				addr, size, ok := f.Symbol(fn)
				if !ok {
					continue // inlined everywhere
				}
				compared += len(params)
				compareLocals(t, f, fn, addr+size/2, params)
			}
			if compared < 8 {
				t.Errorf("only %d parameters were compared", compared)
			}
		})
	}
}

func compareLocals(t *testing.T, f *exe.File, fn string, pc uint64, params map[string]string) {
	t.Helper()
	info, err := f.DebugInfo()
	if err != nil {
		t.Fatal(err)
	}
	locals, err := info.Locals(pc)
	if err != nil {
		t.Fatalf("%s: %v", fn, err)
	}
	found := make(map[string]string)
	for _, l := range locals {
		typ, err := info.TypeAt(l.Type)
		if err != nil {
			t.Fatalf("%s: %s: %v", fn, l.Name, err)
		}
		if l.Depth == 0 {
			found[l.Name] = typ.Name
		}
		for _, p := range append(l.Here, l.Elsewhere...) {
			if p.At < -1<<16 || p.At > 1<<16 || p.Size < 0 || p.Off+p.Size > typ.Size {
				t.Errorf("%s: %s %s is at %+v", fn, l.Name, typ.Name, p)
			}
		}
	}
	for name, typ := range params {
		if found[name] != typ {
			t.Errorf("%s: %s is a %q, in the source a %q (%v)", fn, name, found[name], typ, found)
		}
	}
}

// A struct's fields are those of the source, with the offsets that its compiler
// gave them.
func TestFieldsOfAType(t *testing.T) {
	f, err := exe.Open(target.Build(t, target.Spec{Program: "names"}))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.DebugInfo()
	if err != nil {
		t.Fatal(err)
	}
	addr, _, ok := f.Symbol("main.shared")
	if !ok {
		t.Fatal("no main.shared")
	}
	typ, err := info.StaticType("main.shared", addr)
	if err != nil {
		t.Fatal(err)
	}
	want := []exe.Field{{Name: "name", Off: 0}, {Name: "c", Off: 16}, {Name: "jobs", Off: 24}, {Name: "list", Off: 32},
		{Name: "byName", Off: 56}, {Name: "out", Off: 64}, {Name: "inner", Off: 80}}
	if typ.Name != "main.pool" || typ.Size != 88 || len(typ.Fields) != len(want) {
		t.Fatalf("%+v", typ)
	}
	for i, w := range want {
		if got := typ.Fields[i]; got.Name != w.Name || got.Off != w.Off {
			t.Errorf("field %d is %s at %d, want %s at %d", i, got.Name, got.Off, w.Name, w.Off)
		}
	}
}

// parameters are the receivers and parameters of the functions in a directory by
// the functions' symbols, with their types as DWARF has them.
func parameters(t *testing.T, dir string) map[string]map[string]string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, filepath.Join(dir, "main.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	list := make(map[string]map[string]string)
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		symbol, params := "main."+fn.Name.Name, make(map[string]string)
		fields := fn.Type.Params.List
		if fn.Recv != nil {
			symbol = "main.(" + types.ExprString(fn.Recv.List[0].Type) + ")." + fn.Name.Name
			fields = append(fields, fn.Recv.List...)
		}
		for _, f := range fields {
			for _, name := range f.Names {
				params[name.Name] = qualified(types.ExprString(f.Type))
			}
		}
		list[symbol] = params
	}
	return list
}

// qualified names a type of package main as DWARF does.
func qualified(typ string) string {
	typ = strings.Replace(typ, "...", "[]", 1)
	for _, own := range []string{"pool", "conn"} {
		typ = strings.ReplaceAll(typ, own, "main."+own)
	}
	return typ
}
