package wait

import (
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
)

// scaseWords is the size in words of runtime.scase (select.go): channel and
// element.
const scaseWords = 2

// maxSelectFrame bounds the part of a stack that is searched for the cases of a
// select, in bytes: an array of 65536 cases fills 1 MiB.
const maxSelectFrame = 2 << 20

// selectCases puts the cases of a select in order and adds the nil ones.
// g.waiting is in the order of addresses; the compiler's array of cases lies in
// the frame that called selectgo: sends first in source order, then receives in
// reverse source order (cmd/compile/internal/walk/select.go). With sends and
// receives mixed their order among each other is not in the array.
func (r *Resolver) selectCases(s *subject, cases []On) []On {
	tr := s.trace()
	at := physical(tr, "runtime.selectgo") + 1
	if at == 0 || at >= len(tr.Stack.Frames) {
		return cases
	}
	if tr.Stack.Frames[at].Func.Name == "reflect.rselect" {
		if all := r.reflectCases(s, at, cases); all != nil {
			return all
		}
		return cases
	}
	array, whole := r.caseArray(tr, at, cases)
	if array == nil {
		return cases
	}
	return sourceOrder(array, whole)
}

// caseIndex finds the case of a channel and an element, each once.
type caseIndex struct {
	cases []On
	used  []bool
	at    map[mem.Addr][]int // by channel
}

func newCaseIndex(cases []On) *caseIndex {
	x := &caseIndex{cases: cases, used: make([]bool, len(cases)), at: make(map[mem.Addr][]int, len(cases))}
	for i := range cases {
		x.at[*cases[i].Addr] = append(x.at[*cases[i].Addr], i)
	}
	return x
}

// take returns the first case of channel c that fits and was not taken before,
// -1 if there is none.
func (x *caseIndex) take(c mem.Addr, fits func(on *On) bool) int {
	for _, i := range x.at[c] {
		if !x.used[i] && fits(&x.cases[i]) {
			x.used[i] = true
			return i
		}
	}
	return -1
}

// caseArray returns the cases in the order of the compiler's array, with those
// that are nil; nil if the array was not found. Whole says that its bounds are
// known: without them nil channels at its ends are missed.
func (r *Resolver) caseArray(tr *stack.Trace, frame int, cases []On) (array []On, whole bool) {
	if r.objects != nil {
		r.objects(*tr, frame, func(o mem.Range) {
			if array != nil || o.Size()%(8*scaseWords) != 0 || o.Size() < uint64(8*scaseWords*len(cases)) {
				return
			}
			if words := r.words(o.Start, o.End); words != nil {
				if found, left := matchCases(words, newCaseIndex(cases)); left == 0 && len(found)*scaseWords == len(words) {
					array = found
				}
			}
		})
		if array != nil {
			return array, true
		}
	}
	f := &tr.Stack.Frames[frame]
	words := r.words(tr.SP+mem.Addr(f.SP), tr.SP+mem.Addr(f.FP))
	starts := make(map[mem.Addr]bool, len(cases))
	for i := range cases {
		starts[*cases[i].Addr] = true
	}
	for i := range words {
		if !starts[words[i]] {
			continue
		}
		if found, left := matchCases(words[i:], newCaseIndex(cases)); left == 0 {
			for len(found) > 0 && found[len(found)-1].Nil {
				found = found[:len(found)-1] // what follows need not belong to it
			}
			return found, false
		}
	}
	return nil, false
}

// words reads the words from lo up to hi, nil if they are unreadable.
func (r *Resolver) words(lo, hi mem.Addr) []mem.Addr {
	if hi <= lo || hi-lo > maxSelectFrame {
		return nil
	}
	b, err := r.rt.Mem.View(lo, int(hi-lo)&^7)
	if err != nil {
		return nil
	}
	words := make([]mem.Addr, len(b)/8)
	for i := range words {
		words[i] = mem.Addr(r.rt.Arch.Order.Uint64(b[8*i:]))
	}
	return words
}

