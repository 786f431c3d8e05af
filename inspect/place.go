package inspect

import (
	"strings"

	"rtdbg/inspect/stack"
	"rtdbg/inspect/wake"
)

// place is the result of Place for a stack that begins at address 0.
type place struct {
	frame stack.Frame
	ok    bool
}

// Place returns the frame that tells where the program stands: the innermost
// one whose source is not Go's own library; without one, the innermost that is
// neither the runtime's nor of a package through which programs wait; and for
// the runtime's own goroutines the function in which they began. ok is false
// for a goroutine without frames.
func (g *Goroutine) Place() (frame stack.Frame, ok bool) {
	t := g.Trace()
	pl := g.p.origins.places.get(t.Stack, func() place { return g.p.place(t.Stack) })
	if pl.ok {
		pl.frame.SP += t.SP
		pl.frame.FP += t.SP
	}
	return pl.frame, pl.ok
}

// place finds the frame of st that Place returns.
func (p *Process) place(st *stack.Stack) (pl place) {
	const began, library, own = 1, 2, 3
	found := 0
	stack.Trace{Stack: st}.Each(func(f *stack.Frame) bool {
		rank := began
		switch {
		case !p.library(f.File, f.Func):
			rank = own
		case !wake.Plumbing(f.Func):
			rank = library
		case f.Func == "runtime.goexit", strings.Contains(f.Func, ".gowrap"):
			rank = 0
		}
		// Of the frames where nothing better is known the outermost tells.
		if rank > found || rank == found && rank <= began {
			found, pl.frame = rank, *f
		}
		return rank < own
	})
	pl.ok = pl.frame.Fn != nil
	return pl
}

// library reports whether a function is part of Go's own library: its source
// lies below the directory in which the runtime's lies. In a program built with
// -trimpath that directory has no name; then only a package path whose first
// element has no dot and which is not of the main module's can be one.
func (p *Process) library(file, fn string) bool {
	if root := p.goroot(); root != "" {
		return strings.HasPrefix(file, root)
	}
	path, _, _ := strings.Cut(fn, ".")
	if strings.Contains(fn, "/") {
		path, _, _ = strings.Cut(fn, "/")
	}
	if path == "main" || strings.Contains(path, ".") {
		return false
	}
	return path != p.mainModule()
}

// goroot returns the source directory of Go's library as the program records
// it, with a final slash; "" with -trimpath.
func (p *Process) goroot() string {
	p.gorootOnce.Do(func() {
		if f := p.pcln.FuncByName("runtime.gopark"); f != nil {
			file, _ := f.Line(f.Entry)
			p.gorootDir, _ = strings.CutSuffix(file, "runtime/proc.go")
		}
	})
	return p.gorootDir
}

// mainModule returns the first element of the main module's path.
func (p *Process) mainModule() string {
	if p.exe == nil {
		return ""
	}
	b, err := p.exe.BuildInfo()
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(b.Main.Path, "/")
	return first
}
