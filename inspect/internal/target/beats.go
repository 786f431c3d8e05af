package target

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Beats returns how often the heart of the target "beside" has beaten.
func (r *Running) Beats() int {
	r.tb.Helper()
	b, err := os.ReadFile(filepath.Join(r.Dir, "beats"))
	if err != nil {
		r.tb.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimLeft(string(b), "0"))
	if err != nil && len(b) > 0 && strings.Trim(string(b), "0") != "" {
		r.tb.Fatal(err)
	}
	return n
}

// AwaitBeats waits until the target "beside" has run on for a few beats.
func (r *Running) AwaitBeats() {
	r.tb.Helper()
	limit := time.Now().Add(readyLimit)
	for from := r.Beats(); r.Beats() < from+5; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			r.tb.Fatal("the target does not run on")
		}
	}
}

// AwaitStop waits until every thread of the target is stopped by a tracer.
func (r *Running) AwaitStop() {
	r.tb.Helper()
	limit := time.Now().Add(readyLimit)
	for !r.traced() {
		if time.Now().After(limit) {
			r.tb.Fatal("the target does not stop")
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *Running) traced() bool {
	stats, err := filepath.Glob("/proc/" + strconv.Itoa(r.PID) + "/task/*/stat")
	if err != nil || len(stats) == 0 {
		return false
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		_, after, _ := strings.Cut(string(b), ") ")
		if !strings.HasPrefix(after, "t") {
			return false
		}
	}
	return true
}
