// Package delve drives Delve over its JSON-RPC API (version 2) and is the
// only package that imports it. For a core file or a process on this host the
// Delve server runs inside this process, behind an in-memory connection; no
// dlv binary is needed. A headless server is reached over TCP or a Unix
// socket.
//
// Delve opens the target, stops it, evaluates expressions, lists threads and
// writes core dumps. Bulk memory should be read elsewhere: a Session moves
// about 60 MB/s.
//
// # Stopping and resuming
//
// Attach stops the process, Detach and Close let it run on. A process that
// was stopped by a signal before is left stopped. Delve's own breakpoints are
// refused by the kernel ([tracee.RefuseWrites]), so that nothing is written into the
// process unless a client asks for it; where that cannot be had, they are removed
// right after attaching. Should this process die without closing the session, the
// kernel lets the target run on. Only SIGKILL within the fraction of a second in
// which Attach stops the threads leaves the target stopped, until it gets SIGCONT,
// which a [Guard] sends.
//
// Connect leaves the target of the server as it is: it is resumed on Close
// only where this session halted it, and no other client has resumed it since.
// [WatchServer] does that if this process is killed.
//
// # Other clients
//
// With [Listen] the server of a session lets others join. They come through a
// door of this package, which keeps the session's target from them in one thing:
// they cannot detach from it, nor kill it. Close sends them away first, and
// halts what they let run, so that Delve can take their breakpoints out.
//
// A server may have other clients, which resume and halt the target when they
// like, and it tells nobody. A read that does not end because the target runs
// is given up with ErrRunning: whether it runs is asked on a second connection,
// since the calls of one are answered in order. [Session.Instant] tells a target
// that ran and was halted again from one that stood still.
//
// # Cancellation
//
// A Delve server cannot interrupt a call. A method whose context ends returns
// at once, but the server goes on with that call, and further calls queue
// behind it; [Session.Busy] tells. Close waits for it a bounded time.
package delve
