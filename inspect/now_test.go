package inspect_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// monotonic reads the clock that runtime.nanotime reads.
func monotonic(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

// The instant of a core lies between two readings of the target's clock, before
// and after the core was taken, however it is known.
func TestNowLiesWithinTheCapture(t *testing.T) {
	for _, tt := range []struct{ program, version, ldflags, by string }{
		{"waits", "", "-s -w", "the times of the last garbage collection"},
		{"timers", "go1.18.10", "", "values of type time.Time"},
		{"locks", "", "-s -w", "the clock of this host"},
	} {
		t.Run(tt.program, func(t *testing.T) {
			exe := target.Build(t, target.Spec{Program: tt.program, Go: tt.version, Ldflags: tt.ldflags})
			r := target.Start(t, exe, target.Options{})
			before := monotonic(t)
			c := r.Crash()
			after := monotonic(t)
			p := open(t, c)
			n := p.Now()
			if !n.Known || !strings.Contains(n.Source, tt.by) {
				t.Fatalf("%+v, want it by %s", n, tt.by)
			}
			// The clocks of the machine may be adjusted meanwhile.
			const drift = int64(50 * time.Millisecond)
			if n.Least > after || n.Most < before-drift || n.NS < before-drift || n.NS > after+drift {
				t.Errorf("%+v, but the core was taken between %d and %d", n, before, after)
			}
			if n.Accuracy() != inspect.About {
				t.Errorf("accuracy %q", n.Accuracy())
			}
		})
	}
}

// A core file that is older than what the target did last does not tell when it
// was taken: what is left is a lower bound.
func TestNowOfAFileWithAWrongTime(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "waits"}, target.Options{}, target.Kernel)
	b, err := os.ReadFile(c.Core)
	if err != nil {
		t.Fatal(err)
	}
	wrong := *c
	wrong.Core = filepath.Join(t.TempDir(), "core")
	if err := os.WriteFile(wrong.Core, b, 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-1000 * time.Hour)
	if err := os.Chtimes(wrong.Core, long, long); err != nil {
		t.Fatal(err)
	}
	p := open(t, &wrong)
	n := p.Now()
	if n.Known || n.Least == 0 || !strings.Contains(n.Source, "before the program's last activity") {
		t.Errorf("%+v", n)
	}
	for _, g := range goroutines(t, p) {
		if d, how, ok := g.Waited(); ok && how != inspect.AtLeast {
			t.Errorf("goroutine %d has waited %s %d", g.Goid, how, d)
		}
	}
	if right := open(t, c).Now(); !right.Known || right.Least != n.Least {
		t.Errorf("%+v, with a wrong time %+v", right, n)
	}
}

func TestDurationsAreAsExactAsTheInstant(t *testing.T) {
	exact := inspect.Now{NS: 100, Known: true, Least: 100, Most: 100}
	about := inspect.Now{NS: 100, Known: true, Least: 60, Most: 100}
	bounded := inspect.Now{Least: 60, Most: 100}
	for _, tt := range []struct {
		n            inspect.Now
		at           int64
		since, until int64
		sinceHow     inspect.Accuracy
		untilHow     inspect.Accuracy
		sinceOK      bool
		untilOK      bool
	}{
		{exact, 40, 60, -60, inspect.Exact, inspect.Exact, true, true},
		{exact, 140, 0, 40, inspect.Exact, inspect.Exact, true, true},
		{about, 40, 60, -60, inspect.About, inspect.About, true, true},
		{bounded, 40, 20, 0, inspect.AtLeast, "", true, false},
		{bounded, 140, 0, 80, "", inspect.AtMost, false, true},
		{inspect.Now{}, 40, 0, 0, "", "", false, false},
	} {
		d, how, ok := tt.n.Since(tt.at)
		if d != tt.since || how != tt.sinceHow || ok != tt.sinceOK {
			t.Errorf("%+v since %d: %q %d, %v", tt.n, tt.at, how, d, ok)
		}
		d, how, ok = tt.n.Until(tt.at)
		if d != tt.until || how != tt.untilHow || ok != tt.untilOK {
			t.Errorf("%+v until %d: %q %d, %v", tt.n, tt.at, how, d, ok)
		}
	}
}
