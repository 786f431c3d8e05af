package main

// versioned are the shapes that need a Go newer than the oldest.
func versioned() []shape {
	return append(append(contextFuncs(), iterators()...), waitGroupGo()...)
}
