package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rtdbg/testdata/bench/internal/cores"
)

// A command of rtdbg that is measured.
type command struct {
	name string
	args []string // ADDR stands for the channel of the shape fanin
	// shape is the only one that the command fits, "" if all do.
	shape string
	// goal is what it may take, by number of goroutines.
	goal map[int]time.Duration
}

const (
	k100 = 100_000
	m1   = 1_000_000
)

// commands are those for which limits were set, and others that look at all
// goroutines.
var commands = []command{
	{name: "why", args: []string{"why"}, goal: limits(300, 2000)},
	{name: "buckets", args: []string{"buckets"}, goal: limits(200, 1200)},
	{name: "waiters", args: []string{"waiters", "ADDR"}, shape: "fanin", goal: limits(200, 1000)},
	{name: "runq", args: []string{"runq"}, goal: limits(200, 300)},
	{name: "sched", args: []string{"sched"}, goal: limits(200, 300)},
	{name: "gc", args: []string{"gc"}},
	{name: "goroutines -o json", args: []string{"-o", "json", "goroutines"}, goal: limits(600, 6000)},
	{name: "wakers -o json", args: []string{"-o", "json", "wakers"}},
	{name: "deadlocks", args: []string{"deadlocks"}},
	{name: "leaks", args: []string{"leaks"}},
	{name: "graph", args: []string{"graph"}},
	{name: "stuck", args: []string{"stuck"}},
	{name: "leak_suspects", args: []string{"leak_suspects"}},
	{name: "write_pump", args: []string{"write_pump"}},
}

// rssGoal is the most memory that any of them may hold, in bytes.
var rssGoal = map[int]int64{k100: 300 << 20, m1: 1200 << 20}

// limits are in ms, for 100,000 and for 1,000,000 goroutines.
func limits(k, m time.Duration) map[int]time.Duration {
	return map[int]time.Duration{k100: k * time.Millisecond, m1: m * time.Millisecond}
}

// measured is all that was measured on one core.
type measured struct {
	n     int
	shape string
	core  cores.Core
	// coreBytes is the size of the core file.
	coreBytes int64
	limit     readLimit
	// cells and base are in order of commands.
	cells, base []cell
	rivals      []rival
	prompt      *prompt
}

// readLimit is what testdata/bench/readlimit prints.
type readLimit struct {
	Goroutines         int
	GBytes, StackBytes int64
	Wall, CPU          []time.Duration
}

// median is a plain read of the bytes that are needed.
func (l readLimit) median() sample {
	at := func(d []time.Duration) time.Duration { return slices.Sorted(slices.Values(d))[len(d)/2] }
	return sample{wall: at(l.Wall), cpu: at(l.CPU)}
}

// measureCore makes a core and runs everything on it.
func measureCore(ctx context.Context, o options, t *tools, n int, shape string) (*measured, error) {
	progress("%s, %d goroutines: core", shape, n)
	c, err := cores.Make(ctx, cores.Spec{N: n, Shape: shape})
	if err != nil {
		return nil, err
	}
	m := &measured{n: n, shape: shape, core: c, cells: make([]cell, len(commands)), base: make([]cell, len(commands))}
	st, err := os.Stat(c.Core)
	if err != nil {
		return nil, err
	}
	m.coreBytes = st.Size()
	if err := warm(c.Core); err != nil {
		return nil, err
	}
	if err := m.readLimit(ctx, o, t); err != nil {
		return nil, err
	}
	if shape == o.shapes[0] {
		m.rivals = t.rivals(o, n)
	}
	for round := range o.runs {
		progress("%s, %d goroutines: round %d of %d", shape, n, round+1, o.runs)
		if err := m.round(ctx, o, t); err != nil {
			return nil, err
		}
		if round == 0 {
			m.runRivals(ctx, o)
		}
	}
	if o.repl {
		if m.prompt, err = measurePrompt(ctx, o, t.rtdbg, c); err != nil {
			return nil, err
		}
	}
	return m, ctx.Err()
}

func (m *measured) readLimit(ctx context.Context, o options, t *tools) error {
	out, err := output(ctx, o, t.readlimit, "-runs", fmt.Sprint(o.runs), m.core.Exe, m.core.Core)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, &m.limit); err != nil {
		return fmt.Errorf("readlimit: %w", err)
	}
	if len(m.limit.Wall) == 0 || m.limit.Goroutines < m.n {
		return fmt.Errorf("the core has %d goroutines", m.limit.Goroutines)
	}
	return nil
}

// runRivals runs each rival once: they are slow.
func (m *measured) runRivals(ctx context.Context, o options) {
	for i := range m.rivals {
		if r := &m.rivals[i]; r.err == nil {
			progress("%s", r.name)
			r.add(measure(ctx, o, r.argv(m.core)))
		}
	}
}

// round runs each command once, beside its base.
func (m *measured) round(ctx context.Context, o options, t *tools) error {
	for i, c := range commands {
		if c.shape != "" && c.shape != m.shape || o.commands != nil && !slices.Contains(o.commands, c.name) {
			continue
		}
		args, err := c.arguments(m.core)
		if err != nil {
			return err
		}
		m.once(ctx, o, &m.cells[i], t.rtdbg, args)
		if o.base != "" {
			m.once(ctx, o, &m.base[i], o.base, args)
		}
	}
	return ctx.Err()
}

// once runs a command unless it has failed before.
func (m *measured) once(ctx context.Context, o options, c *cell, rtdbg string, args []string) {
	if c.err != nil {
		return
	}
	c.add(measure(ctx, o, append([]string{rtdbg, "core", m.core.Exe, m.core.Core}, args...)))
	if c.err != nil && !errors.Is(c.err, errUnknown) {
		progress("%v", c.err)
	}
}

// arguments puts the address into the command's arguments.
func (c command) arguments(core cores.Core) ([]string, error) {
	args := slices.Clone(c.args)
	at := slices.Index(args, "ADDR")
	if at < 0 {
		return args, nil
	}
	vars, err := os.ReadFile(filepath.Join(core.Dir, "vars"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(vars)) {
		if value, ok := strings.CutPrefix(line, "fanin.addr="); ok {
			args[at] = strings.TrimSpace(value)
			return args, nil
		}
	}
	return nil, fmt.Errorf("%s: the program did not say where its channel is", core.Dir)
}
