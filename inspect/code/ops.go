package code

import (
	"math/bits"
	"strings"
)

// Ops is a set of things that code can do to what goroutines wait on.
type Ops uint32

const (
	// Send, Recv and Close are operations on channels, those of select
	// statements with a default among them.
	Send Ops = 1 << iota
	Recv
	Close
	// SelectSend and SelectRecv: a select statement that blocks, with at
	// least one case of the kind.
	SelectSend
	SelectRecv
	// Lock and Unlock are those of sync.Mutex, WLock and WUnlock those of
	// sync.RWMutex for writing; TryLock is a Lock.
	Lock
	Unlock
	WLock
	WUnlock
	RLock
	RUnlock
	// Add is sync.WaitGroup.Add with a positive or unknown number, Done with
	// a negative or unknown one; Wait is that of sync.WaitGroup.
	Add
	Done
	Wait
	// CondWait, Signal and Broadcast are those of sync.Cond.
	CondWait
	Signal
	Broadcast
	// Acquire and Release are the runtime's semaphores used directly, as by
	// package internal/poll.
	Acquire
	Release
	// CoroSwitch resumes the other side of a coroutine (iter.Pull).
	CoroSwitch
	// Cancel ends a context.
	Cancel
	// TimerReset starts or restarts a timer, TimerStop stops one.
	TimerReset
	TimerStop
	// PollClose closes a file descriptor that the network poller watches,
	// PollDeadline sets a deadline for it.
	PollClose
	PollDeadline
	// Notify asks for signals on a channel.
	Notify
	// Spawn starts a goroutine.
	Spawn
	// Exit ends the goroutine or the program.
	Exit
	// Dynamic calls what is not known from the code: a method of an
	// interface, a function value.
	Dynamic

	numOps = iota
)

// libraryOps are operations that a program does by way of the standard
// library: it is no matter whose code does them.
const libraryOps = Cancel | TimerReset | TimerStop | PollClose | PollDeadline | Notify

// opNames are in the order of the bits.
var opNames = [numOps]string{
	"send", "recv", "close", "select send", "select recv", "lock", "unlock", "wlock", "wunlock", "rlock", "runlock", "add", "done", "wait",
	"cond wait", "signal", "broadcast", "acquire", "release", "coroswitch", "cancel", "timer reset", "timer stop",
	"poll close", "poll deadline", "notify", "spawn", "exit", "dynamic call",
}

// String returns the names of the operations, separated by commas.
func (o Ops) String() string {
	var names []string
	for o != 0 {
		i := bits.TrailingZeros32(uint32(o))
		o &^= 1 << i
		if i < numOps {
			names = append(names, opNames[i])
		}
	}
	return strings.Join(names, ", ")
}

// primitive is a function that is an operation: what it does itself is of no
// interest.
type primitive struct {
	ops Ops
	// names are those of all Go versions since 1.18.
	names []string
}