// matchCases reads cases from words as far as they are cases of the select or
// nil, and returns how many of the select's it did not meet. A nil case has
// the operation Wait where its direction is open.
func matchCases(words []mem.Addr, x *caseIndex) (found []On, left int) {
	left = len(x.cases)
	for i := 0; i+1 < len(words); i += scaseWords {
		c, elem := words[i], words[i+1]
		if c == 0 {
			found = append(found, nilCase(elem))
			continue
		}
		j := x.take(c, func(on *On) bool { return on.Elem == elem })
		if j < 0 {
			break
		}
		left--
		found = append(found, x.cases[j])
	}
	return found, left
}

// nilCase is a case on a nil channel. One without an element receives.
func nilCase(elem mem.Addr) On {
	on := On{Kind: Chan, Op: Wait, Select: true, Nil: true, Note: "the channel is nil"}
	if elem == 0 {
		on.Op = Recv
	}
	return on
}

// sourceOrder turns the array's order into that of the source, sends before
// receives.
func sourceOrder(array []On, whole bool) []On {
	direct(array)
	var sends, recvs []On
	open := false
	for _, on := range array {
		open = open || on.Op == Wait
		if on.Op == Send {
			sends = append(sends, on)
		} else {
			recvs = append(recvs, on)
		}
	}
	slices.Reverse(recvs)
	all := append(sends, recvs...)
	if whole && !open && (len(sends) == 0 || len(recvs) == 0) {
		for i := range all {
			all[i].Case = ptr(i)
		}
	}
	return all
}

// direct gives nil cases the direction that their place proves: sends stand
// before receives.
func direct(array []On) {
	for i, seen := len(array)-1, false; i >= 0; i-- {
		seen = seen || array[i].Op == Send
		if array[i].Nil && seen {
			array[i].Op = Send
		}
	}
	seen := false
	for i := range array {
		seen = seen || array[i].Op == Recv
		if array[i].Nil && seen && array[i].Op == Wait {
			array[i].Op = Recv
		}
	}
}

// runtimeSelectWords is the size in words of runtime.runtimeSelect (select.go):
// direction, type, channel and value.
const runtimeSelectWords = 4

// The directions of a runtimeSelect (reflect.SelectDir).
const (
	selectSend    = 1
	selectRecv    = 2
	selectDefault = 3
)

// reflectCases returns the cases of reflect.Select in the order of its argument,
// from the slice that reflect made for the runtime; nil if that was not found.
func (r *Resolver) reflectCases(s *subject, frame int, cases []On) []On {
	tr := s.trace()
	const callers = 2 // reflect.rselect and reflect.Select
	last := &tr.Stack.Frames[min(frame+callers, len(tr.Stack.Frames)-1)]
	words := r.words(tr.SP+mem.Addr(tr.Stack.Frames[frame].SP), tr.SP+mem.Addr(last.FP))
	for i := 0; i+2 < len(words); i++ {
		n := words[i+1]
		if !plausible(words[i]) || n < mem.Addr(len(cases)) || n > maxSelectCases || n > words[i+2] {
			continue
		}
		list := r.words(words[i], words[i]+n*8*runtimeSelectWords)
		if all := matchReflect(list, newCaseIndex(cases)); all != nil {
			return all
		}
	}
	return nil
}

// matchReflect reads runtimeSelects from words; nil unless each is valid and
// each case of the select is among them.
func matchReflect(words []mem.Addr, x *caseIndex) []On {
	var all []On
	left := len(x.cases)
	for i := 0; i+runtimeSelectWords <= len(words); i += runtimeSelectWords {
		op := Recv
		switch words[i] {
		case selectSend:
			op = Send
		case selectRecv:
		case selectDefault:
			continue
		default:
			return nil
		}
		on := On{Kind: Chan, Op: op, Select: true, Nil: true, Note: "the channel is nil"}
		if c := words[i+2]; c != 0 {
			j := x.take(c, func(on *On) bool { return on.Op == op })
			if j < 0 {
				return nil
			}
			on = x.cases[j]
			left--
		}
		on.Case = ptr(i / runtimeSelectWords)
		all = append(all, on)
	}
	if left > 0 {
		return nil
	}
	return all
}
