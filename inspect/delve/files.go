package delve

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"rtdbg/inspect/arch"
)

// ntGNUBuildID is the type of the note that holds the GNU build id
// (NT_GNU_BUILD_ID in elf.h).
const ntGNUBuildID = 3

// openELF opens an ELF file and describes failures by what the file is.
func openELF(path string) (*elf.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such file")
	case err != nil:
		return nil, pathCause(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("that is not a regular file")
	case info.Size() == 0:
		return nil, errors.New("the file is empty")
	}
	f, err := elf.Open(path)
	var bad *elf.FormatError
	switch {
	case errors.As(err, &bad):
		return nil, fmt.Errorf("that is not an ELF file, or a damaged one (%w)", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("this user may not read it")
	case err != nil:
		return nil, fmt.Errorf("that is not an ELF file, or a damaged one (%w)", pathCause(err))
	}
	return f, nil
}

// pathCause drops the path of an fs.PathError, which the message names already.
func pathCause(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return perr.Err
	}
	return err
}

// checkGoExecutable checks that path is an executable that the Go toolchain
// linked. One without section headers is told by its build information.
func checkGoExecutable(path string) error {
	f, err := openELF(path)
	if err != nil {
		return err
	}
	defer f.Close()
	switch {
	case f.Type == elf.ET_CORE:
		return errors.New("that is a core file, not an executable")
	case f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN:
		return errors.New("that is not an executable")
	}
	for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab", ".go.buildinfo"} {
		if f.Section(name) != nil {
			return nil
		}
	}
	if _, err := buildinfo.ReadFile(path); err != nil {
		return errors.New("that is not a Go program")
	}
	return nil
}

// checkCore checks what Delve opens silently or explains badly, and returns a
// warning about a core that lacks bytes.
func checkCore(exe, core string) (warning string, err error) {
	if err := checkGoExecutable(exe); err != nil {
		return "", fmt.Errorf("open core %s with executable %s: executable: %w", core, exe, err)
	}
	c, err := openELF(core)
	if err != nil {
		return "", fmt.Errorf("open core %s with executable %s: core: %w", core, exe, err)
	}
	defer c.Close()
	if c.Type != elf.ET_CORE {
		return "", fmt.Errorf("open core %s with executable %s: core: that is an ELF file, but not a core file", core, exe)
	}
	e, err := openELF(exe)
	if err != nil {
		return "", fmt.Errorf("open core %s with executable %s: executable: %w", core, exe, err)
	}
	defer e.Close()
	if c.Machine != e.Machine {
		return "", fmt.Errorf("open core %s with executable %s: the core is of %v, the executable is for %v", core, exe, c.Machine, e.Machine)
	}
	return truncation(c, core)
}

// truncation warns of a core that ends before its segments do. Delve opens
// one as if nothing were missing.
func truncation(c *elf.File, core string) (string, error) {
	info, err := os.Stat(core)
	if err != nil {
		return "", fmt.Errorf("open core %s: %w", core, pathCause(err))
	}
	var end uint64
	for _, p := range c.Progs {
		if e := p.Off + p.Filesz; e >= p.Off && e > end {
			end = e
		}
	}
	size := uint64(info.Size())
	if end <= size {
		return "", nil
	}
	return fmt.Sprintf("the core is truncated: it has %d of %d bytes (core size limit, full disk, or a copy that was cut short)", size, end), nil
}

// goVersionOf returns the Go version that linked the executable, "" if the
// file does not tell.
func goVersionOf(path string) string {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return ""
	}
	return info.GoVersion
}

// goarchOf returns the GOARCH of an executable, "" if rtdbg does not know it.
func goarchOf(path string) string {
	f, err := openELF(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if a, ok := arch.ByMachine(uint16(f.Machine)); ok {
		return a.Name
	}
	return ""
}

// buildIDOf returns the GNU build id of an executable in hexadecimal, "" if it
// has none. The Go linker writes one by default since Go 1.24.
func buildIDOf(path string) string {
	f, err := openELF(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	s := f.Section(".note.gnu.build-id")
	if s == nil || s.Size > 1<<12 {
		return ""
	}
	note, err := s.Data()
	if err != nil || len(note) < 16 {
		return ""
	}
	namesz := uint64(f.ByteOrder.Uint32(note))
	descsz := uint64(f.ByteOrder.Uint32(note[4:]))
	desc := 12 + (namesz+3)&^3
	if f.ByteOrder.Uint32(note[8:]) != ntGNUBuildID || desc+descsz > uint64(len(note)) {
		return ""
	}
	return hex.EncodeToString(note[desc : desc+descsz])
}
