package star

import (
	"errors"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/render"
)

// addr is an address as a Starlark integer.
func addr(a mem.Addr) starlark.Value { return starlark.MakeUint64(uint64(a)) }

// integer is any Go integer as a Starlark one.
func integer[T ~int | ~int8 | ~int16 | ~int32 | ~int64](n T) starlark.Value {
	return starlark.MakeInt64(int64(n))
}

// natural is any unsigned Go integer as a Starlark one.
func natural[T ~uint8 | ~uint16 | ~uint32 | ~uint64](n T) starlark.Value {
	return starlark.MakeUint64(uint64(n))
}

// text is a Go string as a Starlark one.
func text[T ~string](s T) starlark.Value { return starlark.String(s) }

// optional is *p, None for nil.
func optional[T any](p *T, f func(T) starlark.Value) starlark.Value {
	if p == nil {
		return starlark.None
	}
	return f(*p)
}

// texts is a list of strings.
func texts[S ~string](list []S) starlark.Value {
	elems := make([]starlark.Value, len(list))
	for i, s := range list {
		elems[i] = starlark.String(string(s))
	}
	return starlark.NewList(elems)
}

func asUint64(v starlark.Value) (uint64, bool) {
	n, ok := v.(starlark.Int)
	if !ok {
		return 0, false
	}
	return n.Uint64()
}

// number is argument v as an integer that is not negative.
func number(name string, v starlark.Value) (uint64, error) {
	n, ok := asUint64(v)
	if !ok {
		return 0, fmt.Errorf("%s must be a number, not %s", name, describe(v))
	}
	return n, nil
}

// describe names v in an error.
func describe(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.Int, starlark.String, starlark.NoneType, starlark.Bool:
		return v.String()
	}
	return "a value of type " + v.Type()
}

// maxGoid separates goroutine ids from addresses: no program counts that far,
// and no Go heap begins below it.
const maxGoid = 1 << 32

// goroutine is argument v as a goroutine: a G, an id or an address.
func (in *Interp) goroutine(v starlark.Value) (*inspect.Goroutine, error) {
	if g, ok := v.(*object[*inspect.Goroutine]); ok && g.v != nil {
		return g.v, nil
	}
	n, ok := asUint64(v)
	if !ok {
		return nil, fmt.Errorf("a goroutine is a G, an id or an address, not %s", describe(v))
	}
	if n < maxGoid {
		return in.p.Goroutine(in.ctx, n)
	}
	return in.p.GoroutineAt(in.ctx, mem.Addr(n))
}

// goroutineOrSelected is argument i as a goroutine, the selected one if it was
// not given.
func (in *Interp) goroutineOrSelected(a args, i int) (*inspect.Goroutine, error) {
	if a.given(i) {
		return in.goroutine(a[i])
	}
	goid := in.p.Selected()
	if goid == 0 {
		return nil, errors.New("no goroutine is given, and none is selected: goto GOID selects one")
	}
	return in.p.Goroutine(in.ctx, goid)
}

// objectAddr is argument x as the address of an object: a number, a value
// that has one, or a string that Delve evaluates.
func (in *Interp) objectAddr(x starlark.Value) (mem.Addr, error) {
	if n, ok := asUint64(x); ok {
		return mem.Addr(n), nil
	}
	if s, ok := starlark.AsString(x); ok {
		return in.p.Object(in.ctx, s)
	}
	if v, ok := x.(value); ok {
		a, err := v.Attr("addr")
		if err != nil {
			return 0, err
		}
		if n, ok := asUint64(a); ok {
			return mem.Addr(n), nil
		}
		if u, ok := a.(unreadable); ok {
			return 0, u.err
		}
	}
	return 0, fmt.Errorf("an object is an address, a value that has one, or an expression in a string, not %s", describe(x))
}

// ns writes a number of nanoseconds for people.
func ns(n int64) string { return render.Duration(time.Duration(n)) }

// lasting is a duration of n ns that is known so well: "3.27s", "about 3s".
func lasting(n int64, how inspect.Accuracy) string {
	if how == inspect.Exact {
		return ns(n)
	}
	unit := time.Second
	if time.Duration(n).Abs() < time.Second {
		unit = 100 * time.Millisecond
	}
	return string(how) + " " + time.Duration(n).Round(unit).String()
}
