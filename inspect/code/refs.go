package code

import (
	"fmt"
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/pcln"
)

// Refs returns the words of package-level variables that the code of f names,
// in the order of its instructions, each as often as it is named. It answers for
// functions of the runtime too, of which nothing else here is read.
func (p *Program) Refs(f *pcln.Func) ([]mem.Addr, error) {
	code := p.code(f)
	if code == nil {
		return nil, fmt.Errorf("code: %s cannot be read", f.Name)
	}
	var refs []mem.Addr
	whole := p.machine.walk(code, f.Entry, func(in *inst, _ *registers) bool {
		if in.ref != 0 && p.inData(in.ref) {
			refs = append(refs, in.ref)
		}
		return true
	})
	if !whole {
		return nil, fmt.Errorf("code: %s has an instruction that is not understood", f.Name)
	}
	return refs, nil
}

// Calls reports whether the code of f has a direct call of a function whose name
// begins with prefix. It answers for functions of the runtime too.
func (p *Program) Calls(f *pcln.Func, prefix string) (bool, error) {
	code := p.code(f)
	if code == nil {
		return false, fmt.Errorf("code: %s cannot be read", f.Name)
	}
	found := false
	whole := p.machine.walk(code, f.Entry, func(in *inst, _ *registers) bool {
		if in.kind == call {
			to := p.table.Func(f.Entry + mem.Addr(in.to))
			found = found || to != nil && strings.HasPrefix(to.Name, prefix)
		}
		return !found
	})
	if !whole {
		return false, fmt.Errorf("code: %s has an instruction that is not understood", f.Name)
	}
	return found, nil
}
