package inspect

import "sync"

// memo keeps what was computed for a key: for each distinct stack, or pc,
// what goroutines would else ask for one by one. Its zero value is empty.
type memo[K comparable, V any] struct {
	mu sync.RWMutex
	m  map[K]V
}

// get returns the value for k, which compute gives the first time.
func (m *memo[K, V]) get(k K, compute func() V) V {
	m.mu.RLock()
	v, ok := m.m[k]
	m.mu.RUnlock()
	if ok {
		return v
	}
	v = compute()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.m == nil {
		m.m = make(map[K]V)
	}
	m.m[k] = v
	return v
}
