package star

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"rtdbg/scripts"
)

// Script is a .star file as a command: its docstring is its help, the
// parameters of its main are its arguments.
type Script struct {
	// Name is the command, or the path of a file.
	Name string
	// Doc is the docstring; its first line sums it up.
	Doc    string
	Params []Param

	// dir opens the script's directory, file is its name there.
	dir  func() (fs.FS, func() error, error)
	file string
	src  []byte
	// user is the path of a user's own command, "" for others.
	user string
	// library says that the text is without errors and defines no main.
	library bool
}

// Param is a parameter of a script or of a builtin.
type Param struct {
	Name string
	// Default is the default value as Starlark writes it, "" for a
	// parameter that must be given.
	Default string
	// Doc says what it is, "" in scripts.
	Doc string
}

// Summary is the first line of the help.
func (s *Script) Summary() string {
	line, _, _ := strings.Cut(strings.TrimSpace(s.Doc), "\n")
	return line
}

// Scripts are the shipped scripts, by name.
func Scripts() ([]*Script, error) {
	var list []*Script
	for _, name := range scripts.Names() {
		s, err := shipped(name)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// Find returns the script for a command: a .star file, a shipped script, or one
// of the user's own.
func Find(command string) (*Script, error) {
	switch {
	case IsFile(command):
		return readFile(command)
	case slices.Contains(scripts.Names(), command):
		return shipped(command)
	}
	s, err := userScript(command)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("no command %q: there are %s, or a path ending in .star", command, strings.Join(commandNames(), ", "))
	}
	return s, err
}

func shipped(name string) (*Script, error) {
	file := name + ".star"
	src, err := fs.ReadFile(scripts.FS(), file)
	if err != nil {
		return nil, err
	}
	s := &Script{Name: name, file: file, src: src}
	s.dir = func() (fs.FS, func() error, error) {
		return scripts.FS(), func() error { return nil }, nil
	}
	return s, s.parse()
}

func readFile(file string) (*Script, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, &UsageError{fileError(file, err).Error()}
	}
	s := &Script{Name: file, file: path.Base(file), src: src}
	s.dir = func() (fs.FS, func() error, error) {
		root, _, err := openDir(file)
		if err != nil {
			return nil, nil, err
		}
		return root.FS(), root.Close, nil
	}
	return s, s.parse()
}

// path is the script's name in errors.
func (s *Script) path() string {
	switch {
	case s.user != "":
		return s.user
	case IsFile(s.Name):
		return s.Name
	}
	return s.file
}

// parse reads the docstring and main's parameters from the text.
func (s *Script) parse() error {
	f, err := dialect().Parse(s.path(), s.src, 0)
	if err != nil {
		return &Error{msg: located(err), cause: err}
	}
	s.Doc = docstring(f.Stmts)
	for _, stmt := range f.Stmts {
		if def, ok := stmt.(*syntax.DefStmt); ok && def.Name.Name == "main" {
			return s.parseParams(def)
		}
	}
	s.library = true
	return &UsageError{s.path() + ": it defines no main"}
}

func docstring(stmts []syntax.Stmt) string {
	if len(stmts) == 0 {
		return ""
	}
	if e, ok := stmts[0].(*syntax.ExprStmt); ok {
		if lit, ok := e.X.(*syntax.Literal); ok {
			doc, _ := lit.Value.(string)
			return strings.TrimSpace(doc)
		}
	}
	return ""
}

func (s *Script) parseParams(def *syntax.DefStmt) error {
	for _, p := range def.Params {
		switch p := p.(type) {
		case *syntax.Ident:
			s.Params = append(s.Params, Param{Name: p.Name})
		case *syntax.BinaryExpr: // NAME=DEFAULT
			start, end := p.Y.Span()
			s.Params = append(s.Params, Param{
				Name:    p.X.(*syntax.Ident).Name,
				Default: span(s.src, start, end),
			})
		default:
			start, _ := p.Span()
			return &UsageError{position(start) + ": main takes plain parameters only"}
		}
	}
	return nil
}

// span returns the text between two positions on one line, "…" otherwise.
func span(src []byte, start, end syntax.Position) string {
	lines := strings.Split(string(src), "\n")
	i := int(start.Line) - 1
	if start.Line != end.Line || i < 0 || i >= len(lines) {
		return "…"
	}
	r := []rune(lines[i])
	from, to := int(start.Col)-1, int(end.Col)-1
	if from < 0 || to > len(r) || from > to {
		return "…"
	}
	return string(r[from:to])
}

// Usage is the command with its parameters, for help: optional ones in
// brackets.
func (s *Script) Usage() string {
	var b strings.Builder
	b.WriteString(s.Name)
	for _, p := range s.Params {
		switch name := strings.ToUpper(p.Name); p.Default {
		case "":
			fmt.Fprintf(&b, " %s", name)
		case "False", "True":
			fmt.Fprintf(&b, " [--%s]", p.Name)
		default:
			fmt.Fprintf(&b, " [%s]", name)
		}
	}
	return b.String()
}

// Args are the arguments of a script as given: by name, or in order.
type Args struct {
	Positional []string
	Named      map[string]string
}

