// Readlimit measures the floor under every command that looks at all
// goroutines of a core: one thread reads exactly the bytes that are needed,
// each g and the used part of its stack, in the order of allgs, from the
// mapped core, and adds them up. Where the bytes lie is found first and not
// measured. It shares no code with rtdbg, so that it is a witness to the number
// of goroutines as well.
//
//	readlimit [-runs N] EXE CORE
//
// prints a Result as JSON.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Result is what Readlimit prints.
type Result struct {
	// Goroutines counts allgs, dead ones included.
	Goroutines int
	// GBytes are in g structures, StackBytes between stack pointers and
	// stacks' ends.
	GBytes, StackBytes int64
	// Wall and CPU are the time of each run in ns, mapping and page faults
	// included; CPU is user and system time.
	Wall, CPU []time.Duration
	// Sum keeps the reads from being optimised away.
	Sum uint64
}

func main() {
	runs := flag.Int("runs", 3, "measured runs, after one that is not")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: readlimit [-runs N] EXE CORE")
		os.Exit(2)
	}
	r, err := measure(flag.Arg(0), flag.Arg(1), *runs)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "readlimit:", err)
		os.Exit(1)
	}
}

// A span is bytes of the core file that lie together.
type span struct{ off, len int64 }

func measure(exe, core string, runs int) (*Result, error) {
	r := new(Result)
	spans, err := plan(exe, core, r)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(core)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	for i := 0; i <= runs; i++ {
		begin, used := time.Now(), cpu()
		b, err := syscall.Mmap(int(f.Fd()), 0, int(st.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			return nil, fmt.Errorf("map %s: %w", core, err)
		}
		r.Sum = sum(b, spans)
		took, used := time.Since(begin), cpu()-used
		if err := syscall.Munmap(b); err != nil {
			return nil, err
		}
		if i > 0 {
			r.Wall, r.CPU = append(r.Wall, took), append(r.CPU, used)
		}
	}
	return r, nil
}

// cpu is the time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sum reads every span once, in order.
func sum(b []byte, spans []span) uint64 {
	var total uint64
	for _, s := range spans {
		for part := b[s.off : s.off+s.len]; len(part) >= 8; part = part[8:] {
			total += binary.LittleEndian.Uint64(part)
		}
	}
	return total
}
