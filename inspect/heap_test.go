package inspect_test

import (
	"context"
	"testing"

	"rtdbg/inspect/heap"
	"rtdbg/inspect/internal/target"
)

// The heap knows the objects that the target allocated one by one, and that
// package-level variables and stacks are none.
func TestHeapKnowsTheTargetsObjects(t *testing.T) {
	for _, version := range newest {
		t.Run(orHost(version), func(t *testing.T) {
			c := target.Take(t, target.Spec{Program: "locks", Go: version}, target.Options{}, target.Kernel)
			p := open(t, c)
			h, err := heap.Open(context.Background(), p.RT)
			if err != nil {
				t.Fatal(err)
			}
			// The locks are the first fields of objects of their own.
			for _, key := range []string{"abba.a", "cond", "rwread", "rwwrite"} {
				a := addr(c.Vars.Addr(t, key))
				o, ok := h.Object(a + 1)
				if !ok || o.Addr != a || !o.Contains(a) || o.Contains(a-1) || o.Size < 16 || o.Size > 256 {
					t.Errorf("%s at %v: object %+v, %v", key, a, o, ok)
				}
			}
			// Two locks of one allocation are in one object.
			first, _ := h.Object(addr(c.Vars.Addr(t, "collide0")))
			last, _ := h.Object(addr(c.Vars.Addr(t, "collide3")))
			if first != last || first.Size < 6000 {
				t.Errorf("an array of locks: %+v and %+v", first, last)
			}
			g := goroutine(t, p, 1)
			for _, a := range []uint64{uint64(g.SchedSP), uint64(p.RT.Globals.AllGs), uint64(g.StartPC), 0, ^uint64(0)} {
				if o, ok := h.Object(addr(a)); ok {
					t.Errorf("%#x is in the heap: %+v", a, o)
				}
			}
			if n := h.InUse(); n < 1<<16 || n > 1<<30 {
				t.Errorf("%d bytes of heap in use", n)
			}
		})
	}
}

// What a root refers to is reached, through any number of objects; what only a
// waiting goroutine refers to is not.
func TestMarkReachesWhatTheRootsReferTo(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "leaks"}, target.Options{}, target.Kernel)
	p := open(t, c)
	h, err := heap.Open(context.Background(), p.RT)
	if err != nil {
		t.Fatal(err)
	}
	object := func(key string) heap.Object {
		on := goroutine(t, p, c.Vars.Int(t, key+".goid")).WaitsOn()
		o, ok := h.Object(*on[0].Addr)
		if !ok {
			t.Fatalf("%s waits on %v, which is not in the heap", key, *on[0].Addr)
		}
		return o
	}
	m := h.NewMark()
	for _, g := range goroutines(t, p) {
		m.Skip(g.Addr)
		for _, on := range g.WaitsOn() {
			m.Skip(on.Sudog)
		}
	}
	if err := m.Roots(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := m.Spread(context.Background()); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"global": true, "registered": true, "registeredmutex": true, "afterfunc": true, "recv": false, "mutex": false, "ab": false} {
		if got := m.Reached(object(key).Addr); got != want {
			t.Errorf("%s: reached = %v, want %v", key, got, want)
		}
	}
	if err := m.Unread(); err != nil {
		t.Error(err)
	}
}
