package rt

// InOrder returns the numbers 0 … n-1 in ascending order of key(i), or nil if
// that is their own order but for a few: the order in which to read memory.
func InOrder(n int, key func(i int) uint64) []uint32 {
	down, last := 0, uint64(0)
	for i := range n {
		k := key(i)
		if k < last {
			down++
		}
		last = k
	}
	if down <= n/64 {
		return nil
	}
	return Sorted(n, key)
}

// Nth returns the number at place i of an order, i where order is nil.
func Nth(order []uint32, i int) int {
	if order == nil {
		return i
	}
	return int(order[i])
}

// Sorted returns the numbers 0 … n-1 in ascending order of key(i), equal ones
// in order of i. n is below 1<<32. It is a radix sort: linear, whatever the
// order was before.
func Sorted(n int, key func(i int) uint64) []uint32 {
	const (
		digit = 11
		size  = 1 << digit
	)
	keys, order := make([]uint64, n), make([]uint32, n)
	lo, hi := ^uint64(0), uint64(0)
	for i := range n {
		keys[i], order[i] = key(i), uint32(i)
		lo, hi = min(lo, keys[i]), max(hi, keys[i])
	}
	if n == 0 {
		return order
	}
	keys2, order2 := make([]uint64, n), make([]uint32, n)
	for shift := 0; (hi-lo)>>shift != 0; shift += digit {
		var start [size]int
		for _, k := range keys {
			start[(k-lo)>>shift%size]++
		}
		at := 0
		for d, count := range start {
			start[d] = at
			at += count
		}
		for i, k := range keys {
			d := (k - lo) >> shift % size
			keys2[start[d]], order2[start[d]] = k, order[i]
			start[d]++
		}
		keys, keys2, order, order2 = keys2, keys, order2, order
	}
	return order
}
