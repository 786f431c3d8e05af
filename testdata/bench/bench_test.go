package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rtdbg/testdata/bench/internal/cores"
)

// smokeSize is small enough for every machine.
const smokeSize = 1000

// TestBenchMeasuresEveryCommand is a whole run at the smallest size.
func TestBenchMeasuresEveryCommand(t *testing.T) {
	if err := cores.CanDump(); err != nil {
		if os.Getenv("RTDBG_REQUIRE_ORACLES") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	out := filepath.Join(t.TempDir(), "report")
	o, err := parse([]string{"-n", "1000", "-runs", "1", "-o", out})
	if err != nil {
		t.Fatal(err)
	}
	r, err := run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.cores {
		for i, c := range commands {
			if c.shape != "" && c.shape != m.shape {
				continue
			}
			if s, ok := m.cells[i].median(); !ok || s.wall <= 0 || s.rss <= 0 {
				t.Errorf("%s: %s: %+v, %v", m.name(), c.name, s, m.cells[i].err)
			}
		}
		for _, rival := range m.rivals {
			if _, ok := rival.median(); !ok {
				t.Errorf("%s: %s: %v", m.name(), rival.name, rival.err)
			}
		}
		if p := m.prompt; p.ready <= 0 || p.stack <= 0 || p.wakers <= 0 {
			t.Errorf("%s: prompt: %+v", m.name(), p)
		}
	}
	if len(r.cores[0].rivals) != 1 {
		t.Errorf("%d rivals, want Delve", len(r.cores[0].rivals))
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"## The limit", "### mixed, 1,000 goroutines", "| `why` |", "Delve", "first prompt"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the report has no %q:\n%s", want, text)
		}
	}
	checkCount(t, r)
}

// checkCount compares the number of goroutines that readlimit found, which
// shares no code with rtdbg, with rtdbg's.
func checkCount(t *testing.T, r *report) {
	t.Helper()
	for _, m := range r.cores {
		args := []string{"run", "rtdbg/cmd/rtdbg", "core", m.core.Exe, m.core.Core, "-o", "json", "goroutines", "--all"}
		cmd := exec.Command("go", args...)
		cmd.Stderr = os.Stderr
		text, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(text, []byte("\n")); got != m.limit.Goroutines || got < smokeSize {
			t.Errorf("%s: rtdbg lists %d goroutines, allgs has %d", m.name(), got, m.limit.Goroutines)
		}
	}
}

func TestMediansAndFormats(t *testing.T) {
	c := cell{samples: []sample{{wall: 5, cpu: 1, rss: 9}, {wall: 1, cpu: 3, rss: 7}, {wall: 3, cpu: 2, rss: 8}}}
	if m, ok := c.median(); !ok || m != (sample{wall: 3, cpu: 2, rss: 8}) {
		t.Errorf("median %+v, %v", m, ok)
	}
	if _, ok := (cell{}).median(); ok {
		t.Error("nothing has a median")
	}
	for got, want := range map[string]string{
		count(1): "1", count(1000): "1,000", count(123456): "123,456", count(1000000): "1,000,000",
		seconds(1500 * time.Microsecond): "1.5 ms", seconds(1234 * time.Millisecond): "1.23 s",
		megabytes(300 << 20): "300 MB", megabytes(1 << 19): "0.5 MB",
		nanos(time.Second, 1000): "1000000 ns", ratio(3*time.Second, 2*time.Second): "1.5",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestGoalsAreOfTimeAndOfMemory(t *testing.T) {
	m := &measured{n: 1_000_000}
	why := commands[0]
	for _, tt := range []struct {
		s    sample
		want string
	}{
		{sample{wall: time.Second, rss: 1 << 30}, "yes"},
		{sample{wall: 3 * time.Second, rss: 1 << 30}, "no: time"},
		{sample{wall: time.Second, rss: 2 << 30}, "no: RSS"},
		{sample{wall: 3 * time.Second, rss: 2 << 30}, "no: time, RSS"},
	} {
		if got := m.within(why, tt.s); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.s, got, tt.want)
		}
	}
}

func TestFlagsAreChecked(t *testing.T) {
	for _, args := range [][]string{{"-n", "x"}, {"-n", "0"}, {"-runs", "0"}, {"-shapes", "round"}, {"-commands", "whi"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%s: no error", strings.Join(args, " "))
		}
	}
}
