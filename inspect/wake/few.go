package wake

// few is a set that mostly has few members and knows the order in which they
// came. Its zero value is empty.
type few[T comparable] struct {
	list []T
	// index has the places of all, once they are many.
	index map[T]int
}

// maxFew is up to how many are searched one by one.
const maxFew = 16

// place returns how many came before x.
func (f *few[T]) place(x T) (at int, ok bool) {
	if f.index != nil {
		at, ok = f.index[x]
		return at, ok
	}
	for i := range f.list {
		if f.list[i] == x {
			return i, true
		}
	}
	return 0, false
}

func (f *few[T]) has(x T) bool {
	_, ok := f.place(x)
	return ok
}

// add puts x, which is not in it, into the set.
func (f *few[T]) add(x T) {
	f.list = append(f.list, x)
	switch {
	case f.index != nil:
		f.index[x] = len(f.list) - 1
	case len(f.list) > maxFew:
		f.index = make(map[T]int, 4*maxFew)
		for i, y := range f.list {
			f.index[y] = i
		}
	}
}

// reset empties the set.
func (f *few[T]) reset() { f.list, f.index = f.list[:0], nil }
