package inspect_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
)

// The tests in this file are of what is easy to get wrong about the runtime's
// structures: the traps T1 to T10 of the notes on which rtdbg is built. Each
// shows that a capture has the trap in it, and that the answers are right
// nevertheless.

// forReleases captures a target built by each version of the matrix from minor
// number first to last, one subtest for each.
func forReleases(t *testing.T, spec target.Spec, first, last int, f func(t *testing.T, version string, c *target.Capture, p *inspect.Process)) {
	for _, version := range matrixReleases() {
		if n := minor(t, version); n < first || n > last {
			continue
		}
		t.Run(version, func(t *testing.T) {
			parallel(t)
			spec := spec
			spec.Go = version
			c := target.Take(t, spec, target.Options{}, target.Kernel)
			f(t, version, c, open(t, c))
		})
	}
}

// minor returns N of a version go1.N.P.
func minor(t *testing.T, version string) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(version, "go1.%d.", &n); err != nil {
		t.Fatalf("version %q: %v", version, err)
	}
	return n
}

// latest is above every minor number.
const latest = 1000

// T1. Since Go 1.26 g.waiting is set for semaphores too, and waitlink leads from
// there to the sudogs of other goroutines.
func TestWaitlinkLeadsToOthersSudogs(t *testing.T) {
	forReleases(t, target.Spec{Program: "locks"}, 26, latest, func(t *testing.T, _ string, c *target.Capture, p *inspect.Process) {
		first := goroutine(t, p, c.Vars.Ints(t, "mutex.waiters")[0])
		own, err := p.RT.ReadSudog(first.Waiting)
		if err != nil {
			t.Fatal(err)
		}
		other, err := p.RT.ReadSudog(own.WaitLink)
		if err != nil {
			t.Fatal(err)
		}
		if own.G != first.Addr || other.G == first.Addr {
			t.Errorf("g.waiting is goroutine %v's, its waitlink %v's; want %v's and another's", own.G, other.G, first.Addr)
		}
		checkWaitsOn(t, p, c, int64(first.Goid), wait.Mutex, wait.Lock, "mutex")
		if list, err := p.RT.WaitingSudogs(first.G); err != nil || len(list) != 1 {
			t.Errorf("%d sudogs of its own (%v), want 1", len(list), err)
		}
	})
}

// checkWaitsOn checks that a goroutine waits on the one object of the target
// that is called key.
func checkWaitsOn(t *testing.T, p *inspect.Process, c *target.Capture, goid int64, kind wait.Kind, op wait.Op, key string) {
	t.Helper()
	on := goroutine(t, p, goid).WaitsOn()
	if len(on) != 1 || on[0].Kind != kind || on[0].Op != op || on[0].Addr == nil || uint64(*on[0].Addr) != c.Vars.Addr(t, key) {
		t.Errorf("goroutine %d waits on %s, want %s %s %#x", goid, toJSON(t, on), kind, op, c.Vars.Addr(t, key))
	}
}

// T2. Since Go 1.26 the pointers of a sudog are two words, of which the garbage
// collector clears the first while it looks for leaked goroutines
// (runtime.maybeTraceablePtr, runtime2.go).
func TestHiddenPointersOfSudogs(t *testing.T) {
	for _, program := range []string{"locks", "waits"} {
		t.Run(program, func(t *testing.T) {
			forReleases(t, target.Spec{Program: program}, 26, latest, func(t *testing.T, _ string, c *target.Capture, p *inspect.Process) {
				hide := make(patch)
				for _, g := range goroutines(t, p) {
					sudogs, err := p.RT.WaitingSudogs(g.G)
					if err != nil {
						t.Fatal(err)
					}
					for _, s := range sudogs {
						hide.field(t, p, s.Addr, "runtime.sudog", "elem.vp", 0)
						hide.field(t, p, s.Addr, "runtime.sudog", hiddenChan(p), 0)
					}
				}
				if len(hide) < 40 {
					t.Errorf("only %d pointers were hidden", len(hide))
				}
				sameAnswers(t, p, open(t, hide.apply(t, c, p)))
			})
		})
	}
}

// hiddenChan is the path of the first word of sudog.c.
func hiddenChan(p *inspect.Process) string {
	if _, _, err := p.RT.Layout.Offset("runtime.sudog", "c.vp"); err == nil {
		return "c.vp"
	}
	return "c.maybeTraceablePtr.vp"
}

