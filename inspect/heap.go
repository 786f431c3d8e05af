package inspect

// Heap says what is copied of a process's heap.
type Heap uint8

// The choices.
const (
	// HeapIfShort copies the heap if the process need not stand still longer for
	// it than pauseBudget says, and otherwise what the goroutines wait on.
	HeapIfShort Heap = iota
	// HeapAll copies all of it, however long that takes.
	HeapAll
	// HeapNone copies what the goroutines wait on.
	HeapNone
)
