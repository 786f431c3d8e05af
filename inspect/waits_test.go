package inspect_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// take captures a target of each toolchain on which answers are compared, one
// subtest for each.
func take(t *testing.T, program string, f func(t *testing.T, c *target.Capture, p *inspect.Process)) {
	for _, version := range answered() {
		t.Run(orHost(version), func(t *testing.T) {
			parallel(t)
			c := target.Take(t, target.Spec{Program: program, Go: version}, target.Options{}, target.Kernel)
			f(t, c, open(t, c))
		})
	}
	takeArm64(t, program, f)
}

func goroutine(t *testing.T, p *inspect.Process, goid int64) *inspect.Goroutine {
	t.Helper()
	g, err := p.Goroutine(context.Background(), uint64(goid))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Each goroutine of the target waits on the object whose address it printed.
func TestGoroutinesWaitOnWhatTheTargetSays(t *testing.T) {
	cases := []struct {
		key  string
		kind wait.Kind
		op   wait.Op
		// since is the minor version in which the target has it.
		since int
	}{
		{"chanrecv", wait.Chan, wait.Recv, 18},
		{"chanrecvbuf", wait.Chan, wait.Recv, 18},
		{"chanrange", wait.Chan, wait.Recv, 18},
		{"chansend", wait.Chan, wait.Send, 18},
		{"chansendfull", wait.Chan, wait.Send, 18},
		{"ctxcancel", wait.Chan, wait.Recv, 18},
		{"sigrecv", wait.Chan, wait.Recv, 18},
		{"mutex", wait.Mutex, wait.Lock, 18},
		{"embedded", wait.Mutex, wait.Lock, 18},
		{"rwlockreader", wait.RWMutex, wait.Lock, 18},
		{"rwlockwriter", wait.RWMutex, wait.Lock, 18},
		{"rwrlockbehind", wait.RWMutex, wait.RLock, 18},
		{"rwrlock", wait.RWMutex, wait.RLock, 18},
		{"waitgroup", wait.WaitGroup, wait.Wait, 18},
		{"wggo", wait.Chan, wait.Recv, 25},
		{"cond", wait.Cond, wait.Wait, 18},
		{"once", wait.Mutex, wait.Lock, 18},
		{"after", wait.Chan, wait.Recv, 18},
		{"ticker", wait.Chan, wait.Recv, 18},
		{"locked", wait.Chan, wait.Recv, 18},
		{"deep", wait.Chan, wait.Recv, 18},
		{"generic", wait.Chan, wait.Recv, 18},
		{"closure", wait.Chan, wait.Recv, 18},
		{"labels", wait.Chan, wait.Recv, 18},
		{"finalizer", wait.Chan, wait.Recv, 18},
		{"cleanup", wait.Chan, wait.Recv, 25},
		{"pull", wait.Chan, wait.Recv, 23},
	}
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, x := range cases {
			if minor(t, p.Info().Go) < x.since {
				continue
			}
			g := goroutine(t, p, c.Vars.Int(t, x.key+".goid"))
			on := g.WaitsOn()
			if len(on) != 1 || on[0].Kind != x.kind || on[0].Op != x.op || on[0].Addr == nil || uint64(*on[0].Addr) != c.Vars.Addr(t, x.key) {
				t.Errorf("%s waits on %s, want %s %s %#x", x.key, toJSON(t, on), x.kind, x.op, c.Vars.Addr(t, x.key))
			}
		}
	})
}

// A select shows all its cases in the order of the source, the nil ones included.
func TestSelectShowsAllCases(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		addr := func(key string) string { return fmt.Sprintf("%#x", c.Vars.Addr(t, key)) }
		for key, want := range map[string][]string{
			"selectmany": {"recv " + addr("selectmany.r1"), "recv " + addr("selectmany.r2"), "send " + addr("selectmany.s1"),
				"recv nil", "recv " + addr("selectmany.r3"), "send " + addr("selectmany.s2")},
			"selecttwo":  {"recv " + addr("selecttwo.r"), "send " + addr("selecttwo.s")},
			"selectsame": {"recv " + addr("selectsame"), "send " + addr("selectsame")},
			"selectnone": {"wait nil"},
		} {
			var got []string
			for _, on := range goroutine(t, p, c.Vars.Int(t, key+".goid")).WaitsOn() {
				at := "nil"
				if on.Addr != nil {
					at = on.Addr.String()
				}
				got = append(got, string(on.Op)+" "+at)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: cases %v, want %v", key, got, want)
			}
		}
	})
}

