// Package wake says who can wake a parked goroutine, how, how sure that is
// and on what evidence.
package wake

import "rtdbg/inspect/mem"

// By is the kind of a waker.
type By string

// The kinds of wakers.
const (
	Goroutine By = "goroutine"
	Timer     By = "timer"
	Netpoll   By = "netpoll"
	Syscall   By = "syscall"
	Signal    By = "signal"
	GC        By = "gc"
	Runtime   By = "runtime"
)

// Certainty is how sure an answer is.
type Certainty string

const (
	// Proven: the structures say so.
	Proven Certainty = "proven"
	// Inferred: there is strong evidence, such as a pending deferred
	// Unlock or a fact of the protocol.
	Inferred Certainty = "inferred"
	// Possible: it can reach the object.
	Possible Certainty = "possible"
)

// Verdict sums up whether a goroutine can be woken.
type Verdict string

const (
	// Woken: it has been made runnable already.
	Woken Verdict = "woken"
	// Wakeable: a goroutine that is not itself stuck with it can wake it.
	Wakeable Verdict = "wakeable"
	// External: only time, the network, the kernel or the runtime can.
	External Verdict = "external"
	// Deadlock: all its wakers are stuck with it.
	Deadlock Verdict = "deadlock"
	// Never: nobody can.
	Never Verdict = "never"
	// Unknown: the reason is in the note.
	Unknown Verdict = "unknown"
)

// Waker is one who can wake a goroutine, or a group of goroutines with the
// same stack that qualify in the same way.
type Waker struct {
	By By `json:"by"`
	// Goid is the likeliest goroutine, Goids at most MaxGoids of a group,
	// Count all of them. They are absent where By is not Goroutine.
	Goid  uint64   `json:"goid,omitempty"`
	Goids []uint64 `json:"goids,omitempty"`
	Count int      `json:"count,omitempty"`
	// How is the operation that wakes: send, recv, close, unlock, done …
	How string `json:"how"`
	// InNS is the time left until a timer fires, nil where it is unknown or
	// there is no timer.
	InNS *int64 `json:"in_ns,omitempty"`
	// Object is what the operation is done on.
	Object *mem.Addr `json:"object,omitempty"`

	Certainty Certainty `json:"certainty"`
	// Evidence is one sentence for each fact that the answer rests on.
	Evidence []string `json:"evidence"`
}

// Answer is who can wake one parked goroutine.
type Answer struct {
	Goid       uint64  `json:"goid"`
	WaitReason string  `json:"wait_reason"`
	Verdict    Verdict `json:"verdict"`
	// Wakers are in order of likelihood, at most MaxWakers of them; More
	// counts the rest.
	Wakers []Waker `json:"wakers"`
	More   int     `json:"more,omitempty"`
	// Note is the reason of an unknown verdict, or what limits the answer.
	Note string `json:"note,omitempty"`
}

// The limits that keep an answer small whatever the number of goroutines.
const (
	MaxWakers = 20
	MaxGoids  = 100
)
