// Bench measures rtdbg on cores with many parked goroutines, beside other
// readers of the same cores:
//
//	go run ./testdata/bench
//
// makes the cores that are missing, builds rtdbg, runs each command as a whole
// process, Delve's ListGoroutines in the same run, and prints a report in
// Markdown (docs/PERFORMANCE.md holds the last). The rounds are interleaved: a
// machine that slows down does so for all. With all sizes it takes half an hour;
//
//	go run ./testdata/bench -n 1000,10000 -runs 1
//
// takes half a minute.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"rtdbg/testdata/bench/internal/cores"
)

// options are the flags.
type options struct {
	sizes    []int
	shapes   []string
	runs     int
	commands []string // "" is all of them
	base     string
	delveMax int
	others   bool
	repl     bool
	timeout  time.Duration
	out      string
}

func parse(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	sizes := f.String("n", "1000,10000,100000,1000000", "sizes: numbers of goroutines")
	shapes := f.String("shapes", "mixed,fanin,pairs,mutex", "shapes, of "+strings.Join(cores.Shapes, ", "))
	only := f.String("commands", "", "only these, by name (default all)")
	f.IntVar(&o.runs, "runs", 3, "runs of each command; the median is reported")
	f.StringVar(&o.base, "base", "", "another rtdbg executable, to be compared with in the same run")
	f.IntVar(&o.delveMax, "delve-max", 100_000, "largest size that Delve is given; it needs 8 GB and minutes for a million")
	f.BoolVar(&o.others, "others", false, "run gdb with runtime-gdb.py, viewcore and goref too, up to -delve-max")
	f.BoolVar(&o.repl, "repl", true, "measure the prompt")
	f.DurationVar(&o.timeout, "timeout", 10*time.Minute, "limit of one process")
	f.StringVar(&o.out, "o", "", "write the report to this file, not to standard output")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for s := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err == nil && n < 1 {
			err = errors.New("want at least 1")
		}
		if err != nil {
			return o, fmt.Errorf("-n %s: %w", *sizes, err)
		}
		o.sizes = append(o.sizes, n)
	}
	slices.Sort(o.sizes)
	o.shapes = strings.Split(*shapes, ",")
	for _, s := range o.shapes {
		if !slices.Contains(cores.Shapes, s) {
			return o, fmt.Errorf("-shapes %s: want some of %s", s, strings.Join(cores.Shapes, ", "))
		}
	}
	if *only != "" {
		o.commands = strings.Split(*only, ",")
	}
	for _, name := range o.commands {
		if !slices.ContainsFunc(commands, func(c command) bool { return c.name == name }) {
			return o, fmt.Errorf("-commands %s: that is not measured", name)
		}
	}
	if o.runs < 1 {
		return o, errors.New("-runs: want at least 1")
	}
	if o.base != "" {
		var err error
		if o.base, err = filepath.Abs(o.base); err != nil {
			return o, err
		}
	}
	return o, nil
}

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if _, err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, and writes the report where the flags say.
func run(ctx context.Context, o options) (*report, error) {
	scratch, err := os.MkdirTemp("", "rtdbg-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	tools, err := buildTools(ctx, scratch, o)
	if err != nil {
		return nil, err
	}
	r := &report{opts: o, machine: describeMachine(ctx)}
	for _, n := range o.sizes {
		for _, shape := range o.shapes {
			one, err := measureCore(ctx, o, tools, n, shape)
			if err != nil {
				return nil, fmt.Errorf("%s of %d goroutines: %w", shape, n, err)
			}
			r.cores = append(r.cores, one)
		}
	}
	if o.repl {
		if r.server, err = measureServer(ctx, o, tools); err != nil {
			return nil, err
		}
	}
	if o.out == "" {
		return r, r.write(os.Stdout)
	}
	f, err := os.Create(o.out)
	if err != nil {
		return nil, err
	}
	return r, errors.Join(r.write(f), f.Close())
}

// progress tells on standard error what is being done.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
