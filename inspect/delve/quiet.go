package delve

import (
	"bufio"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/go-delve/delve/pkg/logflags"
)

// maxCaptured bounds the lines of Delve's output that are kept.
const maxCaptured = 32

// stderrMu serialises the replacement of os.Stderr, which is one for the
// process.
var stderrMu sync.Mutex

// silence turns Delve's loggers off, once, before its first server starts:
// they are made everywhere in it, and would look at os.Stderr each time.
var silence sync.Once

// discard is a logger of Delve that logs nothing.
type discard struct{}

func (discard) Debugf(string, ...any) {}
func (discard) Infof(string, ...any)  {}
func (discard) Warnf(string, ...any)  {}
func (discard) Errorf(string, ...any) {}
func (discard) Debug(...any)          {}
func (discard) Info(...any)           {}
func (discard) Warn(...any)           {}
func (discard) Error(...any)          {}

func silenceLoggers() {
	silence.Do(func() {
		logflags.SetLoggerFactory(func(bool, logflags.Fields, io.Writer) logflags.Logger { return discard{} })
	})
}

// stderrCapture has replaced os.Stderr. While Delve loads a target it writes
// warnings there, and offers no way to turn that off for a stripped
// executable (loadBinaryInfoElf in pkg/proc/bininfo.go). Only the Go variable
// is replaced: a fatal error of the Go runtime still reaches the descriptor.
type stderrCapture struct {
	saved, w *os.File
	done     chan struct{}
	once     sync.Once
	lines    []string
}

// captureStderr replaces os.Stderr until release. Where no pipe can be made
// it captures nothing.
func captureStderr() *stderrCapture {
	stderrMu.Lock()
	c := &stderrCapture{saved: os.Stderr, done: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		close(c.done)
		return c
	}
	c.w = w
	os.Stderr = w
	go c.read(r)
	return c
}

func (c *stderrCapture) read(r *os.File) {
	defer close(c.done)
	defer r.Close()
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" && len(c.lines) < maxCaptured {
			c.lines = append(c.lines, line)
		}
		if err != nil {
			// An over-long line is not an error of ReadString; what is left
			// after one is only the end of the pipe.
			_, _ = io.Copy(io.Discard, in)
			return
		}
	}
}

// release puts os.Stderr back and returns the captured lines. It may be
// called more than once.
func (c *stderrCapture) release() []string {
	c.once.Do(func() {
		os.Stderr = c.saved
		if c.w != nil {
			c.w.Close()
		}
		<-c.done
		stderrMu.Unlock()
	})
	return c.lines
}
