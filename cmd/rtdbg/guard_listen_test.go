package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect/repl/repltest"
)

// breakpointAt finds in what dlv prints where it has set a breakpoint.
var breakpointAt = regexp.MustCompile(`Breakpoint 1 set at (0x[0-9a-f]+) for main\.lock\(\)`)

// prompt is rtdbg on a terminal.
type prompt interface {
	Kill()
	Send(string)
}

// The breakpoints of a dlv that has joined do not outlive rtdbg, in whatever way
// that ends.
func TestBreakpointsOfGuestsEndWithRtdbg(t *testing.T) {
	exe := build(t)
	for _, tt := range []struct {
		name string
		end  func(k prompt)
	}{
		{"left", func(k prompt) { k.Send("\x04") }}, // Ctrl-D
		{"killed", func(k prompt) { k.Kill() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := repltest.Patient{Program: "beside"}.Start(t)
			k := repltest.OnTerminal(t, exec.Command(exe, "attach", "--listen", ":0", strconv.Itoa(r.PID)), env(t))
			k.Expect("rtdbg: others can join with: dlv connect ")
			addr := strings.TrimSpace(k.Expect("\n"))
			k.Expect("goroutines)> ")
			dlv := repltest.DelveTerminal(t, "connect", addr)
			m := breakpointAt.FindStringSubmatch(dlv.Command("break main.lock"))
			if m == nil {
				t.Fatal("dlv has set no breakpoint")
			}
			before := codeAt(t, r.PID, m[1])
			dlv.Resume()
			r.AwaitBeats()
			tt.end(k)
			for end := time.Now().Add(time.Minute); codeAt(t, r.PID, m[1]) == before; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the breakpoint stays")
				}
			}
			r.AwaitBeats()
		})
	}
}

// codeAt is a byte of the code of a process.
func codeAt(t *testing.T, pid int, address string) byte {
	t.Helper()
	at, err := strconv.ParseInt(address, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	return b[0]
}
