package pcln

import "fmt"

// OpenDefers says where a function that calls its deferred functions itself
// keeps track of them. Offsets are in bytes, downwards from the top of the
// frame's locals (varp in runtime/panic.go).
type OpenDefers struct {
	// Bits is the offset of a byte whose bit i says that call i is pending.
	Bits uint32
	// Slots are the offsets of the function values, by number of the call.
	// Up to Go 1.21 there is one for each; later the calls that do not exist
	// have one too, outside of what their bits can say.
	Slots []uint32
}

// maxOpenDefers is the number of such calls in a function at most, that of the
// bits in a byte (maxOpenDefers, cmd/compile/internal/walk).
const maxOpenDefers = 8

// OpenDefers reads FUNCDATA_OpenCodedDeferInfo: as runtime.runOpenDeferFrame
// up to Go 1.21, later as (*_panic).initOpenCodedDefers (runtime/panic.go).
// ok is false for a function that has none.
func (f *Func) OpenDefers() (od OpenDefers, ok bool, err error) {
	at := f.FuncData(FuncDataOpenCodedDeferInfo)
	if at == 0 {
		return od, false, nil
	}
	const longest = (2 + maxOpenDefers) * 5
	b, err := f.mod.tab.v.View(at, longest)
	if err != nil {
		// The table may end where its memory does.
		if b, err = f.mod.tab.v.View(at, longest/4); err != nil {
			return od, true, fmt.Errorf("pcln: deferred calls of %s: %w", f.Name, err)
		}
	}
	next := func() uint32 {
		v, n := readvarint(b)
		b = b[n:]
		return v
	}
	od.Bits = next()
	if f.mod.tab.minor >= 22 {
		first := next()
		for i := uint32(0); i < maxOpenDefers && 8*i <= first; i++ {
			od.Slots = append(od.Slots, first-8*i)
		}
		return od, true, nil
	}
	n := next()
	if n > maxOpenDefers {
		return od, true, fmt.Errorf("pcln: %d deferred calls of %s: corrupt", n, f.Name)
	}
	od.Slots = make([]uint32, n)
	for i := int(n) - 1; i >= 0; i-- {
		od.Slots[i] = next()
	}
	return od, true, nil
}
