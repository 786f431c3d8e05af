package wake

// blocks is a list that only grows, in runs that stay together. What is in it
// stays where it is: growing a slice of a million entries would copy all of them
// and leave as much behind for the garbage collector.
type blocks[T any] struct {
	list [][]T
	// n is the number of entries.
	n int
}

// Entry i of a list lies in block i/blockSize, at i%blockSize.
const (
	blockBits = 14
	blockSize = 1 << blockBits
)

// add appends a run and returns where it begins, as run takes it. A run never
// lies in two blocks; one that is longer than a block has a long one, which
// counts as several.
func (b *blocks[T]) add(run []T) (at uint32) {
	last := len(b.list) - 1
	if last < 0 || len(b.list[last])+len(run) > blockSize {
		b.list = append(b.list, make([]T, 0, max(blockSize, len(run))))
		last = len(b.list) - 1
	}
	at = uint32(last<<blockBits + len(b.list[last]))
	b.list[last] = append(b.list[last], run...)
	for range (len(run) - 1) / blockSize {
		b.list = append(b.list, nil)
	}
	b.n += len(run)
	return at
}

// run returns the n entries of the run that begins at at.
func (b *blocks[T]) run(at uint32, n int) []T {
	if n == 0 {
		return nil
	}
	off := int(at % blockSize)
	return b.list[at>>blockBits][off : off+n : off+n]
}
