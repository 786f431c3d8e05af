package wait

import (
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// Socket is what the program knows of the file descriptor of an IO wait.
type Socket struct {
	// FD is the address of the internal/poll.FD, which goroutines that can
	// close it refer to.
	FD mem.Addr `json:"-"`
	// Net is "tcp", "udp", "unix", …; "file" for a file or pipe.
	Net string `json:"net"`
	// Local and Remote are the addresses of a connection; a listener has no
	// remote one.
	Local  string `json:"local,omitempty"`
	Remote string `json:"remote,omitempty"`
	// Name is the name of a file.
	Name string `json:"name,omitempty"`
}

// socketCallers is the number of frames above netpollblock that are searched for
// the descriptor: those of internal/poll and of package net or os.
const socketCallers = 8

// Socket returns what the program knows of the descriptor with the pollDesc at
// pd, which g waits on; nil if it was not found on the stack.
func (r *Resolver) Socket(g *rt.G, pd mem.Addr) *Socket {
	return r.socket(&subject{G: g, r: r}, pd)
}

func (r *Resolver) socket(s *subject, pd mem.Addr) *Socket {
	var found mem.Addr
	desc, err := r.rt.PollDesc(pd)
	if err != nil {
		return nil
	}
	is := func(w mem.Addr) bool {
		fd, err := r.rt.ReadFD(w)
		if err != nil || fd.PollDesc != pd || uint64(fd.Sysfd) != desc.FD {
			return false
		}
		found = w
		return true
	}
	// Where the descriptor lies is the same for all that have this stack.
	tr := s.trace()
	if at, ok := r.sockets.Load(tr.Stack); ok {
		if b, err := r.rt.Mem.View(tr.SP+at.(mem.Addr), 8); err == nil {
			if w := mem.Addr(r.rt.Arch.Order.Uint64(b)); plausible(w) {
				is(w)
			}
		}
	}
	if found == 0 {
		r.searchSocket(s, tr, is)
	}
	if found == 0 {
		return nil
	}
	d, err := r.rt.Descriptor(found)
	if err != nil && d.Net == "" {
		return &Socket{FD: found}
	}
	return &Socket{FD: found, Net: d.Net, Local: d.Local, Remote: d.Remote, Name: d.Name}
}

func (r *Resolver) searchSocket(s *subject, tr *stack.Trace, is func(w mem.Addr) bool) {
	end := frameEnd(tr, "runtime.netpollblock", socketCallers)
	if end <= s.SchedSP || end > s.StackHi || s.SchedSP < s.StackLo || end-s.SchedSP > maxScan {
		return
	}
	for i, w := range r.words(s.SchedSP, end) {
		if plausible(w) && (w < s.StackLo || w >= s.StackHi) && is(w) {
			r.sockets.Store(tr.Stack, s.SchedSP+mem.Addr(8*i)-tr.SP)
			return
		}
	}
}
