package star

import (
	"maps"
	"sync"

	"go.starlark.net/starlark"
)

// names are definitions that outlive an evaluation. They may be looked at while
// an evaluation that was interrupted comes to its end.
type names struct {
	mu   sync.Mutex
	dict starlark.StringDict
}

func (n *names) get(name string) (starlark.Value, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v, ok := n.dict[name]
	return v, ok
}

func (n *names) set(defs starlark.StringDict) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dict == nil {
		n.dict = starlark.StringDict{}
	}
	maps.Copy(n.dict, defs)
}

func (n *names) delete(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.dict, name)
}

// copy returns all definitions.
func (n *names) copy() starlark.StringDict {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.dict)
}
