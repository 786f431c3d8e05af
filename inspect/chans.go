package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// ChanRecord is a channel on which goroutines wait.
type ChanRecord struct {
	Addr mem.Addr `json:"addr"`
	Type string   `json:"type,omitempty"`
	// Len and Cap are what len and cap say in the program.
	Len    uint64 `json:"len"`
	Cap    uint64 `json:"cap"`
	Closed bool   `json:"closed"`
	// Receivers and Senders are the numbers of goroutines that wait for
	// either, Selects the number of those that do so in a select.
	Receivers int `json:"receivers"`
	Senders   int `json:"senders"`
	Selects   int `json:"selects"`
	// Goids are at most 100 of the goroutines, in order of creation.
	Goids []uint64 `json:"goids"`
	// Timer is that of a channel which a timer feeds.
	Timer *TimerState `json:"timer,omitempty"`
	// Context is the context whose done channel it is.
	Context *wait.Context `json:"context,omitempty"`
	// Signals are the names of the signals that it is notified of.
	Signals []string `json:"signals,omitempty"`
	// Buffer are the elements in the buffer, the next one first, and Sends
	// what the waiting senders would send, in their order; only for a channel
	// that was asked for, and at most 16 of each.
	Buffer []string `json:"buffer,omitempty"`
	Sends  []string `json:"sends,omitempty"`
	// Note says what is unreadable, or what else is known.
	Note string `json:"note,omitempty"`
}

// Waiting is the number of goroutines that wait on the channel. One that waits
// for both in a select counts twice.
func (c *ChanRecord) Waiting() int { return c.Receivers + c.Senders }

// Chans returns the channels on which goroutines wait, that with the most
// waiters first.
func (p *Process) Chans(ctx context.Context) ([]ChanRecord, error) {
	var list []ChanRecord
	err := p.eachObject(ctx, func(k wait.Kind) bool { return k == wait.Chan }, func(waits []objectWait) {
		if a := waits[0].ref.Addr; a != 0 {
			list = append(list, p.chanRecord(a, waits))
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b ChanRecord) int { return cmp.Compare(b.Waiting(), a.Waiting()) })
	return list, nil
}

// chanRecord returns what is known of the channel at a and of those that wait on
// it.
func (p *Process) chanRecord(a mem.Addr, waits []objectWait) ChanRecord {
	c := ChanRecord{Addr: a, Goids: p.goidsOf(waits)}
	for i := range waits {
		switch waits[i].ref.Op() {
		case wait.Recv:
			c.Receivers++
		case wait.Send:
			c.Senders++
		}
		if waits[i].ref.Select {
			c.Selects++
		}
	}
	h, err := p.RT.ReadChan(a)
	if err != nil {
		c.Note = "unreadable: " + err.Error()
		return c
	}
	p.fillChan(&c, &h)
	if len(waits) > 0 && h.ElemSize == 0 && c.Receivers > 0 {
		gs, _ := p.Goroutines(context.Background())
		c.Context = p.wait().Context(gs[waits[0].g].G, a)
	}
	return c
}

// fillChan fills in what the channel itself says.
func (p *Process) fillChan(c *ChanRecord, h *rt.Hchan) {
	c.Type, c.Len, c.Cap, c.Closed = p.RT.ChanType(h), h.QCount, h.DataQSiz, h.Closed != 0
	if h.Timer != 0 {
		// The program cannot see the buffer of a timer's channel.
		c.Len, c.Cap = 0, 0
	}
	r := p.wait()
	if t, ok := r.TimerOf(h.Addr); ok {
		c.Timer = p.timerState(&t)
		if t.When == 0 {
			c.Note = "its timer is stopped or has fired: nothing will be sent unless it is reset"
		}
	} else if c.Type == "chan time.Time" && c.Receivers > 0 && r.TimersErr() == nil {
		c.Note = "no timer will send to it: if it is a timer's, that is stopped or has fired"
	}
	if c.Type == "chan os.Signal" {
		c.Signals = r.Signals(h.Addr)
	}
}

// maxValues is how many elements of a channel are shown.
const maxValues = 16

// Chan returns what is known of the channel at a, whether goroutines wait on it
// or not, with what its buffer holds. What lies at a is checked, not believed.
func (p *Process) Chan(ctx context.Context, a mem.Addr) (*ChanRecord, error) {
	h, err := p.RT.Chan(a)
	if err != nil {
		return nil, err
	}
	all, err := p.objectWaits(ctx, func(k wait.Kind) bool { return k == wait.Chan })
	if err != nil {
		return nil, err
	}
	waits := slices.DeleteFunc(all, func(w objectWait) bool { return w.ref.Addr != a })
	c := p.chanRecord(a, waits)
	if h.Timer == 0 {
		c.Buffer = p.buffer(&h)
	}
	queue, err := p.RT.SudogQueue(h.SendFirst)
	if err != nil {
		c.Note = "the queue of senders is incomplete: " + err.Error()
	}
	for i := range queue[:min(len(queue), maxValues)] {
		c.Sends = append(c.Sends, p.RT.Value(h.ElemType, queue[i].Elem))
	}
	return &c, nil
}

// buffer prints the elements in a channel's buffer.
func (p *Process) buffer(h *rt.Hchan) []string {
	var list []string
	for i := range min(h.QCount, maxValues) {
		at := (h.RecvX + i) % max(1, h.DataQSiz)
		list = append(list, p.RT.Value(h.ElemType, h.Buf+mem.Addr(at*uint64(h.ElemSize))))
	}
	if h.QCount > maxValues {
		list = append(list, fmt.Sprintf("… and %d more", h.QCount-maxValues))
	}
	return list
}
