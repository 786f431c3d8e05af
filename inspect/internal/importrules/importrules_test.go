// Package importrules has no code: its test holds every package of the module
// to the arrows of the architecture.
package importrules

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "rtdbg/"

// lower are the packages that know bytes, layouts and code, but not the
// runtime's structures.
var lower = []string{"inspect/arch", "inspect/exe", "inspect/mem", "inspect/layout", "inspect/pcln", "inspect/code"}

// middle are those on top of them that know the runtime's structures, each
// for one question, and the session with Delve.
var middle = []string{
	"inspect/rt", "inspect/stack", "inspect/cstack", "inspect/locate", "inspect/wait", "inspect/heap", "inspect/wake", "inspect/graph", "inspect/names",
	"inspect/delve", "inspect/progress", "inspect/tracee", "inspect/capture", "runtimeversions",
}

// faces are what cmd puts together.
var faces = []string{"inspect", "inspect/star", "inspect/repl", "inspect/render", "inspect/progress", "inspect/demo", "scripts", "runtimeversions"}

// arrows lists, for every package, which packages of the module it may
// import. A new package needs a row, and the row a reason in ARCHITECTURE.md.
var arrows = map[string][]string{
	"inspect/arch":    nil,
	"inspect/exe":     {"inspect/arch"},
	"inspect/mem":     {"inspect/arch", "inspect/exe"},
	"inspect/layout":  {"inspect/arch", "inspect/mem"},
	"inspect/pcln":    {"inspect/arch", "inspect/mem"},
	"inspect/code":    {"inspect/arch", "inspect/mem", "inspect/pcln"},
	"inspect/stack":   lower,
	"inspect/cstack":  {"inspect/arch", "inspect/exe", "inspect/mem"},
	"inspect/rt":      {"inspect/arch", "inspect/mem", "inspect/layout", "inspect/progress"},
	"inspect/locate":  append([]string{"inspect/rt"}, lower...),
	"inspect/wait":    {"inspect/arch", "inspect/mem", "inspect/rt", "inspect/stack"},
	"inspect/heap":    {"inspect/arch", "inspect/mem", "inspect/layout", "inspect/rt", "inspect/progress"},
	"inspect/wake":    {"inspect/progress", "inspect/mem", "inspect/rt", "inspect/stack", "inspect/code", "inspect/wait", "inspect/heap"},
	"inspect/graph":   {"inspect/mem", "inspect/rt", "inspect/wait", "inspect/wake"},
	"inspect/names":   {"inspect/exe", "inspect/mem", "inspect/rt", "inspect/stack"},
	"inspect/tracee":  {"inspect/exe"},
	"inspect/capture": {"inspect/arch", "inspect/mem", "inspect/tracee"},
	"inspect/delve":   {"inspect/arch", "inspect/exe", "inspect/mem", "inspect/tracee"},
	"inspect/render":  nil,
	// What counts work for those who wait knows nothing else, and all may count.
	"inspect/progress": nil,
	"inspect":          slices.Concat(lower, middle),
	"inspect/star":     slices.Concat(lower, middle, []string{"inspect", "inspect/render", "scripts"}),
	"inspect/repl":     {"inspect", "inspect/progress", "inspect/star", "inspect/render"},
	"inspect/demo":     {"inspect", "inspect/delve"},
	"scripts":          nil,

	"runtimeversions":                    {"inspect/layout", "runtimeversions/internal/tablefile"},
	"runtimeversions/internal/tablefile": {"inspect/layout"},
	"runtimeversions/gen":                append([]string{"runtimeversions", "runtimeversions/internal/tablefile"}, lower...),

	"cmd/rtdbg": slices.Concat(faces, []string{"inspect/delve"}),

	"inspect/internal/target":      nil,
	"inspect/internal/importrules": nil,
	"inspect/repl/repltest":        {"inspect/internal/target"},
}

// outside lists, for the modules that must not spread, which packages may
// import them.
var outside = map[string][]string{
	"github.com/go-delve/delve/":  {"inspect/delve"},
	"go.starlark.net/":            {"inspect/star", "inspect/repl", "cmd/rtdbg", "scripts"},
	"github.com/spf13/":           {"cmd/rtdbg"},
	"github.com/peterh/liner":     {"inspect/repl"},
	"github.com/go-delve/liner":   {},
	"github.com/creack/pty":       {"inspect/internal/target"},
	"honnef.co/":                  {},
	"github.com/google/go-dap":    {},
	"github.com/cilium/ebpf":      {},
	"golang.org/x/debug":          {},
	"golang.org/x/tools":          {},
	"golang.org/x/telemetry":      {},
	"github.com/derekparker/trie": {},
}

// testOnly are packages that only tests, and each other, may import.
var testOnly = []string{"inspect/internal/target", "inspect/repl/repltest"}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportsFollowTheArrows(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, known := arrows[name]
		if !known {
			t.Errorf("%s has no row in the table of arrows", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			inside, ok := strings.CutPrefix(imported, module)
			if !ok {
				checkOutside(t, name, imported)
				continue
			}
			if slices.Contains(testOnly, inside) && !slices.Contains(testOnly, name) {
				t.Errorf("%s imports %s, which is for tests only", name, inside)
			} else if !slices.Contains(allowed, inside) {
				t.Errorf("%s imports %s: no such arrow", name, inside)
			}
		}
	}
}

func checkOutside(t *testing.T, name, imported string) {
	for prefix, allowed := range outside {
		if strings.HasPrefix(imported, prefix) && !slices.Contains(allowed, name) {
			t.Errorf("%s imports %s, which only %q may", name, imported, allowed)
		}
	}
}

// TestArrowsHaveNoCycle checks the table itself.
func TestArrowsHaveNoCycle(t *testing.T) {
	const visiting, done = 1, 2
	state := make(map[string]int)
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		path = append(path, name)
		switch state[name] {
		case done:
			return
		case visiting:
			t.Errorf("cycle: %s", strings.Join(path, " → "))
			return
		}
		state[name] = visiting
		for _, next := range arrows[name] {
			if _, known := arrows[next]; !known {
				t.Errorf("%s may import %s, which has no row", name, next)
			}
			visit(next, path)
		}
		state[name] = done
	}
	for name := range arrows {
		visit(name, nil)
	}
}

// list returns the module's packages, without their tests' imports.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.Bytes())
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatal("go list names no packages")
	}
	return all
}
