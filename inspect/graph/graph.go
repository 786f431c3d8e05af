// Package graph is the wait-for graph of one stopped instant: goroutines wait
// on objects, goroutines can end the waits on objects. It finds who waits in a
// circle, who stands behind whom, and folds all of it to what a person can
// read. It knows numbers, not names: whoever asks puts the words to them.
package graph

import (
	"slices"

	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// Input is the goroutines and objects of one instant, each numbered from 0. An
// object whose waiters are woken by different operations, such as the receivers
// and the senders of a channel, has a number for each. What the functions
// return belongs to them and is not changed. All but Waits may be called by
// several goroutines at a time.
type Input struct {
	// Goroutines and Objects are how many there are.
	Goroutines, Objects int
	// Stuck reports whether nobody who can run is able to wake a goroutine.
	Stuck func(g int32) bool
	// Kind is the kind of an object.
	Kind func(o int32) wait.Kind
	// Waiters are the goroutines that wait on an object.
	Waiters func(o int32) []int32
	// Waits are the objects that a goroutine waits on: a select on several,
	// and any of them ends the wait. The slice is valid until the next call.
	Waits func(g int32) []int32
	// Roles are those who can end a wait on an object, the likeliest first,
	// Enders calls visit for the same but for peers, in no order. They may
	// cost; the others must not.
	Roles  func(o int32) []Role
	Enders func(o int32, visit func(g int32, c wake.Certainty))
}

// Role is goroutines that can end the waits on an object in the same way.
type Role struct {
	// Goroutines are all of them, the likeliest first.
	Goroutines []int32
	// How is the operation that ends the wait: send, unlock, done …
	How       string
	Certainty wake.Certainty
	// Peer says that they wait on the object themselves, in the same way and
	// not only on it: woken otherwise they could. They are no reason to wait
	// for.
	Peer bool
}

// Step is one edge of a cycle: From waits on Object for Next to act on it, which
// Input.How names.
type Step struct {
	From, Next int32
	// Object is the number of the object.
	Object    int32
	Certainty wake.Certainty
}

// How is the operation by which the surest role of s.Next ends the wait.
func (in *Input) How(s *Step) string {
	how, best := "", uint8(0)
	for _, r := range in.Roles(s.Object) {
		if g := grade(r.Certainty); !r.Peer && g > best && slices.Contains(r.Goroutines, s.Next) {
			how, best = r.How, g
		}
	}
	return how
}

// Deadlock is a set of goroutines that wait only for each other.
type Deadlock struct {
	// Goroutines are the members, in order of their numbers.
	Goroutines []int32
	// Cycle is a shortest cycle among them.
	Cycle []Step
	// Certainty is that of the weakest step of the cycle.
	Certainty wake.Certainty
	// Behind counts the stuck goroutines that are no members and wait for a
	// member, through others or not; each counts for one set only.
	Behind int
}

// grade orders certainties: higher is surer.
func grade(c wake.Certainty) uint8 {
	switch c {
	case wake.Proven:
		return 3
	case wake.Inferred:
		return 2
	case wake.Possible:
		return 1
	}
	return 0
}

// certainty is the inverse of grade.
func certainty(grade uint8) wake.Certainty {
	switch grade {
	case 3:
		return wake.Proven
	case 2:
		return wake.Inferred
	}
	return wake.Possible
}

// selfCan reports whether a goroutine can be what it waits for itself: who
// needs its own lock, or its own Done, waits for itself. That it also uses the
// channel on which it waits says nothing.
func selfCan(kind wait.Kind) bool {
	switch kind {
	case wait.Mutex, wait.RWMutex, wait.WaitGroup:
		return true
	}
	return false
}
