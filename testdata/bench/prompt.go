package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"

	"rtdbg/testdata/bench/internal/cores"
)

// prompt is how long a person at a terminal waits.
type prompt struct {
	// ready is from start to the first prompt. firstStack is the first
	// question for a goroutine behind it, stack the same for another;
	// firstWakers and wakers likewise.
	ready, firstStack, stack, firstWakers, wakers time.Duration
	rss                                           int64
}

// terminal is rtdbg at a pseudo-terminal that cannot move the cursor, so that
// what it prints can be read.
type terminal struct {
	file   *os.File
	cmd    *exec.Cmd
	config string // directory for its history, which is thrown away
	seen   chan string
}

// measurePrompt asks for goroutines among those of the program.
func measurePrompt(ctx context.Context, o options, rtdbg string, c cores.Core) (*prompt, error) {
	progress("prompt")
	ctx, cancel := limited(ctx, o)
	defer cancel()
	p := new(prompt)
	begin := time.Now()
	t, err := openTerminal(ctx, rtdbg, "core", c.Exe, c.Core)
	if err != nil {
		return nil, err
	}
	defer t.close()
	if _, err := t.untilPrompt(ctx); err != nil {
		return nil, err
	}
	p.ready = time.Since(begin)
	for _, q := range []struct {
		ask  string
		took *time.Duration
	}{
		{"stack(200)", &p.firstStack}, {"stack(500)", &p.stack},
		{"wakers(300)", &p.firstWakers}, {"wakers(600)", &p.wakers},
	} {
		if *q.took, err = t.ask(ctx, q.ask); err != nil {
			return nil, fmt.Errorf("%s: %w", q.ask, err)
		}
	}
	p.rss, err = t.end()
	return p, err
}

// ask types a question and returns how long the answer took.
func (t *terminal) ask(ctx context.Context, question string) (time.Duration, error) {
	begin := time.Now()
	if _, err := t.file.WriteString(question + "\r"); err != nil {
		return 0, err
	}
	text, err := t.untilPrompt(ctx)
	if err == nil && strings.Contains(text, "rror: ") {
		err = errors.New(strings.TrimSpace(text))
	}
	return time.Since(begin), err
}

func openTerminal(ctx context.Context, argv ...string) (*terminal, error) {
	config, err := os.MkdirTemp("", "rtdbg-bench-config-")
	if err != nil {
		return nil, err
	}
	t := &terminal{config: config, seen: make(chan string, 1024), cmd: exec.CommandContext(ctx, argv[0], argv[1:]...)}
	t.cmd.Env = append(os.Environ(), "TERM=dumb", "XDG_CONFIG_HOME="+config)
	if t.file, err = pty.StartWithSize(t.cmd, &pty.Winsize{Rows: 50, Cols: 200}); err != nil {
		return nil, errors.Join(err, os.RemoveAll(config))
	}
	go func() {
		defer close(t.seen)
		b := make([]byte, 64<<10)
		for {
			n, err := t.file.Read(b)
			if err != nil {
				return
			}
			t.seen <- string(b[:n])
		}
	}()
	return t, nil
}

// untilPrompt waits until the last line is a prompt and returns all until there.
func (t *terminal) untilPrompt(ctx context.Context) (string, error) {
	var text string
	for {
		select {
		case <-ctx.Done():
			return text, context.Cause(ctx)
		case s, ok := <-t.seen:
			if !ok {
				return text, fmt.Errorf("rtdbg ended at the terminal: %s", lastLine(text))
			}
			text += s
		}
		line := text[strings.LastIndexAny(text, "\r\n")+1:]
		if strings.HasPrefix(line, "core ") && strings.HasSuffix(line, "> ") {
			return text, nil
		}
	}
}

// end leaves rtdbg and returns its peak RSS.
func (t *terminal) end() (int64, error) {
	if _, err := t.file.WriteString("exit\r"); err != nil {
		return 0, err
	}
	for range t.seen { // until it closes the terminal
	}
	err := t.cmd.Wait()
	if u, ok := t.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss << 10, err
	}
	return 0, err
}

func (t *terminal) close() {
	t.file.Close()
	if t.cmd.ProcessState == nil {
		t.cmd.Process.Kill()
		t.cmd.Wait()
	}
	os.RemoveAll(t.config)
}