// T3. Up to Go 1.25 g.waiting says nothing of locks.
func TestLocksAreNotInWaiting(t *testing.T) {
	forReleases(t, target.Spec{Program: "locks"}, 18, 25, func(t *testing.T, _ string, c *target.Capture, p *inspect.Process) {
		for _, x := range []struct {
			goids, key string
			kind       wait.Kind
			op         wait.Op
		}{
			{"mutex.waiters", "mutex", wait.Mutex, wait.Lock},
			{"rwread.readers", "rwread", wait.RWMutex, wait.RLock},
			{"rwread.writer", "rwread", wait.RWMutex, wait.Lock},
			{"rwwrite.writers", "rwwrite", wait.RWMutex, wait.Lock},
			{"waitgroup.waiters", "waitgroup", wait.WaitGroup, wait.Wait},
			{"cond.waiters", "cond", wait.Cond, wait.Wait},
		} {
			for _, goid := range c.Vars.Ints(t, x.goids) {
				if g := goroutine(t, p, goid); g.Waiting != 0 {
					t.Errorf("%s: g.waiting is %v", x.key, g.Waiting)
				}
				checkWaitsOn(t, p, c, goid, x.kind, x.op, x.key)
			}
		}
	})
}

// T4. Wait reasons change their numbers between versions: 18 is "semacquire" up to
// Go 1.24 and "select" since 1.26. A stripped program has no constants to go by.
func TestWaitReasonsAreWords(t *testing.T) {
	numbers := make(map[string][]uint8)
	for _, version := range matrixReleases() {
		c := target.Take(t, target.Spec{Program: "waits", Go: version, Ldflags: "-s -w"}, target.Options{}, target.Kernel)
		p := open(t, c)
		for key, words := range map[string][]string{
			"selectmany": {"select"}, "sleep": {"sleep"}, "chanrecv": {"chan receive"}, "tcpsecondreader": {"semacquire"},
			"rwrlock": {"sync.RWMutex.RLock", "semacquire"}, "waitgroup": {"sync.WaitGroup.Wait", "semacquire"},
		} {
			g := goroutine(t, p, c.Vars.Int(t, key+".goid"))
			if !slices.Contains(words, g.WaitReason()) {
				t.Errorf("%s: %s: wait reason %q, want one of %q", version, key, g.WaitReason(), words)
			}
			if !slices.Contains(numbers[key], g.G.WaitReason) {
				numbers[key] = append(numbers[key], g.G.WaitReason)
			}
		}
	}
	for key, n := range numbers {
		if len(n) < 2 {
			t.Errorf("%s: the wait reason has number %d in every version", key, n)
		}
	}
}

// insideMinors are pairs of patches of one minor between which the layout of a
// structure changed, or a wait reason was added.
var insideMinors = []struct{ before, after, structure, field string }{
	{"go1.23.1", "go1.23.2", "runtime.timer", "isSending"},
	{"go1.23.2", "go1.23.3", "runtime.timer", "isSending"},
	{"go1.23.3", "go1.23.4", "", ""},
	{"go1.23.11", "go1.23.12", "runtime.m", "alllink"},
	{"go1.24.5", "go1.24.6", "runtime.m", "alllink"},
}

// T5. Layouts and wait reasons change inside minors: stripped programs of patches
// on both sides of each change are read by different tables, and rightly.
func TestLayoutsChangeInsideMinors(t *testing.T) {
	if !full() {
		t.Skip("only in the full matrix: it takes eight more toolchains")
	}
	for _, x := range insideMinors {
		t.Run(x.before+"-"+x.after, func(t *testing.T) {
			parallel(t)
			p, q := stripped(t, x.before), stripped(t, x.after)
			if x.structure == "" {
				n, m := p.RT.WaitReasons(), q.RT.WaitReasons()
				if len(m) != len(n)+1 || m[len(n)] != "GC weak to strong wait" {
					t.Errorf("%d wait reasons and %d, want one more", len(n), len(m))
				}
				return
			}
			a, _, err := p.RT.Layout.Offset(x.structure, x.field)
			b, _, berr := q.RT.Layout.Offset(x.structure, x.field)
			if berr != nil || err == nil && a == b {
				t.Errorf("%s.%s is at %d and at %d (%v, %v): nothing has changed", x.structure, x.field, a, b, err, berr)
			}
		})
	}
}

// stripped opens a stripped target with timers, of whose goroutines all that
// the runtime prints is compared.
func stripped(t *testing.T, version string) *inspect.Process {
	t.Helper()
	c := target.Take(t, target.Spec{Program: "timers", Go: version, Ldflags: "-s -w"}, target.Options{}, target.Kernel)
	p := open(t, c)
	compareGoroutines(t, c, p, target.Everything)
	checkTimers(t, c, p)
	return p
}

