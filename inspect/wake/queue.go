package wake

import (
	"fmt"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// maxQueue bounds the queues in which places are counted.
const maxQueue = 1000

// place is where a goroutine stands in the queue of an object, from 0, among
// how many.
type place struct{ at, of int }

// placesIn returns the places of the goroutines that wait on object n, as far
// as their sudogs say: empty for a queue that is long, or that was not found.
// The result is shared.
func (a *Analyzer) placesIn(n int) map[int32]place {
	if v, ok := a.queues.Load(n); ok {
		return v.(map[int32]place)
	}
	v, _ := a.queues.LoadOrStore(n, a.readPlaces(n))
	return v.(map[int32]place)
}

func (a *Analyzer) readPlaces(n int) map[int32]place {
	places := make(map[int32]place)
	ws := a.waitersOf(n)
	if len(ws) > maxQueue {
		return places
	}
	type link struct {
		g    int32
		next mem.Addr
	}
	links, behind := make(map[mem.Addr]link), make(map[mem.Addr]bool)
	for _, w := range ws {
		for _, x := range a.waitsOf(int(w.g)) {
			if x.obj != int32(n) || x.Sudog == 0 {
				continue
			}
			var s rt.Sudog
			if a.rt.LoadSudog(x.Sudog, &s) != nil {
				return places
			}
			// Semaphores have the treap in next and the queue in waitlink
			// (runtime.semaRoot.queue, sema.go).
			next := s.WaitLink
			if a.objects[n].kind == wait.Cond {
				next = s.Next
			}
			links[x.Sudog] = link{w.g, next}
			behind[next] = true
		}
	}
	for first := range links {
		if behind[first] {
			continue
		}
		var queue []int32
		for l, ok := links[first]; ok && len(queue) < len(links); l, ok = links[l.next] {
			queue = append(queue, l.g)
		}
		for at, g := range queue {
			places[g] = place{at, len(queue)}
		}
	}
	return places
}

// queueWords says where goroutine i stands in the queue of the lock n, on which
// others wait too, and in which order they are served.
func (a *Analyzer) queueWords(i, n int) []string {
	var words []string
	if a.objects[n].kind == wait.Chan {
		return nil
	}
	if p, ok := a.placesIn(n)[int32(i)]; ok && p.of > 1 {
		words = append(words, fmt.Sprintf("%d of the %d in the queue are in front of goroutine %d", p.at, p.of, a.gs[i].Goid))
	}
	if a.objects[n].kind == wait.Mutex {
		if m, err := a.rt.ReadMutex(a.objects[n].addr); err == nil && m.Starving {
			words = append(words, "the mutex is starving: Unlock hands it to the first in the queue")
		}
	}
	return words
}
