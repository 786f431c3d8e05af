package demo_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/demo"
	"rtdbg/inspect/wake"
)

// serve is the argument that makes the test program the service.
const serve = "serve-demo"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serve {
		fmt.Fprintln(os.Stderr, demo.Serve(os.Stdout))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// The diagnosis of the demo names every way in which the service is stuck.
func TestDiagnosisOfTheDemo(t *testing.T) {
	ctx := context.Background()
	c, err := demo.Take(ctx, serve)
	if err != nil {
		t.Skipf("no core of the demo: %v", err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(c.Core); err == nil {
			t.Errorf("%s is left behind", c.Core)
		}
	}()
	p, err := inspect.OpenCore(ctx, c.Exe, c.Core, inspect.Options{Warn: func(s string) { t.Error(s) }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	d, err := p.Why(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range d.Groups {
		if fn, ok := strings.CutPrefix(g.Function, "rtdbg/inspect/demo."); ok {
			got = append(got, fmt.Sprintf("%d %s [%s]: %s", g.Count, fn, g.State, g.Verdict))
		}
	}
	slices.Sort(got)
	want := []string{
		"1 dispatch [select]: never",
		"1 heartbeat [sleep]: external",
		"1 migrate [sync.WaitGroup.Wait]: never",
		"1 readUpdates [IO wait]: external",
		"1 transfer [sync.Mutex.Lock]: deadlock",
		"1 transfer [sync.Mutex.Lock]: deadlock",
		"4 worker [chan receive]: never",
	}
	if !slices.Equal(got, want) {
		t.Errorf("diagnosis:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if d.Stuck != 8 || d.Groups[0].Verdict != wake.Deadlock {
		t.Errorf("%d stuck, first %s; want 8, the deadlock first", d.Stuck, d.Groups[0].Verdict)
	}
}

// A service that does not become ready leaves nothing behind.
func TestTakeFailsCleanly(t *testing.T) {
	for _, args := range [][]string{{"-test.run=^$"}, {"-no-such-flag"}} {
		c, err := demo.Take(context.Background(), args...)
		if err == nil {
			t.Errorf("%v: captured %s", args, c.Core)
		} else if strings.Contains(strings.TrimSpace(err.Error()), "\n") {
			t.Errorf("%v: the error has more than one line: %q", args, err)
		}
	}
}
