package wake

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"rtdbg/inspect/code"
	"rtdbg/inspect/heap"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wait"
)

// Stack is the stack of one goroutine, with the pointers that it holds.
type Stack struct {
	// Index is the number of the goroutine in Input.Gs.
	Index int
	Trace *stack.Trace
	// Live are the words that hold or may hold live pointers, in order of
	// frames. The slice is valid during the visit.
	Live []stack.Pointer
	// Deferring says that it may have deferred calls pending.
	Deferring bool
	// Err says that some frames could not be found or examined.
	Err error
}

// Stacks gives the stacks of the goroutines of an Input. It must be safe for
// concurrent use.
type Stacks interface {
	// Each calls visit once for every goroutine that is not dead, by workers
	// numbered from 0 to Workers()-1 at a time.
	Each(ctx context.Context, visit func(worker int, s *Stack)) error
	Workers() int
	// Func returns the function of a physical frame, and the number of that
	// function among the frames that outputs show, which count inlined
	// functions too.
	Func(s *stack.Stack, frame int) (name string, shown int)
	// SP returns the stack pointer in a physical frame of goroutine i.
	SP(i, frame int) (sp mem.Addr, ok bool)
	// Deferred calls visit for the deferred calls of goroutine i that are
	// pending, as far as they can be read; the argument is reused.
	Deferred(i int, visit func(*stack.Deferred))
	// System reports whether goroutine i is the runtime's own.
	System(i int) bool
	// SystemWords calls visit with what the runtime holds on the threads while
	// it does something there that is for no goroutine, such as a timer's
	// function.
	SystemWords(visit func(w mem.Addr))
	// Foreign reports whether threads that are not Go's may call into the
	// program.
	Foreign() bool
}

// Variables knows the package-level variables by their names.
type Variables interface {
	// Variable returns the variable around a; ok is false where it is not
	// known.
	Variable(a mem.Addr) (name string, x heap.Extent, ok bool)
}

// Analyzer finds wakers in one stopped instant. It is built once for all
// goroutines: its cost is linear in their stacks and in the heap.
type Analyzer struct {
	rt     *rt.Runtime
	stacks Stacks
	wait   *wait.Resolver
	heap   *heap.Heap    // nil if it could not be read
	code   *code.Program // nil if nothing is known
	vars   Variables     // nil if nothing is known
	names  Names         // nil if nothing is known

	gs      []rt.G
	info    []goroutine
	shapes  shapes
	workers []scanner
	// books are the heap objects that the runtime keeps its own books in.
	books *heap.Set

	objects  []object
	objectAt addrIndex
	waiters  []waiter
	inNode   []uint32
	// bubbles are the synctest bubbles of the objects that belong to one.
	bubbles map[uint32]mem.Addr

	// nodes lead to objects, edges from one to another.
	nodes     []node
	nodeAt    addrIndex
	variables variables
	edges     []edge
	downs     []uint32

	// refs are the goroutines' references to nodes, groups what they have
	// in common, acts what the groups can do.
	refs         []ref
	groups       []group
	refsByG      []uint32
	groupsByG    []uint32
	acts         []act
	actsByObject []uint32
	actsByGroup  []uint32
	groupActs    []uint32
	abilities    sync.Map  // abilityKey → ability
	lockeds      sync.Map  // lockedKey → locked
	cached       sync.Map  // held → []Candidate
	searches     sync.Pool // of *search
	queues       sync.Map  // number of an object → map[int32]place
	onStacks     stackIndex

	// holders are the goroutines that are known to hold one side of an
	// object, holds the same by goroutine; sole are the sides of objects
	// whose waits nobody else ends.
	holders map[held]ownership
	holds   map[int32][]held
	sole    map[held]bool
	// starts are the functions that timers will start, startsAt their
	// numbers by the node that the function value is.
	starts   []Start
	startsAt map[uint32][]int
	// startable says that there may be more.
	startable bool
	nowNS     int64
	nowKnown  bool
	// acted counts the goroutines that can run of those who all have to act.
	acted map[held]int

	notes []string // what limits every answer
	// unreadable goroutines may do anything; limited says that memory is
	// missing in which there may be references.
	unreadable int
	limited    bool
}

// Input is what an Analyzer works on.
type Input struct {
	RT     *rt.Runtime
	Stacks Stacks
	Wait   *wait.Resolver
	// Heap may be nil; HeapErr then says why.
	Heap    *heap.Heap
	HeapErr error
	// Code, Variables and Names may be nil.
	Code      *code.Program
	Variables Variables
	Names     Names
	// Starts are the functions that timers will start; StartsErr says why
	// some are missing.
	Starts    []Start
	StartsErr error
	// NowNS is the nanotime of the capture in ns, if NowKnown.
	NowNS    int64
	NowKnown bool
	// Gs are all goroutines of the target; Unreadable is how many more
	// there are that could not be read.
	Gs         []rt.G
	Unreadable int
}

// New examines all goroutines of the target.
func New(ctx context.Context, in Input) (*Analyzer, error) {
	a := &Analyzer{rt: in.RT, stacks: in.Stacks, wait: in.Wait, heap: in.Heap, code: in.Code, vars: in.Variables, names: in.Names,
		starts: in.Starts, nowNS: in.NowNS, nowKnown: in.NowKnown, gs: in.Gs, unreadable: in.Unreadable, info: make([]goroutine, len(in.Gs))}
	if in.HeapErr != nil {
		a.notes = append(a.notes, "heap incomplete: "+in.HeapErr.Error())
	}
	if a.unreadable > 0 {
		a.notes = append(a.notes, fmt.Sprintf("%d goroutines could not be read and may do anything", a.unreadable))
	}
	if err := a.wait.TimersErr(); err != nil {
		a.notes = append(a.notes, "timers incomplete: "+err.Error())
	}
	if in.StartsErr != nil {
		a.notes = append(a.notes, "timers incomplete: "+in.StartsErr.Error())
		a.startable = true
	}
	a.bookThreads()
	a.findVariables()
	if err := a.scan(ctx); err != nil {
		return nil, err
	}
	if err := a.collect(ctx); err != nil {
		return nil, err
	}
	a.findBubbles()
	if err := a.findHolders(ctx); err != nil {
		return nil, err
	}
	if err := a.matchStacks(ctx); err != nil {
		return nil, err
	}
	a.indexStarts()
	if err := a.findActs(ctx); err != nil {
		return nil, err
	}
	if err := a.findOwners(ctx); err != nil {
		return nil, err
	}
	a.propagate()
	if err := a.reach(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Plumbing reports whether a function belongs to the packages that stand
// between a program and its waits.
func Plumbing(fn string) bool {
	if fn == wgGoFunc {
		return false // it owes a Done
	}
	for _, prefix := range [...]string{"runtime.", "sync.", "internal/sync.", "internal/poll.", "internal/runtime/", "syscall.", "time.Sleep", "internal/syscall/"} {
		if strings.HasPrefix(fn, prefix) {
			return true
		}
	}
	return false
}