// ParseArgs takes the words behind a command, NAME=VALUE or a value in order,
// and the flags among them, --NAME or --NAME=VALUE.
func (s *Script) ParseArgs(words, flags []string) (Args, error) {
	a := Args{Named: map[string]string{}}
	for _, w := range words {
		name, val, ok := assignment(w)
		if !ok {
			a.Positional = append(a.Positional, w)
			continue
		}
		if err := s.name(&a, name, val); err != nil {
			return Args{}, err
		}
	}
	for _, f := range flags {
		name, val, hasValue := strings.Cut(strings.TrimPrefix(f, "--"), "=")
		name = strings.ReplaceAll(name, "-", "_")
		if p := s.param(name); p != nil && !hasValue {
			if !p.Flag() {
				return Args{}, usagef("%s: --%s needs a value: --%s=…", s.Name, name, name)
			}
			val = "true"
		}
		if err := s.name(&a, name, val); err != nil {
			return Args{}, err
		}
	}
	_, err := s.bind(a)
	return a, err
}

// name records the argument of a parameter.
func (s *Script) name(a *Args, name, val string) error {
	if s.param(name) == nil {
		return s.noParam(name)
	}
	if _, twice := a.Named[name]; twice {
		return usagef("%s: %s is given twice", s.Name, name)
	}
	a.Named[name] = val
	return nil
}

// assignment takes NAME=VALUE apart. "==" is an operator of an expression.
func assignment(w string) (name, val string, ok bool) {
	name, val, ok = strings.Cut(w, "=")
	return name, val, ok && isIdent(name) && !strings.HasPrefix(val, "=")
}

func isIdent(s string) bool {
	for i, r := range s {
		if r != '_' && !(r >= 'a' && r <= 'z') && !(r >= 'A' && r <= 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func (s *Script) param(name string) *Param {
	for i := range s.Params {
		if s.Params[i].Name == name {
			return &s.Params[i]
		}
	}
	return nil
}

func (s *Script) noParam(name string) error {
	if len(s.Params) == 0 {
		return usagef("%s takes no arguments, got %s", s.Name, name)
	}
	names := make([]string, len(s.Params))
	for i, p := range s.Params {
		names[i] = p.Name
	}
	return usagef("%s has no parameter %q: it has %s", s.Name, name, strings.Join(names, ", "))
}

// bind turns the arguments into those of main.
func (s *Script) bind(a Args) ([]starlark.Tuple, error) {
	if len(a.Positional) > len(s.Params) {
		if len(s.Params) == 0 {
			return nil, s.noParam(a.Positional[0])
		}
		return nil, usagef("%s takes at most %d arguments, got %d (usage: %s)", s.Name, len(s.Params), len(a.Positional), s.Usage())
	}
	var kwargs []starlark.Tuple
	for i, p := range s.Params {
		text, given := a.Named[p.Name]
		if i < len(a.Positional) {
			if given {
				return nil, usagef("%s: %s is given twice", s.Name, p.Name)
			}
			text, given = a.Positional[i], true
		}
		if !given {
			if p.Default == "" {
				return nil, usagef("%s needs %s (usage: %s)", s.Name, strings.ToUpper(p.Name), s.Usage())
			}
			continue
		}
		v, err := p.convert(text)
		if err != nil {
			return nil, usagef("%s: %v", s.Name, err)
		}
		kwargs = append(kwargs, starlark.Tuple{starlark.String(p.Name), v})
	}
	return kwargs, nil
}

// Flag reports whether the parameter is true or false, and so can be given as
// --NAME.
func (p *Param) Flag() bool { return p.Default == "True" || p.Default == "False" }

// convert gives an argument the type of the parameter's default: a bool, an
// integer, a string; without one, an integer where it reads as one.
func (p *Param) convert(text string) (starlark.Value, error) {
	n, numErr := strconv.ParseUint(text, 0, 64)
	_, defErr := strconv.ParseInt(p.Default, 0, 64)
	switch {
	case p.Flag():
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return nil, fmt.Errorf("%s must be true or false, not %q", p.Name, text)
		}
		return starlark.Bool(b), nil
	case strings.HasPrefix(p.Default, `"`):
		return starlark.String(text), nil
	case numErr == nil:
		return starlark.MakeUint64(n), nil
	case defErr == nil:
		return nil, fmt.Errorf("%s must be a number, not %q", p.Name, text)
	}
	return starlark.String(text), nil
}

// Run executes the script and returns the value of its main.
func (in *Interp) Run(ctx context.Context, s *Script, a Args) (starlark.Value, error) {
	kwargs, err := s.bind(a)
	if err != nil {
		return nil, err
	}
	dir, closeDir, err := s.dir()
	if err != nil {
		return nil, err
	}
	defer closeDir()
	return in.run(ctx, newLoader(in, dir, s.file), func(th *starlark.Thread) (starlark.Value, error) {
		g, err := starlark.ExecFileOptions(dialect(), th, s.path(), s.src, in.predeclared)
		if err != nil {
			return nil, err
		}
		return starlark.Call(th, g["main"], nil, kwargs)
	})
}
