package wait

import (
	"fmt"
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

func findNilChan(_ *Resolver, _ *rt.G, row *Row) []On {
	return []On{{Kind: Chan, Op: row.Op, Nil: true, Note: "the channel is nil"}}
}

func findNothing(_ *Resolver, _ *rt.G, row *Row) []On {
	return []On{{Kind: row.Kind, Op: row.Op, Note: "the select has no cases"}}
}

// findChans answers for channel operations and selects from g.waiting.
func findChans(r *Resolver, g *rt.G, row *Row) []On {
	sudogs, err := r.rt.WaitingSudogs(g)
	if err != nil && len(sudogs) == 0 {
		return []On{{Kind: Chan, Op: row.Op, Note: "unreadable: " + err.Error()}}
	}
	if len(sudogs) == 0 {
		if isSelectReason(row.Reason) {
			return []On{{Kind: Chan, Op: Wait, Select: true, Nil: true, Note: "every channel of the select is nil"}}
		}
		return []On{{Kind: Chan, Op: row.Op, Note: "g.waiting is empty: it is about to park, or has just been woken"}}
	}
	var list []On
	for i := range sudogs {
		list = append(list, r.chanOn(&sudogs[i], row))
	}
	if sudogs[0].IsSelect {
		list = r.selectCases(g, list)
	}
	if err != nil {
		list = append(list, On{Kind: Chan, Op: Wait, Select: true, Note: "more cases are unreadable: " + err.Error()})
	}
	return list
}

func isSelectReason(reason string) bool {
	return len(reason) >= 6 && reason[:6] == "select"
}

// chanOn answers for one sudog on a channel.
func (r *Resolver) chanOn(s *rt.Sudog, row *Row) On {
	on := On{Kind: Chan, Op: row.Op, Addr: ptr(s.C), Select: s.IsSelect, Sudog: s.Addr, Elem: s.Elem}
	c, err := r.rt.ReadChan(s.C)
	if err != nil {
		on.Note = "unreadable: " + err.Error()
		return on
	}
	on.Type = r.rt.ChanType(&c)
	if s.IsSelect {
		op, err := r.direction(&c, s.Addr)
		on.Op = op
		if err != nil {
			on.Note = "direction unknown: " + err.Error()
		}
	}
	if t, ok := r.TimerOf(c.Addr); ok {
		if t.When != 0 {
			on.WhenNS, on.InNS = ptr(t.When), r.left(t.When)
		} else {
			on.Note = "timer channel whose timer is stopped or has fired"
		}
	}
	return on
}

// direction tells whether the sudog at a waits to receive or to send. A sudog
// has no direction of its own: the queue that it stands in says it.
func (r *Resolver) direction(c *rt.Hchan, a mem.Addr) (Op, error) {
	switch {
	case c.SendFirst == 0 && c.RecvFirst != 0:
		return Recv, nil
	case c.RecvFirst == 0 && c.SendFirst != 0:
		return Send, nil
	}
	r.dirMu.Lock()
	defer r.dirMu.Unlock()
	dirs, ok := r.dirs[c.Addr]
	if !ok {
		dirs = make(map[mem.Addr]Op)
		for _, q := range [...]struct {
			first mem.Addr
			op    Op
		}{{c.RecvFirst, Recv}, {c.SendFirst, Send}} {
			list, _ := r.rt.SudogQueue(q.first)
			for i := range list {
				dirs[list[i].Addr] = q.op
			}
		}
		r.dirs[c.Addr] = dirs
	}
	if op, ok := dirs[a]; ok {
		return op, nil
	}
	return Wait, fmt.Errorf("sudog %v is in neither queue of the channel", a)
}

// scase is one entry of the array that the compiler builds for a select
// (runtime.scase, select.go): channel and element, two words.
const scaseWords = 2

// maxScaseFrame bounds the frame that is searched for the array, in bytes.
const maxScaseFrame = 1 << 20

// selectCases puts the cases of a select in order and adds the nil ones.
// g.waiting is in the order of addresses; the array of cases lies in the
// frame that called selectgo: sends first in source order, then receives in
// reverse source order (cmd/compile/internal/walk/select.go). With sends and
// receives mixed their order among each other is not in the array.
func (r *Resolver) selectCases(g *rt.G, cases []On) []On {
	order := r.findCases(g, cases)
	if order == nil {
		return cases
	}
	var sends, recvs []On
	for _, on := range order {
		if on.Op == Send {
			sends = append(sends, on)
		} else {
			recvs = append(recvs, on)
		}
	}
	slices.Reverse(recvs)
	all := append(sends, recvs...)
	if len(sends) == 0 || len(recvs) == 0 {
		for i := range all {
			all[i].Case = ptr(i)
		}
	}
	return all
}

// findCases finds the array of cases on the stack and returns its entries in
// the array's order, nil if it was not found. Entries that are nil between two
// others are nil channels.
func (r *Resolver) findCases(g *rt.G, cases []On) []On {
	lo, hi := callerOf(r.stacks.Trace(g), "runtime.selectgo")
	if lo == 0 || hi-lo > maxScaseFrame {
		return nil
	}
	b, err := r.rt.Mem.View(lo, int(hi-lo))
	if err != nil {
		return nil
	}
	words := make([]mem.Addr, len(b)/8)
	for i := range words {
		words[i] = mem.Addr(r.rt.Arch.Order.Uint64(b[8*i:]))
	}
	index := make(map[mem.Addr][]int, len(cases))
	for i := range cases {
		index[*cases[i].Addr] = append(index[*cases[i].Addr], i)
	}
	for start := range words {
		if _, ok := index[words[start]]; ok {
			if order := matchCases(words[start:], cases, index); order != nil {
				return order
			}
		}
	}
	return nil
}

// matchCases reads cases from words until all of them are found once.
func matchCases(words []mem.Addr, cases []On, index map[mem.Addr][]int) []On {
	var order []On
	used := make([]bool, len(cases))
	left := len(cases)
	for i := 0; left > 0; i += scaseWords {
		if i+1 >= len(words) {
			return nil
		}
		c, elem := words[i], words[i+1]
		if c == 0 {
			order = append(order, On{Kind: Chan, Op: Recv, Select: true, Nil: true, Note: "the channel is nil"})
			continue
		}
		at := slices.IndexFunc(index[c], func(j int) bool { return !used[j] && cases[j].Elem == elem })
		if at < 0 {
			return nil
		}
		j := index[c][at]
		used[j] = true
		left--
		if cases[j].Op == Send {
			// A nil case before a send is a send: sends come first.
			for k := range order {
				if order[k].Nil {
					order[k].Op = Send
				}
			}
		}
		order = append(order, cases[j])
	}
	return order
}