// Nil channels and empty selects can never be woken, and that is certain.
func TestNobodyWakesNilChannels(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, key := range []string{"chanrecvnil", "chansendnil", "selectallnil", "selectnone"} {
			if a := answer(t, p, c.Vars.Int(t, key+".goid")); a.Verdict != wake.Never || len(a.Wakers) != 0 || a.Note == "" {
				t.Errorf("%s: %s", key, toJSON(t, a))
			}
		}
	})
}

func answer(t *testing.T, p *inspect.Process, goid int64) wake.Answer {
	t.Helper()
	a, err := p.Wakers(context.Background(), []*inspect.Goroutine{goroutine(t, p, goid)})
	if err != nil {
		t.Fatal(err)
	}
	return a[0]
}

// Sleeps, timers and deadlines end when the target says.
func TestTimersFireWhenTheTargetSays(t *testing.T) {
	take(t, "timers", checkTimers)
}

// checkTimers compares when the timers of the target timers fire.
func checkTimers(t *testing.T, c *target.Capture, p *inspect.Process) {
	t.Helper()
	due := map[int64]string{c.Vars.Int(t, "timer.goid"): "timer", c.Vars.Int(t, "sooner.goid"): "sooner",
		c.Vars.Int(t, "ticker0.goid"): "ticker0", c.Vars.Int(t, "ticker1.goid"): "ticker1"}
	for i, goid := range c.Vars.Ints(t, "sleep.goids") {
		due[goid] = fmt.Sprintf("sleep%d", i)
	}
	for goid, key := range due {
		lo, hi := c.Vars.Int(t, key+".due.min"), c.Vars.Int(t, key+".due.max")
		on := goroutine(t, p, goid).WaitsOn()
		if len(on) != 1 || on[0].WhenNS == nil || *on[0].WhenNS < lo || *on[0].WhenNS > hi {
			t.Errorf("%s: waits on %s, due between %d and %d", key, toJSON(t, on), lo, hi)
		}
		if a := answer(t, p, goid); a.Verdict != wake.External || a.Wakers[0].By != wake.Timer || a.Wakers[0].Certainty != wake.Proven {
			t.Errorf("%s: %s", key, toJSON(t, a))
		}
	}
}

// The time left is known once the target has collected garbage: to a second,
// since the time of the capture comes from the core file.
func TestTimeLeftIsRightToASecond(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		on := goroutine(t, p, c.Vars.Int(t, "sleep.goid")).WaitsOn()
		if len(on) != 1 || on[0].InNS == nil {
			t.Fatalf("waits on %s, with no time left (%s)", toJSON(t, on), p.Now().Source)
		}
		// The target sleeps for ten hours and is captured within a minute.
		if left := *on[0].InNS; left > 10*3600e9 || left < 10*3600e9-600e9 {
			t.Errorf("%d ns left of a sleep of ten hours", left)
		}
	})
}

// An IO wait names the file descriptor and direction.
func TestIOWaitNamesTheDescriptor(t *testing.T) {
	take(t, "network", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, x := range []struct {
			key, fd string
			op      wait.Op
		}{
			{"pair0.client", "pair0.client.fd", wait.Read}, {"pair0.server", "pair0.server.fd", wait.Read},
			{"pair2.client", "pair2.client.fd", wait.Read}, {"duplex.reader", "duplex.reader.fd", wait.Read},
			{"duplex.writer", "duplex.writer.fd", wait.Write}, {"accept", "listener.fd", wait.Read},
		} {
			on := goroutine(t, p, c.Vars.Int(t, x.key+".goid")).WaitsOn()
			if len(on) != 1 || on[0].FD == nil || *on[0].FD != c.Vars.Int(t, x.fd) || on[0].Op != x.op {
				t.Errorf("%s waits on %s, want fd %d to %s", x.key, toJSON(t, on), c.Vars.Int(t, x.fd), x.op)
			}
		}
		for _, key := range []string{"readdeadline", "writedeadline"} {
			if a := answer(t, p, c.Vars.Int(t, key+".goid")); len(a.Wakers) != 2 || a.Wakers[0].By != wake.Netpoll || a.Wakers[1].How != "deadline" {
				t.Errorf("%s: %s", key, toJSON(t, a))
			}
		}
	})
}

