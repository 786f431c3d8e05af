package wait

import (
	"sync"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

// directions tell whether a case of a select receives or sends. A sudog has no
// direction of its own: the queue that it stands in says it. Of a channel that
// has both queues, which only selects bring about, the shorter one is kept.
type directions struct {
	mu     sync.Mutex
	byChan map[mem.Addr]*shorter
}

// shorter is the shorter of the two wait queues of a channel.
type shorter struct {
	sudogs map[mem.Addr]bool
	// op is that of the shorter queue, other that of the longer; Wait where
	// the queues could not be read so far.
	op, other Op
}

// direction tells whether s, an entry of a channel's queue, waits to receive or
// to send; ok is false if it is in neither queue or they are unreadable.
func (r *Resolver) direction(s *rt.Sudog) (op Op, ok bool) {
	ends, err := r.rt.ReadChanEnds(s.C)
	switch {
	case err != nil, ends == rt.ChanEnds{}:
		return Wait, false
	case ends.SendFirst == 0, s.Addr == ends.RecvFirst:
		return Recv, true
	case ends.RecvFirst == 0, s.Addr == ends.SendFirst:
		return Send, true
	case s.Prev == 0:
		return Wait, false // in neither
	}
	d := &r.dirs
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.byChan[s.C]
	if q == nil {
		if d.byChan == nil {
			d.byChan = make(map[mem.Addr]*shorter)
		}
		q = r.shorterQueue(ends)
		d.byChan[s.C] = q
	}
	op = q.other
	if q.sudogs[s.Addr] {
		op = q.op
	}
	return op, op != Wait
}

// shorterQueue follows both queues of a channel in step until one of them ends.
func (r *Resolver) shorterQueue(ends rt.ChanEnds) *shorter {
	recv, send := make(map[mem.Addr]bool), make(map[mem.Addr]bool)
	next := func(at mem.Addr, seen map[mem.Addr]bool) (mem.Addr, bool) {
		var s rt.Sudog
		if seen[at] || r.rt.LoadSudog(at, &s) != nil {
			return 0, false
		}
		seen[at] = true
		return s.Next, true
	}
	recvOK, sendOK := true, true
	for a, b := ends.RecvFirst, ends.SendFirst; ; {
		if a, recvOK = next(a, recv); !recvOK {
			break
		}
		if a == 0 {
			return &shorter{recv, Recv, Send}
		}
		if b, sendOK = next(b, send); !sendOK {
			break
		}
		if b == 0 {
			return &shorter{send, Send, Recv}
		}
	}
	// One of them cannot be followed to its end: what was seen is known.
	if !recvOK {
		return &shorter{send, Send, Wait}
	}
	return &shorter{recv, Recv, Wait}
}
