// Package wait says what one goroutine waits on: for every wait reason of the
// runtime one row that names the kind of object and finds it. It does not
// know who can end the wait.
package wait

import "rtdbg/inspect/mem"

// Kind is the kind of thing that a goroutine waits on.
type Kind string

// The kinds, as INTERFACE and every output name them.
const (
	Chan      Kind = "chan"
	Mutex     Kind = "mutex"
	RWMutex   Kind = "rwmutex"
	WaitGroup Kind = "waitgroup"
	Cond      Kind = "cond"
	Sema      Kind = "sema"
	Timer     Kind = "timer"
	PollFD    Kind = "pollfd"
	Coro      Kind = "coro"
	Syscall   Kind = "syscall"
	GC        Kind = "gc"
	Runtime   Kind = "runtime"
	Bubble    Kind = "bubble"
)

// Op is what the goroutine wants to do with it.
type Op string

// The operations.
const (
	Recv   Op = "recv"
	Send   Op = "send"
	Lock   Op = "lock"
	RLock  Op = "rlock"
	Wait   Op = "wait"
	Read   Op = "read"
	Write  Op = "write"
	Sleep  Op = "sleep"
	Resume Op = "resume"
)

// On is one thing that a goroutine waits on; a select has one for each case.
type On struct {
	Kind Kind `json:"kind"`
	Op   Op   `json:"op"`
	// Addr is the object's address, nil where there is no object (a nil
	// channel, a runnable goroutine) or where it was not found (see Note).
	Addr *mem.Addr `json:"addr"`
	// Type is the object's Go type, "" where it is not known.
	Type string `json:"type,omitempty"`
	// Name is that of a semaphore of the runtime's own, as "runtime.worldsema",
	// and where it was asked for what the waiting function, or the package,
	// calls the object: "p.jobs".
	Name string `json:"name,omitempty"`

	// Select says that this is a case of a select; Case is its place among
	// the cases in source order, from 0, nil where that is not known. Line is
	// that of the case in the source file of the select.
	Select bool `json:"select,omitempty"`
	Case   *int `json:"case,omitempty"`
	Line   *int `json:"case_line,omitempty"`
	// Nil says that the channel is nil: this wait can never end by itself.
	Nil bool `json:"nil,omitempty"`
	// Value is what would be sent, printed by its type; "" for what is not
	// sent, or has no size.
	Value string `json:"value,omitempty"`

	// WhenNS is the nanotime at which a timer, sleep or deadline ends the
	// wait; InNS the time left at the instant of the capture, nil where
	// that instant is not known.
	WhenNS *int64 `json:"when_ns,omitempty"`
	InNS   *int64 `json:"in_ns,omitempty"`
	// FD is the file descriptor of an IO wait.
	FD *int64 `json:"fd,omitempty"`
	// Thread is the kernel's id of the thread in a system call.
	Thread *uint64 `json:"thread,omitempty"`
	// Queue names the run queue that a runnable goroutine stands in, and
	// Position its place there, from 0.
	Queue    string `json:"queue,omitempty"`
	Position *int   `json:"position,omitempty"`

	// ReadyNS is for how long a runnable goroutine has been so, nil where the
	// runtime does not track it: it does of one in eight.
	ReadyNS *int64 `json:"ready_ns,omitempty"`

	// Syscall is what is known of the system call or call into C.
	Syscall *SyscallFact `json:"syscall,omitempty"`
	// Child is the child process that os/exec waits for.
	Child *Child `json:"child,omitempty"`
	// Context is the context whose done channel this is, nil if it is none
	// or was not found.
	Context *Context `json:"context,omitempty"`
	// Signals are the names of the signals that are sent to the channel.
	Signals []string `json:"signals,omitempty"`
	// Socket is what the program knows of the descriptor of an IO wait.
	Socket *Socket `json:"socket,omitempty"`
	// Lock is the state of a lock, WaitGroup, Cond, Once or file descriptor.
	Lock *LockState `json:"lock,omitempty"`

	// Part says in which part of the object the goroutine waits.
	Part Part `json:"-"`
	// Sudog is the goroutine's entry in the object's wait list, 0 if none.
	Sudog mem.Addr `json:"-"`
	// Elem is where a received value will be stored, or the value to send.
	Elem mem.Addr `json:"-"`
	// Note says what could not be found out, or what else is known.
	Note string `json:"note,omitempty"`
}

// Class is the class of those who can end a wait.
type Class string

// The classes of wait reasons.
const (
	// ByGoroutine: another goroutine, through a channel or sync object.
	ByGoroutine Class = "goroutine"
	// ByTime: a timer alone.
	ByTime Class = "timer"
	// ByNetwork: the network poller.
	ByNetwork Class = "netpoll"
	// ByGC: the garbage collector.
	ByGC Class = "gc"
	// ByRuntime: the scheduler, sysmon or another part of the runtime.
	ByRuntime Class = "runtime"
	// ByNobody: the wait never ends.
	ByNobody Class = "nobody"
	// Executing: the status says waiting but the goroutine executes runtime
	// code on the system stack.
	Executing Class = "executing"
)
