package mem

import (
	"cmp"
	"slices"
)

// sortByStart sorts list by ascending address, equal ones in their order.
func sortByStart[T any](list []T, start func(T) Addr) {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(start(a), start(b)) })
}
