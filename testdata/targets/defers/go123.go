//go:build go1.23

package main

import "sync"

// ranges starts a goroutine whose deferred calls are in a range-over-func loop.
func ranges(start func(string, func(*things))) {
	start("rangefunc", func(t *things) {
		defer t.b.Unlock()
		for m := range t.each {
			m.Lock()
			defer m.Unlock()
		}
		defer close(t.c)
		l := t.list
		is("rangefunc", call("close", t.c), call("unlock", l[2]), call("unlock", l[1]), call("unlock", l[0]), call("unlock", &t.b))
		<-never
	})
}

func (t *things) each(yield func(*sync.Mutex) bool) {
	for _, m := range t.list {
		if !yield(m) {
			return
		}
	}
}
