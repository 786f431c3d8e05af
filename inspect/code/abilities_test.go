package code

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// The oracle is the source: testdata/targets/abilities says of its functions
// what they can do.

// ability is what the source says of one function: the sets, by the name of
// the question and of the set.
type ability struct {
	fn   string
	sets map[string]map[string]Ops
	// held are the locks, nil if it does not say.
	held *[]Ops
}

// notCompared returns the operations that are compared only where they are
// named. A program that was not optimised calls its own functions, and those
// that cancel contexts, as it calls unknown ones.
func notCompared(set string, optimised bool) Ops {
	if set == "own" && optimised {
		return Exit
	}
	return Exit | Dynamic
}

func TestAbilitiesAreThoseInTheSource(t *testing.T) {
	abilities := readAbilities(t)
	for _, version := range []string{"go1.18.10", "go1.22.12", "", "go1.27.3"} {
		for _, goarch := range []string{"amd64", "arm64"} {
			for _, build := range []target.Spec{{}, {BuildMode: "pie"}, {Gcflags: "-N -l"}} {
				build.Program, build.Go, build.GOARCH = "abilities", version, goarch
				t.Run(strings.Join([]string{version, goarch, build.BuildMode, build.Gcflags}, "/"), func(t *testing.T) {
					if testing.Short() && (version != "" || build.Gcflags != "") {
						t.Skip("only the running toolchain in short mode")
					}
					p, _ := load(t, target.Build(t, build))
					for _, a := range abilities {
						checkAbility(t, p, a, build.Gcflags == "")
					}
				})
			}
		}
	}
}

func checkAbility(t *testing.T, p *Program, a ability, optimised bool) {
	f := p.table.FuncByName("main." + a.fn)
	if f == nil {
		for g := range p.table.All() {
			if strings.HasPrefix(g.Name, "main."+a.fn+"[") {
				f = g
			}
		}
	}
	if f == nil {
		t.Errorf("%s: not in the program", a.fn)
		return
	}
	if a.held != nil {
		checkHeld(t, p, a, f)
	}
	for question, want := range a.sets {
		var r *Reach
		switch question {
		case "func":
			r = p.Func(f.Entry)
		case "after":
			r = p.After(parked(t, p, p.fn(f)))
		case "before":
			r = p.Before(parked(t, p, p.fn(f)))
		}
		if r.Unread {
			t.Errorf("%s: unread", a.fn)
		}
		got := map[string]Ops{"own": r.Own, "called": r.Called, "later": r.Later, "spawned": r.Spawned}
		if want["called"]&Dynamic != 0 && r.Own&Dynamic != 0 {
			// A deferred value is called as any other where the compiler
			// knows that it is pending.
			got["own"], got["called"] = r.Own&^Dynamic, r.Called|Dynamic
		}
		for set, ops := range got {
			if !optimised && want[set]&Cancel != 0 && (r.Own|r.Called)&Dynamic != 0 {
				ops |= Cancel
			}
			if ops &^= notCompared(set, optimised) &^ want[set]; ops != want[set] {
				t.Errorf("%s, %s: %s=%v, the source says %v", a.fn, question, set, ops, want[set])
			}
		}
	}
}

// checkHeld compares the locks that may be held in the call of park: how many,
// and that they were taken in front of it in the same function.
func checkHeld(t *testing.T, p *Program, a ability, f *pcln.Func) {
	t.Helper()
	var got []Ops
	for _, s := range p.Held(parked(t, p, p.fn(f))) {
		got = append(got, s.Ops)
		if s.Func != f.Name || s.Line == 0 {
			t.Errorf("%s: held since %s:%d", a.fn, s.Func, s.Line)
		}
	}
	if !slices.Equal(got, *a.held) {
		t.Errorf("%s: holds %v, the source says %v", a.fn, got, *a.held)
	}
}

// parked returns the return address of the call of main.park in n.
func parked(t *testing.T, p *Program, n *fn) mem.Addr {
	t.Helper()
	return returnAddress(t, p, n, "main.park")
}

// returnAddress returns that of the first call of a function in n.
func returnAddress(t *testing.T, p *Program, n *fn, callee string) mem.Addr {
	t.Helper()
	var pc mem.Addr
	p.machine.walk(p.code(n.Func), n.Entry, func(in *inst, _ *registers) bool {
		if in.kind == call {
			if f := p.table.Func(n.Entry + mem.Addr(in.to)); f != nil && f.Name == callee {
				pc = n.Entry + mem.Addr(in.off+in.size)
			}
		}
		return pc == 0
	})
	if pc == 0 {
		t.Fatalf("%s does not call %s", n.Name, callee)
	}
	return pc
}

// readAbilities reads what the source says.
func readAbilities(t *testing.T) []ability {
	t.Helper()
	path := filepath.Join("..", "..", "testdata", "targets", "abilities", "main.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var list []ability
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Doc == nil {
			continue
		}
		a := ability{fn: f.Name.Name, sets: make(map[string]map[string]Ops)}
		if f.Recv != nil {
			a.fn = "(*server)." + a.fn
		}
		for _, c := range f.Doc.List {
			question, sets, ok := strings.Cut(strings.TrimPrefix(c.Text, "// "), ":")
			if ok && slices.Contains([]string{"func", "after", "before"}, question) {
				a.sets[question] = parseSets(t, sets)
			}
			if ok && question == "held" {
				a.held = new([]Ops)
				for _, name := range strings.Fields(sets) {
					*a.held = append(*a.held, opNamed(t, name))
				}
			}
		}
		if len(a.sets) > 0 || a.held != nil {
			list = append(list, a)
		}
	}
	if len(list) < 30 {
		t.Fatalf("%d functions with a comment", len(list))
	}
	return list
}

// parseSets parses "own=send,select recv called=close".
func parseSets(t *testing.T, text string) map[string]Ops {
	t.Helper()
	sets := make(map[string]Ops)
	at := regexp.MustCompile(`\w+=`).FindAllStringIndex(text, -1)
	for i, loc := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		set := text[loc[0] : loc[1]-1]
		for _, name := range strings.Split(strings.TrimSpace(text[loc[1]:end]), ",") {
			sets[set] |= opNamed(t, name)
		}
	}
	return sets
}

func opNamed(t *testing.T, name string) Ops {
	t.Helper()
	i := slices.Index(opNames[:], name)
	if i < 0 {
		t.Fatalf("no operation %q", name)
	}
	return 1 << i
}