// primitives are the functions of the runtime and of package sync that do
// what goroutines wait for. The names are the linker's.
func primitives() []primitive {
	return []primitive{
		{Send, []string{"runtime.chansend1", "runtime.chansend", "runtime.selectnbsend", "reflect.chansend", "reflect.chansend0"}},
		{Recv, []string{"runtime.chanrecv1", "runtime.chanrecv2", "runtime.chanrecv", "runtime.selectnbrecv", "reflect.chanrecv"}},
		{Close, []string{"runtime.closechan", "reflect.chanclose"}},
		{SelectSend | SelectRecv, []string{selectgo, "reflect.rselect", "reflect.Select"}},

		{Lock, []string{"sync.(*Mutex).Lock", "sync.(*Mutex).lockSlow", "sync.(*Mutex).TryLock",
			"internal/sync.(*Mutex).Lock", "internal/sync.(*Mutex).lockSlow", "internal/sync.(*Mutex).TryLock"}},
		{Unlock, []string{"sync.(*Mutex).Unlock", "sync.(*Mutex).unlockSlow",
			"internal/sync.(*Mutex).Unlock", "internal/sync.(*Mutex).unlockSlow"}},
		{WLock, []string{"sync.(*RWMutex).Lock", "sync.(*RWMutex).TryLock"}},
		{WUnlock, []string{"sync.(*RWMutex).Unlock"}},
		{RLock, []string{"sync.(*RWMutex).RLock", "sync.(*RWMutex).TryRLock", "sync.(*rlocker).Lock"}},
		{RUnlock, []string{"sync.(*RWMutex).RUnlock", "sync.(*RWMutex).rUnlockSlow", "sync.(*rlocker).Unlock"}},
		{Add | Done, []string{groupAdd}},
		{Done, []string{groupDone}},
		// The goroutine that it starts calls Done.
		{Add | Spawn | Dynamic, []string{"sync.(*WaitGroup).Go"}},
		{Wait, []string{"sync.(*WaitGroup).Wait"}},
		// Wait gives the lock up while it waits.
		{CondWait | Unlock | Lock | WUnlock | WLock, []string{"sync.(*Cond).Wait"}},
		{Signal, []string{"sync.(*Cond).Signal", "sync.runtime_notifyListNotifyOne"}},
		{Broadcast, []string{"sync.(*Cond).Broadcast", "sync.runtime_notifyListNotifyAll"}},

		{Acquire, []string{"sync.runtime_Semacquire", "sync.runtime_SemacquireMutex", "sync.runtime_SemacquireRWMutex",
			"sync.runtime_SemacquireRWMutexR", "sync.runtime_SemacquireWaitGroup", "internal/sync.runtime_SemacquireMutex",
			"internal/poll.runtime_Semacquire", "runtime.semacquire", "runtime.semacquire1"}},
		{Release, []string{"sync.runtime_Semrelease", "internal/sync.runtime_Semrelease", "internal/poll.runtime_Semrelease",
			"runtime.semrelease", "runtime.semrelease1"}},
		{CoroSwitch, []string{"runtime.coroswitch", "iter.coroswitch"}},

		{Cancel, []string{"context.(*cancelCtx).cancel", "context.(*timerCtx).cancel"}},
		{TimerReset, []string{"time.(*Timer).Reset", "time.(*Ticker).Reset", "time.startTimer", "time.resetTimer", "time.newTimer"}},
		{TimerStop, []string{"time.(*Timer).Stop", "time.(*Ticker).Stop", "time.stopTimer"}},
		{PollClose, []string{"internal/poll.(*FD).Close", "internal/poll.runtime_pollUnblock"}},
		{PollDeadline, []string{"internal/poll.setDeadlineImpl", "internal/poll.runtime_pollSetDeadline"}},
		{Notify, []string{"os/signal.Notify"}},

		{Spawn, []string{newproc}},
		{Exit, []string{"runtime.Goexit", "os.Exit"}},
	}
}

// The functions whose arguments matter.
const (
	selectgo  = "runtime.selectgo"
	newproc   = "runtime.newproc"
	groupAdd  = "sync.(*WaitGroup).Add"
	groupDone = "sync.(*WaitGroup).Done"
)

// noReturn are the functions of the runtime that do not return, as prefixes.
func noReturn(name string) bool {
	for _, prefix := range [...]string{"runtime.gopanic", "runtime.panic", "runtime.goPanic", "runtime.throw",
		"runtime.fatal", "runtime.block", "runtime.Goexit", "runtime.goexit", "os.Exit"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// opaque reports whether a function belongs to the runtime: what it does to
// goroutines is said by the primitives alone.
func opaque(name string) bool {
	for _, prefix := range [...]string{"runtime.", "runtime/", "internal/runtime/", "internal/abi.", "internal/bytealg.",
		"internal/race.", "type:", "type..", "go:"} {
		if strings.HasPrefix(name, prefix) {
			// These two run goroutines of their own.
			return !strings.HasPrefix(name, "runtime/pprof.") && !strings.HasPrefix(name, "runtime/trace.")
		}
	}
	return false
}

// betweenValueAndCall reports whether a call may stand between the making of
// a function value and the call that it is for: write barriers, copies and
// what the race detector adds.
func betweenValueAndCall(name string) bool {
	for _, prefix := range [...]string{"runtime.gcWriteBarrier", "runtime.wb", "runtime.typedmem", "runtime.duff", "runtime.race", "runtime.memmove"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// givesCancel reports whether a function returns a context and the function
// that cancels it.
func givesCancel(name string) bool {
	return strings.HasPrefix(name, "context.With") && strings.IndexByte(name[len("context.With"):], '.') < 0 && name != "context.WithValue" &&
		name != "context.WithoutCancel" || name == "os/signal.NotifyContext"
}

// deferring reports whether a function registers a deferred call.
func deferring(name string) bool { return strings.HasPrefix(name, "runtime.deferproc") }
