package inspect_test

import (
	"context"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/debugger"
	"github.com/go-delve/delve/service/rpc2"
	"github.com/go-delve/delve/service/rpccommon"

	"rtdbg/inspect"
	"rtdbg/inspect/delve"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/render"
	"rtdbg/inspect/repl"
	"rtdbg/inspect/star"
)

// benchGoroutines is the number of parked goroutines in the benchmark's core.
const benchGoroutines = 100_000

// manyCore captures a core of a program with that many parked goroutines.
func manyCore(b *testing.B) *target.Capture {
	b.Helper()
	exe := target.Build(b, target.Spec{Program: "many"})
	r := target.Start(b, exe, target.Options{
		Args: []string{"-n", strconv.Itoa(benchGoroutines), "-shape", "mixed"},
		Env:  []string{"GOTRACEBACK=none"}, // the crash text is not wanted
	})
	core := b.TempDir() + "/core"
	s, err := delve.Attach(context.Background(), r.PID)
	if err != nil {
		target.Missing(b, "attach: %v", err)
	}
	if err := s.Dump(context.Background(), core, nil); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return &target.Capture{Exe: exe, Core: core, Vars: r.Vars}
}

// Listing all goroutines with stacks as JSON, from opening the core to the last
// byte, against Delve's ListGoroutines of the same core in the same run, which
// gives one frame of each. The ratio is the metric delve/rtdbg.
func BenchmarkGoroutinesJSON100k(b *testing.B) {
	c := manyCore(b)
	var ours, theirs time.Duration
	for b.Loop() {
		begin := time.Now()
		listByRtdbg(b, c)
		ours += time.Since(begin)
		begin = time.Now()
		listByDelve(b, c)
		theirs += time.Since(begin)
	}
	b.ReportMetric(ours.Seconds()/float64(b.N), "rtdbg-s/op")
	b.ReportMetric(theirs.Seconds()/float64(b.N), "delve-s/op")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "delve/rtdbg")
}

func listByRtdbg(b *testing.B, c *target.Capture) {
	ctx := context.Background()
	p, err := inspect.OpenCore(ctx, c.Exe, c.Core, inspect.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	script, err := star.Find("goroutines")
	if err != nil {
		b.Fatal(err)
	}
	format, err := render.Lookup("json")
	if err != nil {
		b.Fatal(err)
	}
	if err := repl.Run(ctx, p, repl.Request{Script: script, Format: format, Out: io.Discard}); err != nil {
		b.Fatal(err)
	}
}

func listByDelve(b *testing.B, c *target.Capture) {
	l, conn := service.ListenerPipe()
	s := rpccommon.NewServer(&service.Config{Listener: l, APIVersion: 2, ProcessArgs: []string{c.Exe},
		Debugger: debugger.Config{CoreFile: c.Core, Backend: "core"}})
	if err := s.Run(); err != nil {
		b.Fatal(err)
	}
	defer closeDelve(b, s.Stop, conn)
	gs, _, err := rpc2.NewClientFromConn(conn).ListGoroutines(0, 0)
	if err != nil || len(gs) < benchGoroutines {
		b.Fatalf("Delve lists %d goroutines, %v", len(gs), err)
	}
}

func closeDelve(b *testing.B, stop func() error, conn net.Conn) {
	if err := stop(); err != nil {
		b.Error(err)
	}
	conn.Close()
}
