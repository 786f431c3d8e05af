package delve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"

	"rtdbg/inspect/tracee"
)

// dumpPoll is how long one DumpWait waits, in milliseconds: the time between
// two reports of progress, and until a cancelled dump is noticed.
const dumpPoll = 20

// Progress is how far a core dump has got.
type Progress struct {
	ThreadsDone, ThreadsTotal int
	// BytesDone and BytesTotal count memory; BytesTotal is 0 until the
	// threads are done.
	BytesDone, BytesTotal uint64
}

// dump is a core dump in progress.
type dump struct {
	cancel     chan struct{} // closed to cancel it
	cancelOnce sync.Once
	done       chan struct{} // closed when the server has finished with the file
	progress   chan Progress
	total      uint64
	err        error // set before done is closed
}

// Dump writes a core file of the stopped target to path, readable by its owner
// only, and replaces a file of that name. It is written under a temporary name
// in the same directory and renamed when complete, so that path never holds
// half a core. When ctx ends the dump is cancelled and its file removed.
//
// The server writes the file: for KindServer it must run on this host.
// progress, if not nil, is called in Dump's goroutine, some times a second.
func (s *Session) Dump(ctx context.Context, path string, progress func(Progress)) error {
	if s.kind == KindCore {
		return fmt.Errorf("dump core to %s: %s is a core file already", path, s.where)
	}
	if err := s.sameHost(); err != nil {
		return fmt.Errorf("dump core to %s: %w", path, err)
	}
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("dump core to %s: %w", path, err)
	}
	temp, err := tempFor(path)
	if err != nil {
		return fmt.Errorf("dump core to %s: %w", path, err)
	}
	d, err := s.startDump(temp)
	if err != nil {
		os.Remove(temp)
		return fmt.Errorf("dump core to %s: %w", path, err)
	}
	if err := s.awaitDump(ctx, d, progress); err != nil {
		return fmt.Errorf("dump core to %s: %w", path, err)
	}
	if err := s.finishDump(d, temp, path); err != nil {
		os.Remove(temp)
		return fmt.Errorf("dump core to %s: %w", path, err)
	}
	return nil
}

// sameHost refuses a server that is certainly on another host.
func (s *Session) sameHost() error {
	if s.kind != KindServer {
		return nil
	}
	addr, ok := s.conn.RemoteAddr().(*net.TCPAddr)
	if ok && !addr.IP.IsLoopback() {
		return fmt.Errorf("%s would write it on its own host: run rtdbg or dlv there", s.where)
	}
	return nil
}

// tempFor creates the file that the server overwrites: so it gets mode 0600.
func tempFor(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", errors.New("that exists and is not a regular file")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", pathCause(err)
	}
	return f.Name(), f.Close()
}

// startDump lets a dump to temp run in a goroutine of its own, which sees it
// through to the end whatever the caller does: the server holds its lock until
// then. It removes temp unless the dump is complete.
func (s *Session) startDump(temp string) (*dump, error) {
	d := &dump{cancel: make(chan struct{}), done: make(chan struct{}), progress: make(chan Progress, 1)}
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return nil, ErrClosed
	case s.dump != nil:
		s.mu.Unlock()
		return nil, ErrDumping
	}
	s.dump = d
	s.mu.Unlock()
	go func() {
		d.err = s.runDump(d, temp)
		if d.err != nil {
			os.Remove(temp)
		}
		s.mu.Lock()
		s.dump = nil
		s.mu.Unlock()
		close(d.done)
	}()
	return d, nil
}

// errCancelled is the end of a dump that was cancelled.
var errCancelled = errors.New("cancelled")

func (s *Session) runDump(d *dump, temp string) error {
	var start rpc2.DumpStartOut
	if err := s.client.CallAPI("DumpStart", rpc2.DumpStartIn{Destination: temp}, &start); err != nil {
		return s.explain(err)
	}
	state := start.State
	cancelled := false
	for state.Dumping {
		if !cancelled && (d.isCancelled() || s.targetGone()) {
			cancelled = true
			if err := s.client.CallAPI("DumpCancel", rpc2.DumpCancelIn{}, &rpc2.DumpCancelOut{}); err != nil {
				return s.explain(err)
			}
		}
		// Never State(NonBlocking) here: the server would keep a lock and the
		// next DumpWait would hang.
		var wait rpc2.DumpWaitOut
		if err := s.client.CallAPI("DumpWait", rpc2.DumpWaitIn{Wait: dumpPoll}, &wait); err != nil {
			return s.explain(err)
		}
		state = wait.State
		d.report(state)
	}
	d.total = state.MemTotal
	switch {
	case s.targetGone():
		// Delve writes zeros for memory that it cannot read.
		return fmt.Errorf("the process ended during the dump: %w", ErrExited)
	case state.Err != "":
		return errors.New(oneLine(state.Err))
	case !state.AllDone:
		return errCancelled
	}
	return nil
}

// targetGone reports whether the process that this session stopped has ended.
// Of the target of a server it cannot tell.
func (s *Session) targetGone() bool { return s.kind == KindProcess && tracee.Gone(s.pid) }

func (d *dump) isCancelled() bool {
	select {
	case <-d.cancel:
		return true
	default:
		return false
	}
}

// report leaves the newest progress for the caller, who may be slow.
func (d *dump) report(state api.DumpState) {
	p := Progress{
		ThreadsDone: state.ThreadsDone, ThreadsTotal: state.ThreadsTotal,
		BytesDone: state.MemDone, BytesTotal: state.MemTotal,
	}
	select {
	case <-d.progress:
	default:
	}
	d.progress <- p
}

func (s *Session) awaitDump(ctx context.Context, d *dump, progress func(Progress)) error {
	for {
		select {
		case p := <-d.progress:
			if progress != nil {
				progress(p)
			}
		case <-d.done:
			return d.err
		case <-ctx.Done():
			d.stop()
			if !awaitFor(d.done, closeTimeout) {
				return fmt.Errorf("%w, but Delve has not stopped writing yet", context.Cause(ctx))
			}
			if d.err == nil {
				return nil // it was complete by then
			}
			return context.Cause(ctx)
		}
	}
}

// finishDump checks the file that the server wrote and gives it its name.
func (s *Session) finishDump(d *dump, temp, path string) error {
	info, err := os.Stat(temp)
	switch {
	case err != nil:
		return pathCause(err)
	case info.Size() == 0:
		return fmt.Errorf("%s does not share this host's files: it wrote %s on its own", s.where, temp)
	case uint64(info.Size()) < d.total:
		return fmt.Errorf("the file has %d bytes for %d bytes of memory", info.Size(), d.total)
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return nil
}
