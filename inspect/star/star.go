// Package star is rtdbg's Starlark: values for what the runtime knows
// (G, M, P, Chan, …), builtins that find them, scripts that use both, and the
// reports that values become. Addresses are integers, so that they compare
// and add as such; hex(x) writes one, and reports write every attribute that
// is an address as 0x….
//
// A script sees this API and the files beside it, nothing else.
package star

import (
	"context"
	"errors"
	"io/fs"
	"maps"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

// Interp evaluates Starlark on one target. It is for one goroutine at a time.
type Interp struct {
	p       *inspect.Process
	print   func(string)
	trace   bool
	classes *classes
	// predeclared are the builtins, globals what -f files and the REPL
	// have defined since.
	predeclared starlark.StringDict
	globals     *names
	// current is shared by the interpreters that Renew has made of one.
	current *current
	// ctx belongs to the evaluation in progress, or to the one whose value
	// is being reported: attributes are read without a thread.
	ctx context.Context
}

// Options are the choices of an Interp.
type Options struct {
	// Print receives what print() writes, without a line end.
	Print func(string)
	// Trace adds the chain of calls to errors.
	Trace bool
}

// New returns an interpreter for p, which stays the caller's to close.
func New(p *inspect.Process, o Options) *Interp {
	in := &Interp{p: p, print: o.Print, trace: o.Trace, ctx: context.Background()}
	in.globals, in.current = &names{}, &current{in}
	in.classes = newClasses()
	in.predeclared = in.builtinDict()
	in.predeclared.Freeze()
	return in
}

// dialect returns the Starlark that rtdbg speaks: with set, while, recursion
// and control flow at the top level.
func dialect() *syntax.FileOptions {
	return &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true, Recursion: true}
}

// Eval evaluates one expression, which name stands for in errors.
func (in *Interp) Eval(ctx context.Context, name, expr string) (starlark.Value, error) {
	return in.run(ctx, nil, func(th *starlark.Thread) (starlark.Value, error) {
		return starlark.EvalOptions(dialect(), th, name, expr, in.env())
	})
}

// ExecFile executes a .star file and keeps what it defines for later
// evaluations.
func (in *Interp) ExecFile(ctx context.Context, path string) error {
	dir, name, err := openDir(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	src, err := fs.ReadFile(dir.FS(), name)
	if err != nil {
		return fileError(path, err)
	}
	_, err = in.run(ctx, newLoader(in, dir.FS(), name), func(th *starlark.Thread) (starlark.Value, error) {
		g, err := starlark.ExecFileOptions(dialect(), th, path, src, in.env())
		in.globals.set(g)
		return starlark.None, err
	})
	return err
}

// ExecChunk executes a statement of a REPL, or evaluates it if it is an
// expression: then the value is returned, and kept as _. Definitions stay.
func (in *Interp) ExecChunk(ctx context.Context, f *syntax.File) (starlark.Value, error) {
	v, err := in.run(ctx, nil, func(th *starlark.Thread) (starlark.Value, error) {
		if len(f.Stmts) == 1 {
			if s, ok := f.Stmts[0].(*syntax.ExprStmt); ok {
				return starlark.EvalExprOptions(f.Options, th, s.X, in.env())
			}
		}
		env := in.env()
		err := starlark.ExecREPLChunk(f, th, env)
		in.keep(env)
		return nil, err
	})
	if v != nil && v != starlark.None {
		in.globals.set(starlark.StringDict{"_": v})
	}
	return v, err
}

// Parse reads one REPL statement from lines, each with its line end. It asks
// for another line until the statement is complete.
func Parse(lines func() ([]byte, error)) (*syntax.File, error) {
	return dialect().ParseCompoundStmt("", lines)
}

// env returns the names that an evaluation sees.
func (in *Interp) env() starlark.StringDict {
	env := maps.Clone(in.predeclared)
	maps.Copy(env, in.globals.copy())
	return env
}

// keep stores what a chunk has defined or changed.
func (in *Interp) keep(env starlark.StringDict) {
	defs := starlark.StringDict{}
	for name, v := range env {
		if in.predeclared[name] != v {
			defs[name] = v
		}
	}
	in.globals.set(defs)
}

// Hidden are the builtins that definitions hide: "for g in gs()" at a prompt
// defines g.
func (in *Interp) Hidden() []string {
	var names []string
	for _, name := range in.globals.copy().Keys() {
		if in.predeclared.Has(name) {
			names = append(names, name)
		}
	}
	return names
}

// Forget removes the definition of name, and reports whether there was one.
func (in *Interp) Forget(name string) bool {
	defer in.globals.delete(name)
	return in.Defined(name)
}

// run calls f with a thread that ctx cancels.
func (in *Interp) run(ctx context.Context, l *loader, f func(*starlark.Thread) (starlark.Value, error)) (starlark.Value, error) {
	in.ctx = ctx
	th := in.thread("main", l)
	stop := context.AfterFunc(ctx, func() { th.Cancel("interrupted") })
	defer stop()
	v, err := f(th)
	if err != nil {
		return nil, in.explain(ctx, err)
	}
	return v, nil
}

// thread returns a thread for the file called name.
func (in *Interp) thread(name string, l *loader) *starlark.Thread {
	th := &starlark.Thread{Name: name, Print: func(_ *starlark.Thread, msg string) {
		if in.print != nil {
			in.print(msg)
		}
	}}
	th.Load = func(*starlark.Thread, string) (starlark.StringDict, error) {
		return nil, errors.New("load is for scripts")
	}
	if l != nil {
		th.Load = l.load
	}
	return th
}

// Report returns v as a report called name. Its sequences read the target
// under ctx.
func (in *Interp) Report(ctx context.Context, name string, v starlark.Value) render.Report {
	in.ctx = ctx
	r := reportOf(v)
	r.Name = name
	return r
}
