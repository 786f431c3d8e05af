package repl

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	// historyLines is how many lines of earlier sessions are kept.
	historyLines = 1000
	// maxHistoryLine is the length in bytes above which a line is not worth
	// remembering.
	maxHistoryLine = 4096
)

// history is the lines typed in this and earlier sessions. Each line is
// appended to the file as it is typed, so that sessions side by side and one
// that is killed lose nothing. Who shortens the file does so in a new one: the
// lock on the old one tells the others, who go on in the new one.
type history struct {
	path string
	file *os.File
	// Lines are those of earlier sessions, the oldest first.
	lines []string
}

// HistoryFile is where the lines typed are remembered, in the user's
// configuration directory.
func HistoryFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "rtdbg", "history"), nil
}

// openHistory reads the history file and opens it to append. Only its owner
// may read it: expressions can contain what the target's memory contains.
func openHistory(path string) (*history, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	h := &history{path: path}
	if err := h.lock(); err != nil {
		return nil, err
	}
	defer func() { h.unlock() }()
	lines, err := readHistory(path)
	if err == nil && len(lines) > 2*historyLines {
		lines = lines[len(lines)-historyLines:]
		err = rewriteHistory(path, lines)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	h.lines = lines
	return h, nil
}

// lock opens the file that is at the path now, to append, and locks it.
func (h *history) lock() error {
	for {
		if h.file == nil {
			f, err := openToAppend(h.path)
			if err != nil {
				return err
			}
			h.file = f
		}
		if err := retry(func() error { return unix.Flock(int(h.file.Fd()), unix.LOCK_EX) }); err != nil {
			return fmt.Errorf("lock %s: %w", h.path, err)
		}
		ours, err := h.file.Stat()
		if err != nil {
			return err
		}
		if now, err := os.Stat(h.path); err == nil && os.SameFile(ours, now) {
			return nil
		}
		h.file.Close()
		h.file = nil
	}
}

// unlock lets other sessions add lines.
func (h *history) unlock() {
	if h.file != nil {
		// Closing the file unlocks it if this does not.
		_ = unix.Flock(int(h.file.Fd()), unix.LOCK_UN)
	}
}

// openToAppend opens a regular file that only its owner may read.
func openToAppend(path string) (*os.File, error) {
	// Opening a FIFO would wait for who reads it.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	switch {
	case err != nil:
	case !st.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file", path)
	default:
		err = f.Chmod(0o600)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readHistory returns the lines of the file that are fit to be typed again.
func readHistory(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if l := s.Text(); len(l) <= maxHistoryLine && utf8.ValidString(l) && l != "" {
			lines = append(lines, l)
		}
	}
	return lines, s.Err()
}

// rewriteHistory replaces the file by the given lines.
func rewriteHistory(path string, lines []string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "history-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(strings.Join(lines, "\n") + "\n")
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// add remembers a line. A failure to write loses it, no more.
func (h *history) add(line string) {
	if h == nil || len(line) > maxHistoryLine || strings.TrimSpace(line) == "" {
		return
	}
	if h.lock() == nil {
		fmt.Fprintln(h.file, line)
	}
	h.unlock()
}

func (h *history) close() {
	if h != nil && h.file != nil {
		h.file.Close()
	}
}