// A goroutine that waits in a method that was promoted to a type of the program
// stands where the program calls it.
func TestPlaceIsNoWrapper(t *testing.T) {
	take(t, "network", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		f, ok := goroutine(t, p, c.Vars.Int(t, "promoted.goid")).Place()
		if !ok || f.Func != "main.readPromoted" {
			t.Errorf("it stands at %s %s:%d, want main.readPromoted", f.Func, f.File, f.Line.Line)
		}
	})
}

// A system call names its thread.
func TestSyscallNamesTheThread(t *testing.T) {
	take(t, "waits", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		threads := make(map[uint64]string)
		for _, key := range []string{"sysread", "flock", "futex", "nanosleep"} {
			on := goroutine(t, p, c.Vars.Int(t, key+".goid")).WaitsOn()
			if len(on) != 1 || on[0].Kind != wait.Syscall || on[0].Thread == nil || *on[0].Thread == 0 {
				t.Errorf("%s waits on %s", key, toJSON(t, on))
				continue
			}
			if other := threads[*on[0].Thread]; other != "" {
				t.Errorf("%s and %s are on the same thread", key, other)
			}
			threads[*on[0].Thread] = key
		}
	})
}

// The queues of locks hold those that the target queued, in their order.
func TestWaitersAreInQueueOrder(t *testing.T) {
	take(t, "locks", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, key := range []string{"abba.a", "abba.b", "mutex", "collide0", "collide1", "collide2", "collide3", "waitgroup", "cond", "once", "cycle0", "cycle2"} {
			want := c.Vars.Ints(t, key+".waiters")
			w := waiters(t, p, c.Vars.Addr(t, key))
			var got []int64
			for i, x := range w.Waiters {
				got = append(got, int64(x.Goid))
				if x.Position != i {
					t.Errorf("%s: waiter %d has position %d", key, i, x.Position)
				}
			}
			if !slices.Equal(got, want) || w.Note != "" {
				t.Errorf("%s: waiters %v (%s), want %v", key, got, w.Note, want)
			}
		}
	})
}

func waiters(t *testing.T, p *inspect.Process, a uint64) *inspect.Waiters {
	t.Helper()
	w, err := p.Waiters(context.Background(), addr(a))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Readers and writers of an RWMutex are told apart.
func TestRWMutexWaiters(t *testing.T) {
	take(t, "locks", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, key := range []string{"rwread", "rwwrite"} {
			byOp := make(map[wait.Op][]int64)
			for _, x := range waiters(t, p, c.Vars.Addr(t, key)).Waiters {
				byOp[x.Op] = append(byOp[x.Op], int64(x.Goid))
			}
			writers := c.Vars.Ints(t, key+".writers")
			if key == "rwread" {
				writers = append(writers, c.Vars.Int(t, key+".writer"))
			}
			slices.Sort(writers)
			slices.Sort(byOp[wait.Lock])
			if !slices.Equal(byOp[wait.RLock], c.Vars.Ints(t, key+".readers")) || !slices.Equal(byOp[wait.Lock], writers) {
				t.Errorf("%s: readers %v, writers %v; want %v, %v", key, byOp[wait.RLock], byOp[wait.Lock], c.Vars.Ints(t, key+".readers"), writers)
			}
		}
	})
}

// The goroutine that holds a lock is among those that can wake its waiters,
// with the frame that refers to the lock.
func TestHoldersAreWakers(t *testing.T) {
	take(t, "locks", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, key := range []string{"abba.a", "abba.b", "mutex", "collide0", "collide3", "once", "rwwrite"} {
			holder := uint64(c.Vars.Int(t, key+".holder"))
			var first int64
			if key == "rwwrite" {
				first = c.Vars.Ints(t, key+".readers")[0]
			} else {
				first = c.Vars.Ints(t, key+".waiters")[0]
			}
			a := answer(t, p, first)
			i := slices.IndexFunc(a.Wakers, func(w wake.Waker) bool { return w.Goid == holder || slices.Contains(w.Goids, holder) })
			if i < 0 {
				t.Errorf("%s: holder %d is not among the wakers %s", key, holder, toJSON(t, a))
				continue
			}
			if w := a.Wakers[i]; !strings.HasPrefix(w.Evidence[0], "frame ") || w.How != "unlock" {
				t.Errorf("%s: %s", key, toJSON(t, w))
			}
		}
	})
}

