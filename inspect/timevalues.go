package inspect

import (
	"cmp"
	"maps"
	"slices"

	"rtdbg/inspect/locate"
	"rtdbg/inspect/mem"
)

// The parts of time.Time.wall where it has a monotonic reading (time.go), and
// the Unix time of the start of 1885, from which it counts seconds.
const (
	timeHasMonotonic = 1 << 63
	timeNsecShift    = 30
	timeNsecMask     = 1<<timeNsecShift - 1
	timeSecMask      = 1<<33 - 1
	timeWallStart    = -2682288000
)

// Plausible values: wall times from 2010 to 2100 in seconds, ten years of
// uptime in ns.
const (
	minTimeSec = 1262304000
	maxTimeSec = 4102444800
	maxTimeExt = 10 * 365 * 24 * 3600e9
)

// maxTimeMemory bounds the memory that is searched for values of time.Time, in
// bytes: a program that has not collected garbage is small, or has GOGC=off.
const maxTimeMemory = 128 << 20

// timeReading is what one value of time.Time says: wall time in Unix ns, and
// ns since time.startNano.
type timeReading struct{ wall, mono int64 }

// timeValues finds the offset between wall time and nanotime in values of
// time.Time that came from time.Now, wherever in memory: both readings of such
// a value are of one instant, even if the value is garbage by now or was moved
// by Add. Of those before captured, in Unix ns, the last counts. Values have
// the location time.Local; where that is not known two must agree.
func (p *Process) timeValues(captured int64) (offset int64, ok bool) {
	at, ok := p.symbol("time.startNano")
	if !ok {
		return 0, false
	}
	start, err := p.RT.ReadWord(at)
	if err != nil {
		return 0, false
	}
	byLoc := p.timesInMemory()
	for _, list := range byLoc {
		slices.SortFunc(list, func(a, b timeReading) int { return cmp.Compare(b.wall, a.wall) })
	}
	local, known := p.symbol("time.localLoc")
	for _, loc := range slices.Sorted(maps.Keys(byLoc)) {
		list := byLoc[loc]
		if known && loc != local {
			continue
		}
		for i, r := range list {
			if r.wall <= captured && (known || i+1 < len(list) && r.agrees(list[i+1])) {
				return r.wall - r.mono - int64(start), true
			}
		}
	}
	return 0, false
}

// agrees reports whether two different readings are of the same clocks, to a
// second.
func (r timeReading) agrees(o timeReading) bool {
	d := (r.wall - r.mono) - (o.wall - o.mono)
	return r != o && d > -1e9 && d < 1e9
}

// timesInMemory collects the values of time.Time in the target's memory, by
// location.
func (p *Process) timesInMemory() map[mem.Addr][]timeReading {
	byLoc := make(map[mem.Addr][]timeReading)
	budget := uint64(maxTimeMemory)
	for _, r := range locate.Present(p.Mem) {
		if r.Perm&mem.PermWrite == 0 || r.Size() > budget {
			continue
		}
		budget -= r.Size()
		if b, err := p.Mem.View(r.Start, int(r.Size())); err == nil {
			p.timesIn(b, byLoc)
		}
	}
	return byLoc
}

// maxTimes bounds the values that are compared.
const maxTimes = 1 << 12

// timesIn collects what b holds of values of time.Time with a monotonic
// reading, by their location, which is a package-level variable.
func (p *Process) timesIn(b []byte, byLoc map[mem.Addr][]timeReading) {
	o := p.arch.Order
	for i := 0; i+24 <= len(b); i += 8 {
		wall := o.Uint64(b[i:])
		nsec, sec := int64(wall&timeNsecMask), int64(wall>>timeNsecShift&timeSecMask)+timeWallStart
		mono := o.Uint64(b[i+8:])
		if wall&timeHasMonotonic == 0 || nsec >= 1e9 || sec < minTimeSec || sec > maxTimeSec || mono == 0 || mono > maxTimeExt {
			continue
		}
		loc := mem.Addr(o.Uint64(b[i+16:]))
		if p.RT.InData(loc) && len(byLoc[loc]) < maxTimes {
			byLoc[loc] = append(byLoc[loc], timeReading{sec*1e9 + nsec, int64(mono)})
		}
	}
}
