package exe

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
)

// BuildInfo is what the Go toolchain recorded about the build.
type BuildInfo struct {
	// GoVersion is the toolchain's version as runtime.Version returns it,
	// with its experiments: "go1.25.3 X:jsonv2", since Go 1.26
	// "go1.27.3-X:nogreenteagc".
	GoVersion string
	// Path is the main package's import path, Main its module; they and
	// Settings are empty in a binary that was not built by the go command.
	Path     string
	Main     debug.Module
	Settings []debug.BuildSetting
	// Addr and Blob are the record itself and its unrelocated address.
	// Nothing writes to it at run time: in a core it reads the same.
	Addr uint64
	Blob []byte
}

// Setting returns a build setting such as "GOOS", "CGO_ENABLED", "-ldflags",
// "vcs.revision".
func (b *BuildInfo) Setting(key string) (string, bool) {
	for _, s := range b.Settings {
		if s.Key == key {
			return s.Value, true
		}
	}
	return "", false
}

// DefaultGODEBUG is the GODEBUG that was linked into the program, "" if none.
func (b *BuildInfo) DefaultGODEBUG() string {
	v, _ := b.Setting("DefaultGODEBUG")
	return v
}

// Experiments are the toolchain experiments that the version names, without
// the "X:": they can change the layout of the runtime. The linker puts a space
// before it (cmd/link/internal/ld, main.go), since Go 1.26 a hyphen where the
// version has no space of its own.
func (b *BuildInfo) Experiments() []string {
	_, x, ok := strings.Cut(b.GoVersion, " X:")
	if !ok {
		_, x, ok = strings.Cut(b.GoVersion, "-X:")
	}
	x, _, _ = strings.Cut(x, " ")
	if !ok || x == "" {
		return nil
	}
	return strings.Split(x, ",")
}

// BuildInfo returns the build information, or says why there is none.
func (f *File) BuildInfo() (*BuildInfo, error) {
	if f.buildErr != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, f.buildErr)
	}
	return f.build, nil
}

// The record that cmd/link writes (data.go, buildinfo; read by
// debug/buildinfo): a magic, the pointer size, flags, and since Go 1.18 two
// strings with varint lengths, version and module information, at offset 32.
const (
	buildInfoMagic   = "\xff Go buildinf:"
	buildInfoAlign   = 16
	buildInfoHeader  = 32
	buildInfoInline  = 2    // bit in the flags byte: Go 1.18 or later
	buildInfoMarkers = 16   // length of the marker before and after the module information
	maxVersionLen    = 1024 // far above any real version
)

var errNoBuildInfo = errors.New("no Go build information")

// ErrOldBuildInfo is the error for a program of a Go version that is not
// supported.
var ErrOldBuildInfo = errors.New("built by a Go older than 1.18")

// findBuildInfo looks in section .go.buildinfo, then, if the section headers
// are gone, in writable segments, then in the others.
func (f *File) findBuildInfo() (*BuildInfo, error) {
	err := errNoBuildInfo
	try := func(b []byte, addr uint64) *BuildInfo {
		info, e := SearchBuildInfo(b, addr)
		if errors.Is(e, ErrOldBuildInfo) {
			err = e
		}
		return info
	}
	if s, ok := f.Section(".go.buildinfo"); ok {
		if b, e := f.SectionBytes(s); e == nil {
			if info := try(b, s.Addr); info != nil {
				return info, nil
			}
		}
	}
	for _, writable := range []bool{true, false} {
		for _, s := range f.segments {
			if s.Type != elf.PT_LOAD || (s.Flags&elf.PF_W != 0) != writable {
				continue
			}
			if info := try(f.SegmentBytes(s), s.Vaddr); info != nil {
				return info, nil
			}
		}
	}
	return nil, err
}

// SearchBuildInfo returns the first valid record in b, whose first byte is at
// addr: the content of a segment, or a program's writable data in a core. Programs that read build information contain the magic as well, so
// one that does not start a valid record is passed over.
func SearchBuildInfo(b []byte, addr uint64) (*BuildInfo, error) {
	err := errNoBuildInfo
	for pos := 0; ; {
		i := bytes.Index(b[pos:], []byte(buildInfoMagic))
		if i < 0 {
			return nil, err
		}
		pos += i
		if (addr+uint64(pos))%buildInfoAlign == 0 {
			info, e := parseBuildInfo(b[pos:])
			if e == nil {
				info.Addr = addr + uint64(pos)
				return info, nil
			}
			if errors.Is(e, ErrOldBuildInfo) {
				err = e
			}
		}
		pos += len(buildInfoMagic)
	}
}

// parseBuildInfo parses the record at the start of b.
func parseBuildInfo(b []byte) (*BuildInfo, error) {
	if len(b) < buildInfoHeader {
		return nil, errNoBuildInfo
	}
	if b[15]&buildInfoInline == 0 {
		// The old form holds pointers; accept it only where it can be one.
		if b[14] == 4 || b[14] == 8 {
			return nil, ErrOldBuildInfo
		}
		return nil, errNoBuildInfo
	}
	rest := b[buildInfoHeader:]
	version, rest, ok := varString(rest)
	if !ok || len(version) > maxVersionLen || !isVersion(version) {
		return nil, errNoBuildInfo
	}
	mod, rest, ok := varString(rest)
	if !ok {
		return nil, errNoBuildInfo
	}
	info := &BuildInfo{GoVersion: version, Blob: b[: len(b)-len(rest) : len(b)-len(rest)]}
	if len(mod) < 2*buildInfoMarkers {
		return info, nil
	}
	if bi, err := debug.ParseBuildInfo(mod[buildInfoMarkers : len(mod)-buildInfoMarkers]); err == nil {
		info.Path, info.Main, info.Settings = bi.Path, bi.Main, bi.Settings
	}
	return info, nil
}

func isVersion(s string) bool {
	return strings.HasPrefix(s, "go") || strings.HasPrefix(s, "devel ")
}

// varString splits a string with a varint length off b.
func varString(b []byte) (s string, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return "", nil, false
	}
	b = b[w:]
	return string(b[:n]), b[n:], true
}
