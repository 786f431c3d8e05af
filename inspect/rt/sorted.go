package rt

import "math/bits"

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
	lo, hi, set := ^uint64(0), uint64(0), uint64(0)
	for i := range n {
		lo = min(lo, key(i))
	}
	for i := range n {
		k := key(i) - lo
		hi, set = max(hi, k), set|k
	}
	// Low bits that are 0 in all keys do not count, as those of addresses;
	// then the rest mostly fits into half a word.
	zeros := bits.TrailingZeros64(set | 1<<63)
	if hi>>zeros < 1<<32 {
		return radix(n, hi>>zeros, func(i int) uint32 { return uint32((key(i) - lo) >> zeros) })
	}
	return radix(n, hi, func(i int) uint64 { return key(i) - lo })
}

// radix is Sorted for keys that are at most hi.
func radix[K uint32 | uint64](n int, hi uint64, key func(i int) K) []uint32 {
	const (
		digit = 11
		size  = 1 << digit
	)
	keys, order := make([]K, n), make([]uint32, n)
	for i := range n {
		keys[i], order[i] = key(i), uint32(i)
	}
	keys2, order2 := make([]K, n), make([]uint32, n)
	for shift := 0; hi>>shift != 0; shift += digit {
		var start [size]int
		for _, k := range keys {
			start[k>>shift%size]++
		}
		at := 0
		for d, count := range start {
			start[d] = at
			at += count
		}
		for i, k := range keys {
			d := k >> shift % size
			keys2[start[d]], order2[start[d]] = k, order[i]
			start[d]++
		}
		keys, keys2, order, order2 = keys2, keys, order2, order
	}
	return order
}
