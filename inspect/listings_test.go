package inspect_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wait"
)

// What is in the buffer of a channel, and what waiting senders would send, is
// printed as the target says.
func TestChannelsShowTheirValues(t *testing.T) {
	take(t, "chanvalues", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, name := range []string{"ints", "bytes", "floats", "bools", "texts", "pointers", "errors", "anys", "structs", "empty"} {
			r, err := p.Chan(context.Background(), addr(c.Vars.Addr(t, name)))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if got, want := strings.Join(r.Buffer, "; "), c.Vars.String(t, name+".buffer"); got != want {
				t.Errorf("%s: buffer %s, want %s", name, got, want)
			}
			if got, want := strings.Join(r.Sends, "; "), c.Vars.String(t, name+".sends"); got != want {
				t.Errorf("%s: to send %s, want %s", name, got, want)
			}
		}
	})
}

// The channels on which goroutines wait are listed with all that wait on them.
func TestChansListsThePool(t *testing.T) {
	take(t, "pool", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		list, err := p.Chans(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		workers := c.Vars.Ints(t, "worker.goids")
		first := &list[0]
		if uint64(first.Addr) != c.Vars.Addr(t, "jobs") || first.Receivers != len(workers) || first.Senders != 0 || first.Cap != 4 {
			t.Errorf("the channel with the most waiters is %s, want %#x with %d", toJSON(t, first), c.Vars.Addr(t, "jobs"), len(workers))
		}
		for _, id := range workers {
			if !slices.Contains(first.Goids, uint64(id)) {
				t.Errorf("worker %d does not wait on %s", id, toJSON(t, first))
			}
		}
	})
}

// Signal channels say which signals are sent to them.
func TestSignalChannelsNameTheSignals(t *testing.T) {
	take(t, "contexts", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		if got := onChan(t, c, p, "notify").Signals; !slices.Equal(got, []string{"SIGHUP", "SIGUSR2"}) {
			t.Errorf("notify: signals %v", got)
		}
	})
}

// The locks are listed with their queues in order.
func TestLocksListsTheQueues(t *testing.T) {
	take(t, "locks", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		list, err := p.Locks(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		find := func(key string) *inspect.LockRecord {
			i := slices.IndexFunc(list, func(l inspect.LockRecord) bool { return uint64(l.Addr) == c.Vars.Addr(t, key) })
			if i < 0 {
				t.Fatalf("%s at %#x is not among the locks %s", key, c.Vars.Addr(t, key), toJSON(t, list))
			}
			return &list[i]
		}
		for key, kind := range map[string]wait.Kind{
			"abba.a": wait.Mutex, "mutex": wait.Mutex, "collide2": wait.Mutex, "waitgroup": wait.WaitGroup, "cond": wait.Cond, "once": wait.Mutex,
		} {
			want := c.Vars.Ints(t, key+".waiters")
			l := find(key)
			if l.Kind != kind || l.Waiting != len(want) || !slices.Equal(signed(l.Goids), want) || l.Note != "" {
				t.Errorf("%s: %s, want waiters %v", key, toJSON(t, l), want)
			}
		}
		want := slices.Concat(c.Vars.Ints(t, "rwread.writer"), c.Vars.Ints(t, "rwread.readers"), c.Vars.Ints(t, "rwread.writers"))
		if l := find("rwread"); !slices.Equal(signed(l.Goids), want) {
			t.Errorf("rwread: %s, want %v", toJSON(t, l), want)
		}
	})
}

func signed(ids []uint64) []int64 {
	var list []int64
	for _, id := range ids {
		list = append(list, int64(id))
	}
	return list
}

// The timers are listed with when they fire and with what they do.
func TestTimersListsAll(t *testing.T) {
	take(t, "timers", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		list, err := p.Timers(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		check := func(key string, does inspect.TimerDoes, is func(r *inspect.TimerRecord) bool) *inspect.TimerRecord {
			t.Helper()
			i := slices.IndexFunc(list, func(r inspect.TimerRecord) bool { return r.Does == does && is(&r) })
			if i < 0 {
				t.Errorf("%s is not among %s", key, toJSON(t, list))
				return nil
			}
			if r := &list[i]; r.WhenNS == nil || *r.WhenNS < c.Vars.Int(t, key+".due.min") || *r.WhenNS > c.Vars.Int(t, key+".due.max") {
				t.Errorf("%s: %s", key, toJSON(t, r))
			}
			return &list[i]
		}
		waits := func(goid int64) func(r *inspect.TimerRecord) bool {
			return func(r *inspect.TimerRecord) bool { return r.Goid != nil && *r.Goid == uint64(goid) }
		}
		for i, goid := range c.Vars.Ints(t, "sleep.goids") {
			check("sleep"+string(rune('0'+i)), inspect.TimerWakes, waits(goid))
		}
		check("timer", inspect.TimerSends, waits(c.Vars.Int(t, "timer.goid")))
		for _, key := range []string{"ticker0", "ticker1"} {
			r := check(key, inspect.TimerSends, waits(c.Vars.Int(t, key+".goid")))
			if r != nil && (r.PeriodNS == nil || *r.PeriodNS != c.Vars.Int(t, key+".period")) {
				t.Errorf("%s: %s", key, toJSON(t, r))
			}
		}
		check("afterfunc", inspect.TimerStarts, func(r *inspect.TimerRecord) bool { return r.Func == "main.callback" })
	})
}

// A timer that will not fire is told from the others by those that wait for it.
func TestTimersThatNeverFire(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		list, err := p.Timers(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		var never []uint64
		for i := range list {
			if list[i].Never {
				never = append(never, *list[i].Goid)
			}
		}
		if want := []uint64{uint64(c.Vars.Int(t, "stoppedtimer.goid"))}; !slices.Equal(never, want) {
			t.Errorf("goroutines that wait for timers that never fire: %v, want %v", never, want)
		}
	})
}

// Descriptors are listed with the addresses that the program knows.
func TestNetpollNamesTheEnds(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		n, err := p.Netpoll(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for key, network := range map[string]string{
			"tcpaccept": "tcp", "tcpread": "tcp", "tcpdeadline": "tcp", "tcpwrite": "tcp", "udpread": "udp",
			"unixaccept": "unix", "unixread": "unix", "piperead": "file", "pipewrite": "file",
		} {
			fd := c.Vars.Int(t, key+".fd")
			i := slices.IndexFunc(n.Descriptors, func(d inspect.NetpollRecord) bool { return d.FD == fd })
			if i < 0 {
				t.Errorf("%s: file descriptor %d is not listed", key, fd)
				continue
			}
			d := &n.Descriptors[i]
			local := c.Vars[key+".local"]
			if key == "unixaccept" {
				local = "accept.sock" // of a listener it prints no address
			}
			ids := slices.Concat(d.Readers, d.Writers)
			if d.Net != network || !slices.Equal(ids, []uint64{uint64(c.Vars.Int(t, key+".goid"))}) ||
				d.Local != local || d.Remote != c.Vars[key+".remote"] {
				t.Errorf("%s: %s, want %s → %s", key, toJSON(t, d), local, c.Vars[key+".remote"])
			}
		}
	})
}
