package inspect

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"rtdbg/inspect/mem"
)

// Now is the instant of the capture on the target's own clock.
type Now struct {
	// NS is the nanotime of the instant, ns; meaningless unless Known.
	NS    int64
	Known bool
	// Source says in words where it comes from and how exact it is.
	Source string
	// Least and Most bound the instant, ns: it is not before Least, and not
	// after Most. 0 is no bound. For an exact one both are NS.
	Least, Most int64
}

// Accuracy says how well a duration is known: the word to put before it.
type Accuracy string

// The accuracies.
const (
	Exact   Accuracy = ""
	About   Accuracy = "about"
	AtLeast Accuracy = "at least"
	AtMost  Accuracy = "at most"
)

// exactNow is an instant that is known to the clock's own accuracy.
func exactNow(ns int64, source string) Now {
	return Now{NS: ns, Known: true, Source: source, Least: ns, Most: ns}
}

// Accuracy is that of durations up to NS, or from it, if NS is Known.
func (n Now) Accuracy() Accuracy {
	if n.Known && n.Least == n.NS && n.Most == n.NS {
		return Exact
	}
	return About
}

// Since returns how long before the instant the nanotime t lies, in ns. ok is
// false if nothing is known of that.
func (n Now) Since(t int64) (d int64, how Accuracy, ok bool) {
	switch {
	case n.Known:
		return max(n.NS-t, 0), n.Accuracy(), true
	case n.Least > t:
		return n.Least - t, AtLeast, true
	}
	return 0, "", false
}

// Until returns how long after the instant the nanotime t lies, in ns,
// negative if it is past. ok is false if nothing is known of that.
func (n Now) Until(t int64) (d int64, how Accuracy, ok bool) {
	switch {
	case n.Known:
		return t - n.NS, n.Accuracy(), true
	case n.Least > 0 && t > n.Least:
		return t - n.Least, AtMost, true
	}
	return 0, "", false
}

// Now returns the instant of the capture. That of a core is looked for when it
// is first asked for.
func (p *Process) Now() Now { return p.now() }

// liveNow is the instant for a process that is stopped on this host: the
// clock that runtime.nanotime reads.
func liveNow() Now {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return Now{Source: "unknown: " + err.Error()}
	}
	return exactNow(ts.Nano(), "the monotonic clock of this host")
}

// quiet is the time without a sign of life after which the core file's time of
// change is not believed. A running program that has collected garbage does so
// every two minutes (runtime.forcegcperiod, proc.go), which sysmon looks at
// every minute while nothing else happens.
const quiet = 3*time.Minute + 10*time.Second

// coreNow is the instant of a core: the time of change of the file, moved to
// the target's clock by a pair of wall time and nanotime that the target left.
// The file was last written some time after the process stopped, and a copy
// later still: so it is a bound, and it is believed to be close only if the
// last sign of life in the core is not long before it.
func (p *Process) coreNow(c *mem.Core) Now {
	if t, ok := p.RT.FakeTime(); ok {
		return exactNow(t, "runtime.faketime, the clock of a program built with the tag faketime")
	}
	n := Now{Least: p.RT.NowAtLeast()}
	captured := c.CaptureTime().UnixNano()
	offset, how, err := p.wallOffset(captured, n.Least)
	if err != nil {
		n.Source = "unknown: " + err.Error()
		return n
	}
	most := captured + fileTick - offset
	if most < n.Least {
		n.Source = "unknown: the core file's time of change is before the program's last activity"
		return n
	}
	n.Most = most
	if d := time.Duration(most - n.Least); d > quiet {
		n.Source = fmt.Sprintf("unknown: the core file's time of change is %v after the last sign of life; it may have been copied", d.Round(time.Second))
		return n
	}
	n.NS, n.Known = most, true
	n.Source = "the core file's time of change, at most a second or so late, by " + how
	return n
}

// fileTick is how far the times of files may lag behind the clock, in ns: the
// kernel takes them from its timer interrupt.
const fileTick = 10e6

// wallOffset returns what to subtract from a wall time (Unix ns) to get the
// target's nanotime, and how that is known. captured is the wall time of the
// capture at the latest, least a nanotime before it.
func (p *Process) wallOffset(captured, least int64) (offset int64, how string, err error) {
	offset, err = p.RT.WallOffset()
	if err == nil {
		return offset, "the times of the last garbage collection", nil
	}
	if offset, ok := p.timeValues(captured); ok {
		return offset, "values of type time.Time in its memory", nil
	}
	if offset, ok := hostOffset(); ok && least > 0 {
		// On another machine, or before it was last started, the clock would
		// hardly agree so well.
		if now := captured + fileTick - offset; now >= least && now-least < int64(quiet) {
			return offset, "the clock of this host, with which the program's agrees", nil
		}
	}
	return 0, "", fmt.Errorf("%w, and nothing else relates the program's clock to wall time", err)
}

// hostOffset returns the offset between wall time and the monotonic clock of
// this host.
func hostOffset() (offset int64, ok bool) {
	var wall, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &wall) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil {
		return 0, false
	}
	return wall.Nano() - mono.Nano(), true
}
