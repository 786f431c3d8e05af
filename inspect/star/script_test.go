package star

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const argsScript = `"""Sums up.

More.
"""

def main(x, n = 3, all = False, name = "a b", level = None):
    return [x, n, all, name, level]
`

func TestArgumentsBecomeParameters(t *testing.T) {
	in, _ := open(t)
	s := writeScript(t, t.TempDir(), "args.star", argsScript)
	if got := s.Summary(); got != "Sums up." {
		t.Errorf("summary %q", got)
	}
	if got, want := s.Usage(), s.Name+" X [N] [--all] [NAME] [LEVEL]"; got != want {
		t.Errorf("usage %q, want %q", got, want)
	}
	tests := []struct{ words, flags, want, err string }{
		{words: "0x10", want: `[16, 3, False, "a b", None]`},
		{words: "main.pool.jobs 4 true", want: `["main.pool.jobs", 4, True, "a b", None]`},
		{words: "n=5 m[1]==2", want: `["m[1]==2", 5, False, "a b", None]`},
		{words: "1 name=7 level=7", want: `[1, 3, False, "7", 7]`},
		{words: "1 level=x", want: `[1, 3, False, "a b", "x"]`},
		{words: "1", flags: "--all --n=9", want: `[1, 9, True, "a b", None]`},
		{words: "1 all=False", want: `[1, 3, False, "a b", None]`},
		{err: "args.star needs X (usage: "},
		{words: "1 2 true x y z", err: "takes at most 5 arguments, got 6 (usage: "},
		{words: "1 nn=2", err: `has no parameter "nn": it has x, n, all, name, level`},
		{words: "1 x=2", err: ": x is given twice"},
		{words: "1 n=2 n=3", err: ": n is given twice"},
		{words: "1 n=two", err: `: n must be a number, not "two"`},
		{words: "1 all=maybe", err: `: all must be true or false, not "maybe"`},
		{words: "1", flags: "--n", err: ": --n needs a value: --n=…"},
		{words: "1", flags: "--brief", err: `has no parameter "brief"`},
	}
	for _, tt := range tests {
		t.Run(tt.words+" "+tt.flags, func(t *testing.T) {
			a, err := s.ParseArgs(strings.Fields(tt.words), strings.Fields(tt.flags))
			if tt.err != "" {
				var usage *UsageError
				if !errors.As(err, &usage) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			v, err := in.Run(t.Context(), s, a)
			if err != nil || v.String() != tt.want {
				t.Errorf("got %v, %v; want %s", v, err, tt.want)
			}
		})
	}
}

func TestWrongScriptsAreRefused(t *testing.T) {
	dir := t.TempDir()
	tests := []struct{ name, src, want string }{
		{"nomain.star", "x = 1\n", "nomain.star: it defines no main"},
		{"syntax.star", "def main(:\n", "syntax.star:1:11: got ':', want ')'"},
		{"var.star", "def main(*args):\n  pass\n", "var.star:1:10: main takes plain parameters only"},
	}
	for _, tt := range tests {
		path := dir + "/" + tt.name
		writeFile(t, path, tt.src)
		if _, err := Find(path); err == nil || !strings.HasSuffix(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), dir) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
	for _, command := range []string{"nothing", "none/none.star"} {
		var usage *UsageError
		if _, err := Find(command); !errors.As(err, &usage) {
			t.Errorf("%s: got %v", command, err)
		}
	}
}

func TestShippedScriptsAreDocumented(t *testing.T) {
	all, err := Scripts()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Summary() == "" || len(s.Summary()) > 80 {
			t.Errorf("%s: summary %q", s.Name, s.Summary())
		}
		for _, p := range s.Params {
			if name := strings.ToUpper(p.Name); !strings.Contains(s.Doc, name) && !strings.Contains(s.Doc, "--"+p.Name) {
				t.Errorf("%s: parameter %s is not in its docstring", s.Name, p.Name)
			}
		}
	}
}

func TestErrorsOfScriptsNameTheirPlace(t *testing.T) {
	in, _ := open(t)
	dir := t.TempDir()
	s := writeScript(t, dir, "deep.star", "def f(x):\n  return x.none\n\ndef main():\n  return f(\n    g(1))\n")
	_, err := in.Run(t.Context(), s, Args{})
	want := fmt.Sprintf("%s/deep.star:2:11: G has no .none field or method", dir)
	if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want %s", err, want)
	}
	in.trace = true
	if _, err = in.Run(t.Context(), s, Args{}); err == nil || strings.Count(err.Error(), "\n  "+dir) != 2 {
		t.Errorf("with the chain of calls: %v", err)
	}
}
