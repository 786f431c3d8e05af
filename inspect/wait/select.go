package wait

import (
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
)

// scaseWords is the size in words of runtime.scase (select.go): channel and
// element.
const scaseWords = 2

// SelectCall is how a function hands the cases of a select statement to
// runtime.selectgo: as an array in its frame, the sends in front.
type SelectCall struct {
	// Array is the offset of the array from the frame's SP, in bytes.
	Array int64
	// Sends and Recvs are the numbers of cases, those on nil channels
	// included.
	Sends, Recvs int
	// Order lists the places in the array in the order of the source, nil
	// where that is not known; Lines are the lines of the source by place, 0
	// for one that is not known.
	Order, Lines []int
}

// selectCases puts the cases of a select in the order of the source and adds
// those that are nil. g.waiting is in the order of addresses; what the compiler
// or reflect made of the statement lies in the frame that called selectgo.
func (r *Resolver) selectCases(s *subject, cases []On) []On {
	tr := s.trace()
	at := physical(tr, "runtime.selectgo") + 1
	if at == 0 || at >= len(tr.Stack.Frames) {
		return cases
	}
	var all []On
	if tr.Stack.Frames[at].Func.Name == "reflect.rselect" {
		all = r.reflectCases(s, at, cases)
	} else {
		all = r.arrayCases(tr, at, cases)
	}
	if all == nil {
		return cases
	}
	return all
}

// arrayCases returns the cases as the array in a frame has them, nil if that was
// not found or is not the select that the goroutine waits in. Without the order
// of the source sends come before receives.
func (r *Resolver) arrayCases(tr *stack.Trace, frame int, cases []On) []On {
	f := &tr.Stack.Frames[frame]
	call, ok := r.selectCall(f.PC)
	if !ok {
		return nil
	}
	n := call.Sends + call.Recvs
	lo := tr.SP + mem.Addr(f.SP) + mem.Addr(call.Array)
	words := r.words(lo, lo+mem.Addr(8*scaseWords*n))
	if len(words) != scaseWords*n {
		return nil
	}
	array := matchCases(words, call.Sends, newCaseIndex(cases))
	if array == nil {
		return nil
	}
	for i := range array {
		if line := call.Lines[i]; line != 0 {
			array[i].Line = ptr(line)
		}
	}
	if call.Order == nil {
		slices.Reverse(array[call.Sends:])
		return array
	}
	sorted := make([]On, n)
	for place, i := range call.Order {
		sorted[place] = array[i]
		sorted[place].Case = ptr(place)
	}
	return sorted
}

// selectCall asks once for each place in the code how it calls selectgo.
func (r *Resolver) selectCall(pc mem.Addr) (SelectCall, bool) {
	if r.selects == nil {
		return SelectCall{}, false
	}
	if known, ok := r.selectCalls.Load(pc); ok {
		c := known.(SelectCall)
		return c, c.Sends+c.Recvs > 0
	}
	c, ok := r.selects(pc)
	if !ok {
		c = SelectCall{}
	}
	r.selectCalls.Store(pc, c)
	return c, ok
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

// maxWords bounds the words that are read at once, in bytes: the cases of a
// select fill at most 2 MiB.
const maxWords = 2 << 20

// words reads the words from lo up to hi, nil if they are unreadable.
func (r *Resolver) words(lo, hi mem.Addr) []mem.Addr {
	if hi <= lo || hi-lo > maxWords {
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

// matchCases reads the array of cases, of which the first so many send; nil
// unless each case of the select is among them, and no other.
func matchCases(words []mem.Addr, sends int, x *caseIndex) []On {
	var array []On
	left := len(x.cases)
	for i := 0; i+1 < len(words); i += scaseWords {
		c, elem, op := words[i], words[i+1], Recv
		if len(array) < sends {
			op = Send
		}
		if c == 0 {
			array = append(array, nilCase(op))
			continue
		}
		j := x.take(c, func(on *On) bool { return on.Elem == elem && (on.Op == op || on.Op == Wait) })
		if j < 0 {
			return nil
		}
		left--
		on := x.cases[j]
		if on.Op == Wait {
			on.Op, on.Note = op, ""
		}
		array = append(array, on)
	}
	if left > 0 {
		return nil
	}
	return array
}

// nilCase is a case on a nil channel.
func nilCase(op Op) On {
	return On{Kind: Chan, Op: op, Select: true, Nil: true, Note: "the channel is nil"}
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
	var lengths []mem.Addr
	for i, n := range words {
		if n < max(mem.Addr(len(cases)), 1) || n > maxSelectCases {
			continue
		}
		if i > 0 && i+1 < len(words) && n <= words[i+1] {
			// The slice as a whole.
			if all := r.reflectSlice(words[i-1], n, cases); all != nil {
				return all
			}
		}
		if !slices.Contains(lengths, n) && len(lengths) < maxLengths {
			lengths = append(lengths, n)
		}
	}
	// Not all of it need be kept, or not side by side. What follows the slice
	// is no case, so that the longest list of cases is the slice.
	slices.Sort(lengths)
	slices.Reverse(lengths)
	for _, n := range lengths {
		for _, w := range words {
			if all := r.reflectSlice(w, n, cases); all != nil {
				return all
			}
		}
	}
	return nil
}

// maxLengths bounds the numbers on a stack that are tried as the number of cases.
const maxLengths = 16

// reflectSlice reads n runtimeSelects at a, nil if there are none.
func (r *Resolver) reflectSlice(a, n mem.Addr, cases []On) []On {
	if !plausible(a) {
		return nil
	}
	return matchReflect(r.words(a, a+n*8*runtimeSelectWords), newCaseIndex(cases))
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
		on := nilCase(op)
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
	if left > 0 || len(all) == 0 {
		return nil
	}
	return all
}
