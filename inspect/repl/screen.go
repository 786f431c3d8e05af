package repl

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/progress"
)

// screen is standard output of a session at a prompt. An answer that is longer
// than the terminal is high goes to a pager, from its first line on. It is held
// back for a moment, so that the first page does not show twice; what takes
// longer shows as it comes.
type screen struct {
	w     io.Writer
	bar   *progress.Bar
	pager string
	// lend gives the terminal to another program until back is called.
	lend func() (back func())

	// ending is held while an answer comes to its end.
	ending sync.Mutex
	mu     sync.Mutex
	// answer is the one in progress. What an evaluation that was left behind
	// prints when there is none is lost.
	answer *answer
}

// answer is what one evaluation prints.
type answer struct {
	// pages says that it may go to a pager.
	pages bool
	// ctx is that of the session, stop ends the evaluation.
	ctx  context.Context
	stop func()
	// room counts the lines that the screen has left, width is that of each.
	room  rowCounter
	held  []byte
	shown int // so many bytes of held are on the terminal
	timer *time.Timer

	cmd  *exec.Cmd
	pipe io.WriteCloser
	back func()
	// left says that the user has left the pager before the end.
	left bool
}

// holdBack is how long an answer is held back before it shows.
const holdBack = 100 * time.Millisecond

// newScreen returns the screen for what is written to w.
func newScreen(w io.Writer, t Terminal) *screen {
	s := &screen{w: w, bar: t.Bar, lend: func() func() { return func() {} }}
	if t.Edit {
		s.pager = t.Pager
	}
	return s
}

// begin opens an answer, which no pager shows if it is live, and returns the
// width of the terminal, 0 if that is unknown. stop ends the evaluation.
func (s *screen) begin(ctx context.Context, stop func(), live bool) (width int) {
	rows, cols := size(s.w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = &answer{
		ctx: ctx, stop: stop, pages: !live && s.pager != "" && rows > 1 && cols > 0,
		room: rowCounter{left: rows - 1, width: cols},
	}
	return cols
}

// size is that of the terminal that w is, 0 if it is none.
func size(w io.Writer) (rows, cols int) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(ws.Row), int(ws.Col)
}

// Write takes what an answer prints.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	a := s.answer
	if a == nil {
		s.mu.Unlock()
		return len(p), nil
	}
	s.bar.Quiet()
	if !a.pages {
		defer s.mu.Unlock()
		return s.w.Write(p)
	}
	if a.pipe == nil && !s.hold(a, p) {
		s.mu.Unlock()
		return len(p), nil
	}
	pipe, held := a.pipe, p
	if a.held != nil {
		held, a.held = a.held, nil
	}
	s.mu.Unlock()
	if pipe == nil {
		_, err := s.w.Write(held)
		return len(p), err
	}
	// Not under the lock: the pager reads no further than the user does.
	if _, err := pipe.Write(held); err != nil {
		s.leave(a)
		return 0, syscall.EPIPE
	}
	return len(p), nil
}

// hold keeps p, and reports whether the answer has become longer than the
// screen: then it is in held, for the pager, or for the terminal where there is
// no pager after all.
func (s *screen) hold(a *answer, p []byte) (long bool) {
	a.held = append(a.held, p...)
	if a.room.take(p) {
		if a.timer != nil {
			a.timer.Stop()
		}
		if !s.startPager(a) {
			a.pages = false
			a.held = a.held[a.shown:]
		}
		return true
	}
	switch {
	case a.shown > 0:
		a.show(s.w)
	case a.timer == nil:
		a.timer = time.AfterFunc(holdBack, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.answer == a && a.pipe == nil && a.pages {
				a.show(s.w)
			}
		})
	}
	return false
}

// show writes what is held to the terminal; a pager gets it all the same.
func (a *answer) show(w io.Writer) {
	if n, err := w.Write(a.held[a.shown:]); err == nil {
		a.shown += n
	}
}

// startPager starts the pager and reports whether it runs.
func (s *screen) startPager(a *answer) bool {
	argv := commandLine(s.pager)
	cmd := exec.CommandContext(a.ctx, argv[0], argv[1:]...)
	// Killed, it would leave the terminal in its own mode.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	cmd.Stdout, cmd.Stderr = s.w, os.Stderr
	if _, ok := os.LookupEnv("LESS"); !ok {
		cmd.Env = append(os.Environ(), "LESS="+lessFlags)
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return false
	}
	a.back = s.lend()
	if err := cmd.Start(); err != nil {
		a.back()
		return false
	}
	a.cmd, a.pipe = cmd, pipe
	return true
}

// leave ends an evaluation whose pager takes no more.
func (s *screen) leave(a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answer == a {
		a.left = true
		a.stop()
	}
}

// end shows the rest of the answer, waits until the user leaves the pager, and
// reports whether that was before the end.
func (s *screen) end() (left bool) {
	s.ending.Lock()
	defer s.ending.Unlock()
	s.mu.Lock()
	a := s.answer
	s.answer = nil
	if a == nil {
		s.mu.Unlock()
		return false
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	if a.pipe == nil && a.pages {
		a.show(s.w)
	}
	left = a.left
	s.mu.Unlock()
	if a.cmd != nil {
		a.pipe.Close()
		// How it ends says nothing of the answer.
		_ = a.cmd.Wait()
		a.back()
	}
	return left
}

// rowCounter counts the rows of a terminal that text takes.
type rowCounter struct {
	left, width, at int
	escape          bool
}

// take counts p, and reports whether there is no room for it.
func (c *rowCounter) take(p []byte) (over bool) {
	for _, b := range p {
		switch {
		case b == 0x1b:
			c.escape = true
		case c.escape:
			c.escape = b != 'm'
		case b == '\n':
			c.left--
			c.at = 0
		case b == '\t':
			c.at += 8 - c.at%8
		case b&0xc0 != 0x80: // not within a character
			if c.at++; c.at > c.width {
				c.left--
				c.at = 1
			}
		}
	}
	return c.left < 0 || c.left == 0 && c.at > 0
}

// lessFlags are what less does where the user has not said otherwise: it shows
// colours, and leaves what it has shown on the screen.
const lessFlags = "FRX"

// Pager returns the command line of the user's pager: that of $PAGER, "" if it
// is empty or cat; less where it is not set and less is installed.
func Pager() string {
	pager, ok := os.LookupEnv("PAGER")
	if !ok {
		pager = "less"
	}
	pager = strings.TrimSpace(pager)
	if pager == "" || pager == "cat" {
		return ""
	}
	if _, err := exec.LookPath(commandLine(pager)[0]); err != nil {
		return ""
	}
	return pager
}

// commandLine are the words of a command, those of a shell that runs it where it
// needs one.
func commandLine(s string) []string {
	if strings.ContainsAny(s, "|&;<>()$`\\\"'\n*?[#~=%") {
		return []string{"sh", "-c", s}
	}
	return strings.Fields(s)
}
