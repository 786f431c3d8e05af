package wait

import (
	"fmt"

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
func (r *Resolver) describeChan(s *subject, on *On) {
	c, err := r.rt.ReadChan(*on.Addr)
	if err != nil {
		on.Note = "unreadable: " + err.Error()
		return
	}
	on.Type = r.rt.ChanType(&c)
	if sg, err := r.rt.ReadSudog(on.Sudog); err == nil {
		on.Elem = sg.Elem
	}
	if on.Op == Send && on.Elem != 0 && c.ElemSize > 0 {
		on.Value = r.rt.Value(c.ElemType, on.Elem)
	}
	if on.Select && on.Op == Wait {
		on.Note = "direction unknown: its sudog is in neither queue of the channel, or they are unreadable"
	}
	if on.Op == Recv && c.ElemSize == 0 && c.DataQSiz == 0 {
		on.Context = r.Context(s.G, c.Addr)
	}
	if on.Op == Recv && on.Type == "chan error" {
		on.Child = r.child(s, true)
	}
	if on.Op == Recv && on.Type == "chan os.Signal" {
		on.Signals = r.Signals(c.Addr)
	}
	if t, ok := r.TimerOf(c.Addr); ok {
		if t.When != 0 {
			on.WhenNS, on.InNS = ptr(t.When), r.leftOf(s.G, t.When)
		} else {
			on.Note = "timer channel whose timer is stopped or has fired"
		}
	} else if on.Type == "chan time.Time" && on.Op == Recv && c.DataQSiz == 1 && r.TimersErr() == nil {
		on.Note = "no timer will send to it: if it is a timer's, that is stopped or has fired"
	}
}

// wholeSelect puts the cases of a select in order and adds those that are nil.
func (r *Resolver) wholeSelect(s *subject, list []On) []On {
	if len(list) == 0 || !list[0].Select {
		return list
	}
	if list[0].Nil {
		if all := r.selectCases(s, nil); all != nil {
			return all
		}
		return list
	}
	if last := &list[len(list)-1]; last.Addr == nil {
		last.Note = "more cases are " + last.Note
		return list
	}
	return r.selectCases(s, list)
}
