package target

// CrashText is what the Go runtime prints of itself when it crashes, as data.
// It is printed by sighandler (runtime/signal_unix.go), dopanic_m
// (runtime/panic.go) and goroutineheader and traceback2
// (runtime/traceback.go); the forms of Go 1.18 to 1.27 are understood.
type CrashText struct {
	// Preamble is what was printed before the first goroutine and is not a
	// signal line: the program's own output, "panic: …", "fatal error: …".
	Preamble []string
	// Sections has one entry per M that printed. The first is of the M that
	// crashed and lists all goroutines. With GOTRACEBACK=crash the others
	// follow: each was sent SIGQUIT and prints what it runs. The last is
	// empty if the runtime gave up waiting for an M (after 5 or 10 s).
	Sections []Section
}

// Section is what one M printed, from one line "-----" to the next.
type Section struct {
	// Signal is the line that names the signal, "SIGABRT: abort"; "" when a
	// panic crashed the program.
	Signal string
	// PC is where the signal arrived, M the id of the M that received it.
	PC uint64
	M  int64
	// InCgo says that the signal arrived during cgo execution.
	InCgo bool
	// Goroutines are in the order printed. The entry of an M's system stack
	// has ID 0.
	Goroutines []*Goroutine
	// Regs are the registers of the M, by the names that the runtime uses.
	Regs map[string]uint64
	// Notes are lines that follow the goroutines and are none of the above.
	Notes []string
}

// Goroutine is one goroutine of a crash text. Fields that the Go version or
// the GOTRACEBACK level does not print are zero.
type Goroutine struct {
	ID int64
	// Addr is the address of the runtime.g, printed since Go 1.22.
	Addr uint64
	// M and MP are id and address of the goroutine's M, printed since Go
	// 1.22; M is -1 when it has none, or none is printed (MP is then 0).
	M  int64
	MP uint64
	// Status is the wait reason if there is one, or else the status.
	Status string
	// Minutes is how long it waits or is in a syscall, if a minute at least.
	Minutes int64
	// Leaked (Go 1.26), Scan, Durable (Go 1.25) and Locked are the remarks
	// "(leaked)", "(scan)", "(durable)" and "locked to thread". Status keeps
	// a "(durable)" that is part of the wait reason.
	Leaked, Scan, Durable, Locked bool
	// Bubble is the id of its synctest bubble (Go 1.25), or the goroutine
	// that is the root of its synctest group (Go 1.24); 0 for none.
	Bubble int64
	// Labels are the pprof labels in the order printed (Go 1.26).
	Labels []Label
	// Frames are the frames printed, innermost first, ElidedCount of them
	// missing before Frames[ElidedAt]. ElidedCount is -1 if the number is
	// not printed (before Go 1.21).
	Frames                []Frame
	ElidedAt, ElidedCount int
	// Unavailable says that it was running on another M, so that its stack
	// was not printed here.
	Unavailable bool
	// CreatedBy is nil if the runtime does not say, as for the main
	// goroutine.
	CreatedBy *Creator
	// Ancestors are printed with GODEBUG=tracebackancestors=N.
	Ancestors []Ancestor
	// Notes are lines among the frames that are none of the above, such as
	// complaints of the unwinder.
	Notes []string
}

// Label is a pprof label.
type Label struct{ Key, Value string }

// Frame is one frame of a goroutine.
type Frame struct {
	// Func is the function as printed: type arguments are "[...]". It is ""
	// for a C frame without symbols, of which only PC is known.
	Func string
	// Args is the text between the parentheses.
	Args string
	File string
	Line int
	// Off is PC's distance from the function's entry; FP, SP and PC are
	// printed with GOTRACEBACK=system or crash. An inlined frame has none of
	// the four.
	Off, FP, SP, PC uint64
	Inlined         bool
	// C says that this is a frame of C code.
	C bool
}

// Creator is the go statement that created a goroutine.
type Creator struct {
	Func string
	// Goroutine is the id of the goroutine that ran it, since Go 1.21; 0 if
	// it is not printed.
	Goroutine int64
	File      string
	Line      int
	Off       uint64
}

// Ancestor is a goroutine in the chain of creators.
type Ancestor struct {
	ID        int64
	Frames    []Frame
	CreatedBy *Creator
}

// Goroutines returns every goroutine of the text once, in the order printed,
// without the system stacks. For one that ran on another M, the entry that
// this M printed stands in place of the first, which has no stack.
func (t *CrashText) Goroutines() []*Goroutine {
	var list []*Goroutine
	at := make(map[int64]int)
	for i := range t.Sections {
		for _, g := range t.Sections[i].Goroutines {
			if g.ID == 0 {
				continue
			}
			j, seen := at[g.ID]
			switch {
			case !seen:
				at[g.ID] = len(list)
				list = append(list, g)
			case list[j].Unavailable && !g.Unavailable:
				list[j] = g
			}
		}
	}
	return list
}

// Goroutine returns the goroutine with the given id as Goroutines has it, or
// nil.
func (t *CrashText) Goroutine(id int64) *Goroutine {
	for _, g := range t.Goroutines() {
		if g.ID == id {
			return g
		}
	}
	return nil
}
