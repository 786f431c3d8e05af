// Mkcore makes the core file of a program with a great number of parked
// goroutines, for benchmarks:
//
//	go run ./testdata/bench/mkcore -n 1000000 -shape mixed
//
// prints the paths of the executable and of the core, as arguments of
// "rtdbg core". A core that was made before is found again. A million
// goroutines need 3 to 4 GB of memory and of disk.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"rtdbg/testdata/bench/internal/cores"
)

func main() {
	n := flag.Int("n", 1000000, "number of goroutines")
	shape := flag.String("shape", "mixed", strings.Join(cores.Shapes, ", ")+" or all of them: all")
	out := flag.String("o", "", "directory for exe and core, SHAPE-N in it for all shapes")
	goCmd := flag.String("go", "", "version that builds the program, such as go1.22.12, or the path of a go command")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, cores.Spec{N: *n, Shape: *shape, Go: *goCmd}, *out); err != nil {
		fmt.Fprintln(os.Stderr, "mkcore:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s cores.Spec, out string) error {
	if s.Shape != "all" {
		return one(ctx, s, out)
	}
	for _, shape := range cores.Shapes {
		s.Shape = shape
		dir := out
		if out != "" {
			dir = fmt.Sprintf("%s/%s-%d", out, shape, s.N)
		}
		if err := one(ctx, s, dir); err != nil {
			return err
		}
	}
	return nil
}

func one(ctx context.Context, s cores.Spec, out string) error {
	c, err := cores.Make(ctx, s)
	if err != nil {
		return err
	}
	if out != "" {
		if err := c.LinkTo(out); err != nil {
			return fmt.Errorf("link %s to %s: %w", c.Dir, out, err)
		}
		c.Exe, c.Core = out+"/exe", out+"/core"
	}
	fmt.Println(c.Exe, c.Core)
	return nil
}