// T6. The compiler wraps a go statement with arguments in a function of its own,
// with which the goroutine starts.
func TestStartLooksThroughWrappers(t *testing.T) {
	for _, ldflags := range []string{"", "-s -w"} {
		t.Run("ldflags="+ldflags, func(t *testing.T) {
			forReleases(t, target.Spec{Program: "pool", Ldflags: ldflags}, 18, latest, func(t *testing.T, version string, c *target.Capture, p *inspect.Process) {
				wrapper := "main.main.gowrap"
				if minor(t, version) < 22 {
					wrapper = "main.main.func"
				}
				for _, goid := range c.Vars.Ints(t, "worker.goids") {
					frames := c.Crash(t).Goroutine(goid).Frames
					if outer := frames[len(frames)-2]; !strings.HasPrefix(outer.Func, wrapper) {
						t.Errorf("goroutine %d started with %s, want %sN", goid, outer.Func, wrapper)
					}
					if s := goroutine(t, p, goid).Start(); s != "main.(*pool).worker" {
						t.Errorf("goroutine %d: start is %s", goid, s)
					}
				}
			})
		})
	}
}

// T7. In a program whose go.mod is of a version before 1.23, channels do not name
// their timers up to Go 1.26 (GODEBUG asynctimerchan=1): they are found through
// the heaps alone.
func TestTimersOfOldModules(t *testing.T) {
	forReleases(t, target.Spec{Program: "timers", GoLine: "1.18"}, 23, latest, func(t *testing.T, version string, c *target.Capture, p *inspect.Process) {
		h, err := p.RT.Chan(addr(c.Vars.Addr(t, "timer.c")))
		if err != nil {
			t.Fatal(err)
		}
		if named := h.Timer != 0; named != (minor(t, version) >= 27) {
			t.Errorf("the channel names its timer: %v", named)
		}
		checkTimers(t, c, p)
	})
}

// T8. A core may hold a goroutine half-way into a wait: its status says that it
// waits but the queue does not have it.
func TestHalfParkedGoroutines(t *testing.T) {
	forReleases(t, target.Spec{Program: "waits"}, 18, latest, func(t *testing.T, _ string, c *target.Capture, p *inspect.Process) {
		recv := goroutine(t, p, c.Vars.Int(t, "chanrecv.goid"))
		io := goroutine(t, p, c.Vars.Int(t, "tcpread.goid"))
		ch := addr(c.Vars.Addr(t, "chanrecv"))
		half := make(patch)
		half.field(t, p, recv.Addr, "runtime.g", "parkingOnChan", 1)
		for _, c := range []mem.Addr{ch, addr(c.Vars.Addr(t, "selecttwo.r"))} {
			half.field(t, p, c, "runtime.hchan", "recvq.first", 0)
			half.field(t, p, c, "runtime.hchan", "recvq.last", 0)
		}
		// netpollblockcommit puts the goroutine in the place of pdWait, 2,
		// after its status has become waiting.
		half.field(t, p, *io.WaitsOn()[0].Addr, "runtime.pollDesc", "rg", 2)

		q := open(t, half.apply(t, c, p))
		checkWaitsOn(t, q, c, int64(recv.Goid), wait.Chan, wait.Recv, "chanrecv")
		if w, err := q.Waiters(context.Background(), ch); err != nil || len(w.Waiters) != 0 {
			t.Errorf("waiters of the channel: %s, %v", toJSON(t, w), err)
		}
		// What the select waits for is in its frame as well.
		for _, on := range goroutine(t, q, c.Vars.Int(t, "selecttwo.goid")).WaitsOn() {
			if r := uint64(*on.Addr) == c.Vars.Addr(t, "selecttwo.r"); r != (on.Op == wait.Recv) || on.Note != "" {
				t.Errorf("case of the select: %s", toJSON(t, on))
			}
		}
		if on := goroutine(t, q, int64(io.Goid)).WaitsOn(); len(on) != 1 || on[0].FD != nil || on[0].Note == "" {
			t.Errorf("IO wait: %s", toJSON(t, on))
		}
		for _, g := range []*inspect.Goroutine{recv, io} {
			if was, is := answer(t, p, int64(g.Goid)), answer(t, q, int64(g.Goid)); was.Verdict != is.Verdict {
				t.Errorf("goroutine %d: %s, parked %s", g.Goid, toJSON(t, is), toJSON(t, was))
			}
		}
	})
}

