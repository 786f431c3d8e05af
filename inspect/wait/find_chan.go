package wait

import (
	"fmt"
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
)

func findNilChan(_ *Resolver, s *subject, row *Row, dst []Ref) []Ref {
	s.note = "the channel is nil"
	n := row.ref
	n.Nil = true
	return append(dst, n)
}

func findNothing(_ *Resolver, s *subject, row *Row, dst []Ref) []Ref {
	s.note = "the select has no cases"
	return append(dst, row.ref)
}

// maxSelectCases bounds the sudogs of one goroutine: select takes at most 65536
// cases (runtime/select.go).
const maxSelectCases = 1 << 16

// findChans answers for channel operations and selects from g.waiting, whose
// sudogs lead from one to the next through waitlink.
func findChans(r *Resolver, s *subject, row *Row, dst []Ref) []Ref {
	if s.Waiting == 0 {
		return append(dst, emptyWait(s, row))
	}
	from := len(dst)
	var sg rt.Sudog
	for a := s.Waiting; a != 0; a = sg.WaitLink {
		err := r.rt.LoadSudog(a, &sg)
		switch {
		case err == nil && len(dst)-from >= maxSelectCases:
			err = fmt.Errorf("g.waiting has more than %d entries, or loops", maxSelectCases)
		case err == nil && (sg.G != s.Addr || sg.C == 0):
			return dst // no case of this goroutine's any more
		}
		if err != nil {
			s.note = "unreadable: " + err.Error()
			missing := row.ref
			missing.Select = len(dst) > from
			missing.setOp(Wait)
			return append(dst, missing)
		}
		found := row.ref
		found.Addr, found.Sudog, found.Select = sg.C, sg.Addr, sg.IsSelect
		if sg.IsSelect {
			op, _ := r.direction(&sg)
			found.setOp(op)
		}
		dst = append(dst, found)
	}
	return dst
}

// emptyWait answers for a channel operation without sudogs.
func emptyWait(s *subject, row *Row) Ref {
	missing := row.ref
	if isSelectReason(row.Reason) {
		s.note = "every channel of the select is nil"
		missing.setOp(Wait)
		missing.Select, missing.Nil = true, true
		return missing
	}
	s.note = "g.waiting is empty: it is about to park, or has just been woken"
	return missing
}

func isSelectReason(reason string) bool {
	return len(reason) >= 6 && reason[:6] == "select"
}

// describeChan completes the answer for a channel.
func (r *Resolver) describeChan(on *On) {
	c, err := r.rt.ReadChan(*on.Addr)
	if err != nil {
		on.Note = "unreadable: " + err.Error()
		return
	}
	on.Type = r.rt.ChanType(&c)
	if sg, err := r.rt.ReadSudog(on.Sudog); err == nil {
		on.Elem = sg.Elem
	}
	if on.Select && on.Op == Wait {
		on.Note = "direction unknown: its sudog is in neither queue of the channel, or they are unreadable"
	}
	if t, ok := r.TimerOf(c.Addr); ok {
		if t.When != 0 {
			on.WhenNS, on.InNS = ptr(t.When), r.left(t.When)
		} else {
			on.Note = "timer channel whose timer is stopped or has fired"
		}
	}
}

// wholeSelect puts the cases of a select in order and adds those that are nil.
func (r *Resolver) wholeSelect(s *subject, list []On) []On {
	if len(list) == 0 || !list[0].Select || list[0].Addr == nil {
		return list
	}
	if last := &list[len(list)-1]; last.Addr == nil {
		last.Note = "more cases are " + last.Note
		return list
	}
	return r.selectCases(s, list)
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
func (r *Resolver) selectCases(s *subject, cases []On) []On {
	order := r.findCases(s, cases)
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
func (r *Resolver) findCases(s *subject, cases []On) []On {
	lo, hi := callerOf(s.trace(), "runtime.selectgo")
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
