package rt

import (
	"fmt"

	"rtdbg/inspect/mem"
)

// Defer is a deferred call that is recorded on a goroutine's list
// (runtime._defer, runtime2.go). Those that the compiler keeps in the frame
// itself, as open-coded ones, are not there.
type Defer struct {
	// SP is the stack pointer of the frame that deferred the call.
	SP mem.Addr
	// Fn is the address of the function value to call, 0 for none.
	Fn mem.Addr
	// Started says that the call is in progress (up to Go 1.21; later
	// versions take the record from the list first). Open says that the
	// record stands for all open-coded calls of the frame, while it panics
	// (up to Go 1.21).
	Started, Open bool
}

// deferRecord is what is read of runtime._defer. The calls that the body of a
// range-over-func loop defers are on a list of their own, head (since Go 1.22).
type deferRecord struct {
	Started   uint8    `rt:"started,optional"`
	OpenDefer uint8    `rt:"openDefer,optional"`
	RangeFunc uint8    `rt:"rangefunc,optional"`
	SP        mem.Addr `rt:"sp"`
	Fn        mem.Addr `rt:"fn"`
	Link      mem.Addr `rt:"link"`
	Head      mem.Addr `rt:"head,optional"`
}

// maxDefers bounds the lists of deferred calls that are followed.
const maxDefers = 1 << 16

// badDefer ends the list of a range-over-func loop whose calls were moved to
// the goroutine's own list (runtime.badDefer, panic.go).
const badDefer = 1

// Defers calls visit for the deferred calls recorded on g's list, the last one
// deferred first.
func (r *Runtime) Defers(g *G, visit func(Defer)) error {
	n := 0
	return r.defers(g.Defer, 0, &n, visit)
}

// defers follows the list that begins at a. sp is not 0 on the list of a
// range-over-func loop, whose records do not say to which frame they belong.
func (r *Runtime) defers(a, sp mem.Addr, n *int, visit func(Defer)) error {
	for a != 0 && a != badDefer {
		if *n++; *n > maxDefers {
			return fmt.Errorf("deferred calls: more than %d, or a loop", maxDefers)
		}
		var d deferRecord
		if err := r.plans.deferred.Read(r.Mem, a, &d); err != nil {
			return fmt.Errorf("deferred call %v: %w", a, err)
		}
		switch {
		case sp != 0:
			visit(Defer{SP: sp, Fn: d.Fn})
		case d.RangeFunc != 0 && d.Head != 0:
			w, err := r.readWords(d.Head, 1)
			if err != nil {
				return fmt.Errorf("deferred call %v: %w", a, err)
			}
			if err := r.defers(mem.Addr(w[0]), d.SP, n, visit); err != nil {
				return err
			}
		default:
			visit(Defer{SP: d.SP, Fn: d.Fn, Started: d.Started != 0, Open: d.OpenDefer != 0})
		}
		a = d.Link
	}
	return nil
}