// T9. The stack of a goroutine that is dead, or whose stack is being moved, is not
// to be read; elements of sudogs point into the stacks of those who wait.
func TestStacksThatMustNotBeRead(t *testing.T) {
	forReleases(t, target.Spec{Program: "waits"}, 18, latest, func(t *testing.T, _ string, c *target.Capture, p *inspect.Process) {
		checkElems(t, p)
		deep := goroutine(t, p, c.Vars.Int(t, "deep.goid"))
		ended := goroutine(t, p, c.Vars.Int(t, "generic.goid"))
		const dead, copystack = 6, 8
		move := make(patch)
		move.field(t, p, deep.Addr, "runtime.g", "atomicstatus", copystack)
		move.field(t, p, ended.Addr, "runtime.g", "atomicstatus", dead)
		q := open(t, move.apply(t, c, p))
		checkDead(t, q, ended.Addr)
		moved := goroutine(t, q, int64(deep.Goid))
		if frames, err := moved.Frames(); moved.Status() != rt.CopyStack || len(frames) != 0 || err == nil {
			t.Errorf("%s goroutine has %d frames, error %v", moved.Status(), len(frames), err)
		}
		if a := answer(t, q, int64(deep.Goid)); len(a.Wakers) != 0 {
			t.Errorf("a goroutine that waits on nothing now: %s", toJSON(t, a))
		}
	})
}

// checkDead checks that nothing is said of the dead goroutine at a, nor of any
// other.
func checkDead(t *testing.T, p *inspect.Process, a mem.Addr) {
	t.Helper()
	found := false
	for _, g := range goroutines(t, p) {
		if !g.Dead() {
			continue
		}
		found = found || g.Addr == a
		if r := g.Record(); len(r.Frames) != 0 || len(r.WaitsOn) != 0 || r.WaitReason != nil {
			t.Errorf("a dead goroutine: %s", toJSON(t, r))
		}
	}
	if !found {
		t.Errorf("the goroutine at %v is not dead", a)
	}
}

// checkElems checks that the elements of sudogs that lie in a stack lie in that
// of the goroutine that waits: whoever completes the operation writes there.
func checkElems(t *testing.T, p *inspect.Process) {
	t.Helper()
	own := 0
	gs := goroutines(t, p)
	for _, g := range gs {
		sudogs, err := p.RT.WaitingSudogs(g.G)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sudogs {
			i := slices.IndexFunc(gs, func(o *inspect.Goroutine) bool {
				return !o.Dead() && s.C != 0 && s.Elem >= o.StackLo && s.Elem < o.StackHi
			})
			switch {
			case i < 0:
			case gs[i] == g:
				own++
			default:
				t.Errorf("goroutine %d: the element of sudog %v lies in the stack of goroutine %d", g.Goid, s.Addr, gs[i].Goid)
			}
		}
	}
	if own == 0 {
		t.Error("no element of a sudog lies in a stack")
	}
}

// T8. A core may catch the runtime between two writes: sched.nmidlelocked is below
// zero for a moment, and a new M is in the list before it has a g0 and a thread.
// The variables are found by structure all the same.
func TestVariablesAreFoundBetweenWrites(t *testing.T) {
	forReleases(t, target.Spec{Program: "pool", Ldflags: "-s -w"}, 18, latest, func(t *testing.T, _ string, c *target.Capture, p *inspect.Process) {
		ms, err := p.RT.AllMs()
		if err != nil || len(ms) < 3 {
			t.Fatalf("%d Ms (%v)", len(ms), err)
		}
		between := make(patch)
		between.field(t, p, p.RT.Globals.Sched, "runtime.schedt", "nmidlelocked", 1<<32-1)
		between.field(t, p, ms[0].Addr, "runtime.m", "g0", 0)
		between.field(t, p, ms[0].Addr, "runtime.m", "procid", 0)
		q := open(t, between.apply(t, c, p))
		if p.RT.Globals != q.RT.Globals {
			t.Errorf("variables are at %+v, want %+v", q.RT.Globals, p.RT.Globals)
		}
	})
}

// T10. allgs keeps the goroutines that are dead, and those of the threads that C may
// make, which have a status of their own since Go 1.26.
func TestAllgsHasDeadGoroutines(t *testing.T) {
	forReleases(t, target.Spec{Program: "cgo", Cgo: true}, 18, latest, func(t *testing.T, version string, c *target.Capture, p *inspect.Process) {
		count := make(map[rt.Status]int)
		for _, g := range goroutines(t, p) {
			if count[g.Status()]++; g.Dead() && p.RT.WaitReason(g.G) != "" {
				t.Errorf("a dead goroutine waits for %s", p.RT.WaitReason(g.G))
			}
		}
		extra := rt.Dead
		if minor(t, version) >= 26 {
			extra = rt.DeadExtra
		}
		if count[extra] == 0 {
			t.Errorf("no goroutine is %s: %v", extra, count)
		}
		compareGoroutines(t, c, p, target.Everything)
	})
}
