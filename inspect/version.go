package inspect

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/locate"
	"rtdbg/inspect/mem"
)

// version is what is known of the Go version that built the target.
type version struct {
	// declared is what the build information says, or the debugger; "" where
	// neither says anything, for the reason err.
	declared string
	err      error
	// own are the versions that the program's memory names: that in
	// runtime.buildVersion, or where this cannot be told from other strings,
	// all strings that name one.
	own []string
}

// names are the versions to go by, the most credible first: the declared one,
// unless the program itself only knows of others.
func (v version) names() []string {
	if v.declared == "" {
		return v.own
	}
	if v.contradicted() {
		return append(slices.Clone(v.own), v.declared)
	}
	return []string{v.declared}
}

// contradicted reports whether the program itself has a version, and not that
// which is declared.
func (v version) contradicted() bool {
	return v.declared != "" && len(v.own) > 0 && !slices.Contains(v.own, v.declared)
}

// oldest is the first Go minor that is supported.
const oldest = 18

// tooOld returns an error for a version before those that are supported.
func (v version) tooOld() error {
	if errors.Is(v.err, exe.ErrOldBuildInfo) {
		return fmt.Errorf("%w: go1.%d is the oldest that is supported", v.err, oldest)
	}
	names := v.names()
	for _, name := range names {
		if n, err := minorOf(name); err != nil || n >= oldest {
			return nil
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("built by %s: go1.%d is the oldest that is supported", names[0], oldest)
}

// version finds out which Go version built the target. symbols looks up the
// program's variables.
func (p *Process) version(t target, symbols locate.Symbols) version {
	var v version
	if p.exe != nil {
		b, err := p.exe.BuildInfo()
		if err != nil {
			v.err = err
		} else {
			v.declared = b.GoVersion
		}
	}
	if v.declared == "" {
		b, err := p.buildInfoInMemory(t)
		if err == nil {
			v.declared = b.GoVersion
		} else if v.err == nil {
			v.err = err
		}
	}
	v.own = p.ownVersions(t, symbols)
	if v.declared == "" && len(v.own) == 0 {
		// The debugger leaves experiments out.
		v.declared = t.goVersion
	}
	return v
}

// maxDataRange bounds the ranges that are searched as the program's data, in
// bytes.
const maxDataRange = 256 << 20

// dataRanges lists where the program's initialised data may lie: in the
// writable segments of the executable, or without one, in what is mapped
// writable, from files if there are such ranges.
func (p *Process) dataRanges(t target) []mem.Range {
	var list, anonymous []mem.Range
	if p.exe != nil {
		for _, s := range p.exe.DataSegments() {
			start := mem.Addr(s.Vaddr + t.bias)
			list = append(list, mem.Range{Start: start, End: start + mem.Addr(s.Filesz)})
		}
		return list
	}
	for _, r := range locate.Present(p.Mem) {
		switch {
		case r.Perm&mem.PermWrite == 0 || r.Size() > maxDataRange:
		case r.File != "":
			list = append(list, r)
		default:
			anonymous = append(anonymous, r)
		}
	}
	return append(list, anonymous...)
}

// buildInfoInMemory finds the build information in the target's memory: it
// lies in the program's writable data, which every core has.
func (p *Process) buildInfoInMemory(t target) (*exe.BuildInfo, error) {
	err := errors.New("no Go build information in its memory")
	for _, r := range p.dataRanges(t) {
		b, e := p.Mem.View(r.Start, int(r.Size()))
		if e != nil {
			continue
		}
		info, e := exe.SearchBuildInfo(b, uint64(r.Start))
		if e == nil {
			return info, nil
		}
		if errors.Is(e, exe.ErrOldBuildInfo) {
			err = e
		}
	}
	return nil, err
}

// ownVersions returns what runtime.buildVersion holds. In a stripped program
// that is one of the strings in its data, all of which that name a version are
// returned.
func (p *Process) ownVersions(t target, symbols locate.Symbols) []string {
	if a, ok := symbols("runtime.buildVersion"); ok {
		b := make([]byte, 16)
		if p.Mem.ReadAt(b, a) == nil {
			if s, ok := p.versionAt(t, b); ok {
				return []string{s}
			}
		}
		return nil
	}
	var found []string
	for _, r := range p.dataRanges(t) {
		b, err := p.Mem.View(r.Start, int(r.Size()))
		if err != nil {
			continue
		}
		for i := 0; i+16 <= len(b); i += 8 {
			if s, ok := p.versionAt(t, b[i:]); ok && !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	return found
}

// The lengths of the shortest and the longest Go version.
const (
	shortVersion = len("go1.18")
	longVersion  = 128
)

// versionAt reads the string whose header b starts with, if it names a Go
// version.
func (p *Process) versionAt(t target, b []byte) (string, bool) {
	at, n := t.arch.Order.Uint64(b), t.arch.Order.Uint64(b[8:])
	if n < uint64(shortVersion) || n > uint64(longVersion) || at < 4096 {
		return "", false
	}
	text, err := p.Mem.View(mem.Addr(at), int(n))
	if err != nil || !isVersion(string(text)) {
		return "", false
	}
	return string(text), true
}

// isVersion reports whether s looks like what runtime.Version returns.
func isVersion(s string) bool {
	number, ok := strings.CutPrefix(strings.TrimPrefix(s, "devel "), "go1.")
	if !ok || number == "" || number[0] < '0' || number[0] > '9' {
		return false
	}
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '/' || c == '%' {
			return false
		}
	}
	_, err := minorOf(s)
	return err == nil
}
