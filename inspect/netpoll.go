package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/wait"
)

// NetpollRecord is a file descriptor for which goroutines wait.
type NetpollRecord struct {
	FD int64 `json:"fd"`
	// PollDesc is the address of the runtime's pollDesc, 0 if it was not
	// found.
	PollDesc mem.Addr `json:"polldesc"`
	// Net, Local, Remote and Name are what the program knows of it: a
	// connection, a listener, a file.
	Net    string `json:"net,omitempty"`
	Local  string `json:"local,omitempty"`
	Remote string `json:"remote,omitempty"`
	Name   string `json:"name,omitempty"`
	// Readers and Writers are the goroutines that wait, at most one of each:
	// others stand behind the descriptor's lock.
	Readers []uint64 `json:"readers"`
	Writers []uint64 `json:"writers"`
	// ReadDeadlineNS and WriteDeadlineNS are nanotimes, nil for none;
	// ReadInNS and WriteInNS the time left at the instant of the capture.
	ReadDeadlineNS  *int64 `json:"read_deadline_ns,omitempty"`
	ReadInNS        *int64 `json:"read_in_ns,omitempty"`
	WriteDeadlineNS *int64 `json:"write_deadline_ns,omitempty"`
	WriteInNS       *int64 `json:"write_in_ns,omitempty"`
	// Closing says that it is being closed.
	Closing bool   `json:"closing,omitempty"`
	Note    string `json:"note,omitempty"`
}

// Netpoll is the state of the network poller.
type Netpoll struct {
	// Poller says in words who looks for ready descriptors at the moment.
	Poller string
	// Descriptors are those for which goroutines wait, by number.
	Descriptors []NetpollRecord
}

// Netpoll returns the file descriptors for which goroutines wait, and who polls
// them.
func (p *Process) Netpoll(ctx context.Context) (*Netpoll, error) {
	n := &Netpoll{Poller: p.poller()}
	err := p.eachObject(ctx, func(k wait.Kind) bool { return k == wait.PollFD }, func(waits []objectWait) {
		n.Descriptors = append(n.Descriptors, p.netpollRecord(waits))
	})
	slices.SortStableFunc(n.Descriptors, func(a, b NetpollRecord) int { return cmp.Compare(a.FD, b.FD) })
	return n, err
}

// netpollRecord returns what is known of the descriptor that waits lead to.
func (p *Process) netpollRecord(waits []objectWait) NetpollRecord {
	gs, _ := p.Goroutines(context.Background())
	rec := NetpollRecord{PollDesc: waits[0].ref.Addr, Readers: []uint64{}, Writers: []uint64{}}
	for i := range waits {
		ids := &rec.Readers
		if waits[i].ref.Op() == wait.Write {
			ids = &rec.Writers
		}
		if len(*ids) < maxGoids {
			*ids = append(*ids, gs[waits[i].g].Goid)
		}
	}
	if rec.PollDesc == 0 {
		rec.FD, rec.Note = -1, "their descriptors were not found: they are about to park, or have just been woken"
		return rec
	}
	pd, err := p.RT.PollDesc(rec.PollDesc)
	if err != nil {
		rec.FD, rec.Note = -1, "unreadable: "+err.Error()
		return rec
	}
	rec.FD, rec.Closing = int64(pd.FD), pd.Closing
	rec.ReadDeadlineNS, rec.ReadInNS = p.deadline(pd.RD)
	rec.WriteDeadlineNS, rec.WriteInNS = p.deadline(pd.WD)
	if s := p.wait().Socket(gs[waits[0].g].G, rec.PollDesc); s != nil {
		rec.Net, rec.Local, rec.Remote, rec.Name = s.Net, s.Local, s.Remote, s.Name
	}
	return rec
}

// deadline returns a deadline of a pollDesc and the time left, nil for none.
func (p *Process) deadline(ns int64) (when, in *int64) {
	if ns <= 0 {
		return nil, nil
	}
	if d, _, ok := p.Now().Until(ns); ok {
		in = &d
	}
	return &ns, in
}

// poller says who looks for ready descriptors: a thread that sleeps in the
// kernel until one is, or the scheduler now and then.
func (p *Process) poller() string {
	s, err := p.RT.Sched()
	if err != nil {
		return "unknown: " + err.Error()
	}
	if s.LastPoll != 0 {
		text := "no thread sleeps in the poller: the next that finds no goroutine to run polls, or sysmon within 10 ms"
		if d, _, ok := p.Now().Since(s.LastPoll); ok {
			text += fmt.Sprintf("; last polled %v before the capture", time.Duration(d).Round(time.Millisecond))
		}
		return text
	}
	ms, err := p.RT.AllMs()
	if err != nil {
		return "a thread that was not found: " + err.Error()
	}
	for i := range ms {
		if state, _ := p.does(&ms[i], p.onThread(&ms[i])); state == ThreadPolls {
			return fmt.Sprintf("m%d, thread %d, sleeps in the poller", ms[i].ID, ms[i].ProcID)
		}
	}
	return "a thread sleeps in the poller"
}
