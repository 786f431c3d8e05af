// Pause measures how long a process stands still while rtdbg captures it:
//
//	go run ./testdata/bench/pause
//
// starts the target heartbeat with each number of goroutines and size of the
// heap, attaches to it several times, and prints the medians and the worst in
// Markdown: what rtdbg says, and what the process itself noticed, by a goroutine
// that beats five thousand times a second and by work that passes through it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtdbg/testdata/bench/internal/cores"
)

// setting is a process to be captured.
type setting struct {
	goroutines, depth, heapMB int
	churn                     bool
}

var settings = []setting{
	{goroutines: 1000, depth: 4},
	{goroutines: 1000, depth: 4, churn: true},
	{goroutines: 1000, depth: 4, heapMB: 1000, churn: true},
	{goroutines: 10_000, depth: 4},
	{goroutines: 10_000, depth: 4, heapMB: 1000, churn: true},
	{goroutines: 100_000, depth: 4},
	{goroutines: 100_000, depth: 20},
	{goroutines: 100_000, depth: 4, heapMB: 1000},
}

// pulse is what the target says of the time since it was last asked.
type pulse struct {
	Gap   int64 `json:"gap_ns"`
	Done  int64 `json:"done"`
	Lost  int64 `json:"lost"`
	Delay int64 `json:"delay_ns"`
}

func main() {
	runs := flag.Int("runs", 7, "captures of each process")
	most := flag.Int("most", 100_000, "largest number of goroutines")
	flag.Parse()
	if err := measure(context.Background(), *runs, *most); err != nil {
		fmt.Fprintf(os.Stderr, "pause: %v\n", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, runs, most int) error {
	dir, err := os.MkdirTemp("", "rtdbg-pause-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	root, err := cores.Root(ctx)
	if err != nil {
		return err
	}
	rtdbg, target := filepath.Join(dir, "rtdbg"), filepath.Join(dir, "heartbeat")
	if err := build(ctx, root, rtdbg, "./cmd/rtdbg"); err != nil {
		return err
	}
	if err := build(ctx, filepath.Join(root, "testdata/targets"), target, "./heartbeat"); err != nil {
		return err
	}
	fmt.Println("| goroutines | calls deep | heap | others come and go | stood still, median | worst | its own beat, median | worst | work, worst delay | lost |")
	fmt.Println("|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|")
	for _, s := range settings {
		if s.goroutines > most {
			continue
		}
		line, err := s.measure(ctx, rtdbg, target, runs)
		if err != nil {
			return fmt.Errorf("%+v: %w", s, err)
		}
		fmt.Println(line)
	}
	return nil
}

func build(ctx context.Context, dir, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", pkg, err, text)
	}
	return nil
}

// measure captures one process several times.
func (s setting) measure(ctx context.Context, rtdbg, target string, runs int) (line string, err error) {
	cmd := exec.CommandContext(ctx, target, "-goroutines", strconv.Itoa(s.goroutines), "-depth", strconv.Itoa(s.depth),
		"-heap", strconv.Itoa(s.heapMB), "-churn="+strconv.FormatBool(s.churn))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	}()
	addr, err := ready(bufio.NewScanner(out))
	if err != nil {
		return "", err
	}
	time.Sleep(time.Second)
	var said, beats []time.Duration
	var worst pulse
	for range runs {
		if _, err := ask(addr); err != nil {
			return "", err
		}
		pause, err := attach(ctx, rtdbg, cmd.Process.Pid)
		if err != nil {
			return "", err
		}
		p, err := ask(addr)
		if err != nil {
			return "", err
		}
		said, beats = append(said, pause), append(beats, time.Duration(p.Gap))
		worst.Delay, worst.Lost = max(worst.Delay, p.Delay), worst.Lost+p.Lost
	}
	slices.Sort(said)
	slices.Sort(beats)
	return fmt.Sprintf("| %d | %d | %d MB | %s | %s | %s | %s | %s | %s | %d |", s.goroutines, s.depth, s.heapMB, yes(s.churn),
		ms(said[runs/2]), ms(said[runs-1]), ms(beats[runs/2]), ms(beats[runs-1]), ms(time.Duration(worst.Delay)), worst.Lost), nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/1e6) }

// ready waits until the target says that it is, and returns its address.
func ready(in *bufio.Scanner) (addr string, err error) {
	for in.Scan() {
		if a, ok := strings.CutPrefix(in.Text(), "addr="); ok {
			addr = a
		}
		if in.Text() == "ready" {
			return addr, nil
		}
	}
	return "", errors.New("the target ended without being ready")
}

// ask asks the target for its report.
func ask(addr string) (p pulse, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return p, err
	}
	defer c.Close()
	return p, json.NewDecoder(c).Decode(&p)
}

// stood is what rtdbg says of the pause.
var stood = regexp.MustCompile(`stood still for (\S+)`)

func attach(ctx context.Context, rtdbg string, pid int) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, rtdbg, "attach", strconv.Itoa(pid), "buckets")
	var text strings.Builder
	cmd.Stderr = &text
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("attach: %w: %s", err, text.String())
	}
	m := stood.FindStringSubmatch(text.String())
	if m == nil {
		return 0, fmt.Errorf("attach does not say how long the process stood still: %s", text.String())
	}
	return time.ParseDuration(m[1])
}
