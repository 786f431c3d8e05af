// Package graph is the wait-for graph of one stopped instant: goroutines wait
// on objects, goroutines can end the waits on objects. It finds who waits in a
// circle, who stands behind whom, and folds all of it to what a person can
// read. It knows numbers, not names: whoever asks puts the words to them.
package graph

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// Input is the goroutines and objects of one instant, each numbered from 0.
// What its functions return belongs to them and is not changed.
type Input struct {
	// Goroutines and Objects are how many there are.
	Goroutines, Objects int
	// Stuck reports whether nobody who can run is able to wake a goroutine.
	Stuck func(g int32) bool
	// Object returns object number o. It is called more than once.
	Object func(o int32) Object
}

// Object is something that goroutines wait on, with those who can end that.
type Object struct {
	// Addr is its address in the target.
	Addr mem.Addr
	Kind wait.Kind
	// Waiters are the goroutines that wait on it; a select waits on several
	// objects, and any of them ends the wait.
	Waiters []int32
	// Roles are those who can end a wait on it, the likeliest first.
	Roles []Role
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

// Step is one edge of a cycle: From waits on Object for Next to do How with it.
type Step struct {
	From, Next int32
	// Object is the number of the object.
	Object    int32
	How       string
	Certainty wake.Certainty
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
	}
	return 1
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
