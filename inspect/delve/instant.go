package delve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtdbg/inspect/arch"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/tracee"
)

// Instant is where a stopped target stands. Of a process on this host two are
// equal only if no thread has run between them: the kernel counts each time
// that a thread leaves its processor, and a tracer can resume only one that has
// left it (ptrace_check_attach in kernel/ptrace.c). Of a target elsewhere they
// are equal if all threads have the same registers and the words that were
// asked for are the same: a target that ran, and of which that is true, has
// done nothing that counts.
type Instant struct {
	threads, words [sha256.Size]byte
}

// String is the same for two Instants of the same threads, and for no others.
func (i Instant) String() string { return hex.EncodeToString(i.threads[:]) }

// SameThreads reports whether i and j are equal but for the words.
func (i Instant) SameThreads(j Instant) bool { return i.threads == j.threads }

// Instant returns where the target stands. words are the addresses of 4-byte
// words in it that change when it runs; of a process on this host none is read.
// The error wraps ErrRunning while the target runs, and ErrExited when it has
// ended. A core file stands still.
func (s *Session) Instant(ctx context.Context, words []mem.Addr) (Instant, error) {
	if s.version.backend == "core" {
		return Instant{}, s.usable()
	}
	if err := s.awaitStop(ctx); err != nil {
		return Instant{}, err
	}
	threads := sha256.New()
	if s.OnThisHost(ctx) {
		if err := describeTasks(threads, s.pid); err != nil {
			return Instant{}, fmt.Errorf("%s: %w", s.where, err)
		}
		return Instant{threads: [sha256.Size]byte(threads.Sum(nil))}, nil
	}
	list, err := s.Threads(ctx)
	if err != nil {
		return Instant{}, err
	}
	fmt.Fprintf(threads, "%+v", list)
	counters := sha256.New()
	for _, a := range words {
		var b [4]byte
		if err := s.ReadMemory(ctx, b[:], a); err != nil {
			return Instant{}, err
		}
		counters.Write(b[:])
	}
	return Instant{threads: [sha256.Size]byte(threads.Sum(nil)), words: [sha256.Size]byte(counters.Sum(nil))}, nil
}

// awaitStop returns ErrRunning if the target runs. While another client selects
// a goroutine the server says so for a moment, too.
func (s *Session) awaitStop(ctx context.Context) error {
	for looks := 1; ; looks++ {
		state, err := s.State(ctx)
		switch {
		case err != nil:
			return err
		case state == StateExited:
			return fmt.Errorf("%s: %w", s.where, ErrExited)
		case state != StateRunning:
			return nil
		case looks == watchLooks:
			return fmt.Errorf("%s: %w", s.where, ErrRunning)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchStep):
		}
	}
}

// OnThisHost reports whether the target is a process that this host's kernel
// tells of. A process of a server in another PID namespace has other threads
// here, or none.
func (s *Session) OnThisHost(ctx context.Context) bool {
	s.mu.Lock()
	known, here := s.hostKnown, s.here
	s.mu.Unlock()
	if known {
		return here
	}
	here, err := s.findHere(ctx)
	if err == nil {
		s.mu.Lock()
		s.hostKnown, s.here = true, here
		s.mu.Unlock()
	}
	return here
}

func (s *Session) findHere(ctx context.Context) (bool, error) {
	if s.kind == KindProcess {
		return true, nil
	}
	if s.kind != KindServer || s.pid == 0 || !loopback(s.conn.RemoteAddr()) {
		return false, nil
	}
	threads, err := s.Threads(ctx)
	if err != nil {
		return false, err
	}
	tids, err := tasks(s.pid)
	if err != nil || len(tids) != len(threads) {
		return false, nil
	}
	st, err := tracee.ReadStatus(s.pid)
	if err != nil || st.Tracer == 0 {
		return false, nil
	}
	return slices.EqualFunc(tids, threads, func(tid int, th arch.Thread) bool { return tid == th.TID }), nil
}

// loopback reports whether a connection to addr does not leave this host.
func loopback(addr net.Addr) bool {
	switch a := addr.(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	}
	return false
}

// tasks returns the threads of a process in ascending order.
func tasks(pid int) ([]int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, err
	}
	var tids []int
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	slices.Sort(tids)
	return tids, nil
}

// describeTasks writes of each thread what it does and how often it has left
// its processor.
func describeTasks(w io.Writer, pid int) error {
	tids, err := tasks(pid)
	if err != nil {
		return goneOr(err)
	}
	for _, tid := range tids {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(tid), "status"))
		if err != nil {
			return goneOr(err)
		}
		fmt.Fprintln(w, tid)
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "State:") || strings.Contains(line, "ctxt_switches:") {
				io.WriteString(w, line)
			}
		}
	}
	return nil
}

// goneOr is ErrExited for a process or thread that the kernel does not know.
func goneOr(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return ErrExited
	}
	return err
}
