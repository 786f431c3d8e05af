package inspect

import (
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
}

// liveNow is the instant for a process that is stopped on this host: the
// clock that runtime.nanotime reads.
func liveNow() Now {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return Now{Source: "unknown: " + err.Error()}
	}
	return Now{NS: ts.Nano(), Known: true, Source: "the monotonic clock of this host"}
}

// quiet is the time without a sign of life after which the core file's time of
// change is said to be doubtful. A running program collects garbage every two
// minutes at the latest (runtime.forcegcperiod).
const quiet = 3 * time.Minute

// coreNow is the instant of a core: the time of change of the file, moved to
// the target's clock by the pair of wall time and nanotime that the last
// garbage collection left. The file was last written some time after the
// process stopped, and a copy later still: an instant far from the last sign
// of life in the core is not believed.
func (p *Process) coreNow(c *mem.Core) Now {
	least := p.RT.NowAtLeast(nil)
	offset, err := p.RT.WallOffset()
	if err != nil {
		return Now{Source: "unknown: " + err.Error()}
	}
	now := c.CaptureTime().UnixNano() - offset
	switch {
	case now < least:
		return Now{Source: "unknown: the core file's time of change is before the program's last activity"}
	case now-least > int64(quiet) && least > 0:
		return Now{NS: now, Known: true, Source: "the core file's time of change, long after the last garbage collection: too late if the file was copied"}
	}
	return Now{NS: now, Known: true, Source: "the core file's time of change, at most a second or so late"}
}
