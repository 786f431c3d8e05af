package repl

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
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
// that is killed lose nothing.
type history struct {
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
	lines, err := readHistory(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(lines) > 2*historyLines {
		lines = lines[len(lines)-historyLines:]
		if err := rewriteHistory(path, lines); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return nil, err
	}
	return &history{file: f, lines: lines}, nil
}

// readHistory returns the lines of the file that are fit to be typed again.
func readHistory(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
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
	fmt.Fprintln(h.file, line)
}

func (h *history) close() {
	if h != nil {
		h.file.Close()
	}
}
