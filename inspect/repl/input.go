package repl

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/peterh/liner"
	"golang.org/x/sys/unix"
)

// errInterrupted is Ctrl-C at the prompt.
var errInterrupted = errors.New("interrupted")

// editor reads lines from the user.
type editor interface {
	// prompt reads one line without its end. It returns errInterrupted for
	// Ctrl-C and io.EOF for Ctrl-D.
	prompt(p string) (string, error)
	// remember adds a line to those that the arrow keys recall.
	remember(line string)
	// close restores the terminal. It may be called while prompt waits.
	close() error
}

// completer returns the completions of the word before the cursor, with what
// stands before it and behind it.
type completer func(line string, pos int) (head string, words []string, tail string)

// lineEditor edits lines on a terminal.
type lineEditor struct {
	state *liner.State
	// plain is the mode in which the terminal was found, nil if unknown.
	plain liner.ModeApplier
}

func newLineEditor(earlier []string, complete completer) *lineEditor {
	plain, err := liner.TerminalMode()
	if err != nil {
		plain = nil
	}
	s := liner.NewLiner()
	s.SetCtrlCAborts(true)
	s.SetTabCompletionStyle(liner.TabPrints)
	s.SetWordCompleter(liner.WordCompleter(complete))
	s.SetBeep(false)
	for _, l := range earlier {
		s.AppendHistory(l)
	}
	return &lineEditor{s, plain}
}

func (e *lineEditor) prompt(p string) (string, error) {
	// liner shows the prompt before it takes Ctrl-C from the terminal: a
	// quick one would be a signal in between.
	interruptKey(false)
	defer interruptKey(true)
	line, err := e.state.Prompt(p)
	switch {
	case errors.Is(err, liner.ErrPromptAborted):
		return "", errInterrupted
	case errors.Is(err, io.EOF):
		fmt.Println()
	}
	return line, err
}

// lend puts the terminal into the mode in which it was found, for another
// program; back takes it back.
func (e *lineEditor) lend() (back func()) {
	own, err := liner.TerminalMode()
	if err != nil || e.plain == nil {
		return func() {}
	}
	// Where this fails the other program finds the editor's mode.
	_ = e.plain.ApplyMode()
	return func() { _ = own.ApplyMode() }
}

// interruptKey says whether Ctrl-C at the terminal of standard input is a signal
// or a character.
func interruptKey(signals bool) {
	var m *unix.Termios
	err := retry(func() (err error) {
		m, err = unix.IoctlGetTermios(unix.Stdin, unix.TCGETS)
		return err
	})
	if err != nil {
		return // no terminal any more
	}
	m.Lflag &^= unix.ISIG
	if signals {
		m.Lflag |= unix.ISIG
	}
	// Where this fails Ctrl-C stays what it was.
	_ = retry(func() error { return unix.IoctlSetTermios(unix.Stdin, unix.TCSETS, m) })
}

// retry calls f until a signal does not interrupt it.
func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (e *lineEditor) remember(line string) { e.state.AppendHistory(line) }
func (e *lineEditor) close() error         { return e.state.Close() }

// plainReader reads lines where there is nothing to edit them with: a
// terminal that knows no cursor movement, or no terminal at all.
type plainReader struct {
	out   io.Writer
	lines chan inputLine
	// interrupts receives each Ctrl-C, which such a terminal sends as a
	// signal.
	interrupts <-chan os.Signal
}

type inputLine struct {
	text string
	err  error
}

// newPlainReader reads in on a goroutine of its own until ctx ends.
func newPlainReader(ctx context.Context, in io.Reader, out io.Writer, interrupts <-chan os.Signal) *plainReader {
	r := &plainReader{out: out, lines: make(chan inputLine), interrupts: interrupts}
	go func() {
		b := bufio.NewReader(in)
		for {
			text, err := b.ReadString('\n')
			if err != nil && text != "" {
				err = nil // the last line lacks its end
			}
			select {
			case r.lines <- inputLine{strings.TrimRight(text, "\r\n"), err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return r
}

func (r *plainReader) prompt(p string) (string, error) {
	fmt.Fprint(r.out, p)
	select {
	case l := <-r.lines:
		if l.err != nil {
			fmt.Fprintln(r.out)
		}
		return l.text, l.err
	case <-r.interrupts:
		fmt.Fprintln(r.out)
		return "", errInterrupted
	}
}

func (r *plainReader) remember(string) {}
func (r *plainReader) close() error    { return nil }