// Goroutines that hold what the other needs, and that nobody else can reach,
// are a deadlock.
func TestAbbaIsADeadlock(t *testing.T) {
	take(t, "locks", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, key := range []string{"abba.a", "abba.b"} {
			if a := answer(t, p, c.Vars.Int(t, key+".holder")); a.Verdict != wake.Deadlock {
				t.Errorf("%s: %s", key, toJSON(t, a))
			}
		}
	})
}

// The workers of a pool whose producer is gone have no wakers but through main,
// which keeps the pool.
func TestChannelWaitersAreAllThere(t *testing.T) {
	take(t, "pool", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		w := waiters(t, p, c.Vars.Addr(t, "jobs"))
		var got []int64
		for _, x := range w.Waiters {
			got = append(got, int64(x.Goid))
		}
		slices.Sort(got)
		want := c.Vars.Ints(t, "worker.goids")
		slices.Sort(want)
		if !slices.Equal(got, want) || w.Object.Kind != wait.Chan || w.Object.Type != "chan main.job" || *w.Object.Cap != 4 || *w.Object.Len != 0 {
			t.Errorf("%s, want waiters %v", toJSON(t, w), want)
		}
	})
}

// The run queues hold the runnable goroutines in the order of the target.
func TestRunQueueOrder(t *testing.T) {
	take(t, "runq", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		q, err := p.RunQ(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		// Main, which spins, readied them all: its P has them, the last one
		// as runnext.
		ids := c.Vars.Ints(t, "runnable.goids")
		i := slices.IndexFunc(q.Ps, func(p inspect.RunQP) bool { return p.Goid != nil && *p.Goid == uint64(c.Vars.Int(t, "main.goid")) })
		if i < 0 {
			t.Fatalf("main runs on no P: %s", toJSON(t, q))
		}
		var got []int64
		for _, id := range q.Ps[i].RunQ {
			got = append(got, int64(id))
		}
		if q.Ps[i].RunNext != nil {
			got = append(got, int64(*q.Ps[i].RunNext))
		}
		if !slices.Equal(got, ids) || q.NowRunnable != len(ids) {
			t.Errorf("%s, want %v", toJSON(t, q), ids)
		}
		for j, id := range ids {
			g := goroutine(t, p, id)
			on := g.WaitsOn()
			if g.Status() != rt.Runnable || len(on) != 1 || on[0].Queue == "" || !strings.HasSuffix(on[0].Queue, "runnext") && *on[0].Position != j {
				t.Errorf("goroutine %d: %s %s", id, g.Status(), toJSON(t, on))
			}
			runs := fmt.Sprintf("P %d runs goroutine %d", q.Ps[i].ID, c.Vars.Int(t, "main.goid"))
			if !strings.HasPrefix(on[0].Note, runs) {
				t.Errorf("goroutine %d: %q, want what keeps it: %q", id, on[0].Note, runs)
			}
			if on[0].ReadyNS != nil && *on[0].ReadyNS < 0 {
				t.Errorf("goroutine %d has been runnable for %d ns", id, *on[0].ReadyNS)
			}
			if a := answer(t, p, id); a.Verdict != wake.Woken {
				t.Errorf("goroutine %d: %s", id, toJSON(t, a))
			}
		}
	})
}

// What is no channel and no lock is refused, not believed.
func TestWaitersChecksTheAddress(t *testing.T) {
	take(t, "locks", func(t *testing.T, c *target.Capture, p *inspect.Process) {
		g := goroutine(t, p, 1)
		for name, a := range map[string]uint64{
			"nil": 0, "unmapped": 0x10, "a goroutine": uint64(g.Addr), "a stack": uint64(g.SchedSP), "code": uint64(g.StartPC),
			"the middle of a lock": c.Vars.Addr(t, "mutex") + 4, "far away": 0xffff_ffff_ffff_fff0,
		} {
			w, err := p.Waiters(context.Background(), addr(a))
			if err == nil {
				t.Errorf("%s (%#x): %s", name, a, toJSON(t, w))
			} else if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: the error has more than one line: %q", name, err)
			}
		}
	})
}
