package inspect_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/exe"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wait"
)

// badVersion is the toolchain whose executables and cores are damaged. Other
// versions of the same length replace its name.
const badVersion = "go1.22.12"

// image is a copy of a target's executable and core to be damaged.
type image struct {
	exe, core []byte
	// taken is the time of change of the core file.
	taken time.Time
}

// everywhere replaces a string in both files.
func (m *image) everywhere(old, new string) {
	m.exe = bytes.ReplaceAll(m.exe, []byte(old), []byte(new))
	m.core = bytes.ReplaceAll(m.core, []byte(old), []byte(new))
}

// version replaces what names the version, but not where it is part of a path.
func (m *image) version(old, new string) {
	for _, b := range [][]byte{m.exe, m.core} {
		for i := 0; ; i += len(old) {
			next := bytes.Index(b[i:], []byte(old))
			if next < 0 {
				break
			}
			if i += next; i == 0 || b[i-1] != '-' {
				copy(b[i:], new)
			}
		}
	}
}

// inBuildInfo replaces a string in the build information of both files.
func (m *image) inBuildInfo(old, new string) {
	magic := []byte("\xff Go buildinf:")
	for _, b := range [][]byte{m.exe, m.core} {
		for i := bytes.Index(b, magic); i >= 0; {
			head := b[i:min(i+4096, len(b))]
			copy(head, bytes.ReplaceAll(head, []byte(old), []byte(new)))
			next := bytes.Index(b[i+1:], magic)
			if next < 0 {
				break
			}
			i += 1 + next
		}
	}
}

// pclntab returns the function tables in the executable.
func (m *image) pclntab(t *testing.T) []byte {
	t.Helper()
	i := bytes.Index(m.exe, []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8})
	if i < 0 {
		t.Fatal("the executable has no pclntab")
	}
	return m.exe[i:]
}

// load returns copies of a capture's files.
func load(t *testing.T, c *target.Capture) *image {
	t.Helper()
	var m image
	for path, to := range map[string]*[]byte{c.Exe: &m.exe, c.Core: &m.core} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		*to = b
	}
	info, err := os.Stat(c.Core)
	if err != nil {
		t.Fatal(err)
	}
	m.taken = info.ModTime()
	return &m
}

// coreOnly is a capture without its executable.
func coreOnly(t *testing.T, c *target.Capture) *image {
	t.Helper()
	m := load(t, c)
	m.exe = nil
	return m
}

// openImage opens the files, and returns the warnings too. Without an
// executable there is none.
func openImage(t *testing.T, m *image) (p *inspect.Process, warnings string, err error) {
	t.Helper()
	dir := t.TempDir()
	core, executable := filepath.Join(dir, "core"), ""
	if err := os.WriteFile(core, m.core, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(core, m.taken, m.taken); err != nil {
		t.Fatal(err)
	}
	if m.exe != nil {
		executable = filepath.Join(dir, "exe")
		if err := os.WriteFile(executable, m.exe, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var list []string
	p, err = inspect.OpenCore(context.Background(), executable, core, inspect.Options{
		Warn:    func(s string) { list = append(list, s) },
		Verbose: func(s string) { t.Log(s) },
	})
	if p != nil {
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	return p, strings.Join(list, "\n"), err
}

// essence is what is said of every goroutine where function tables and types
// are missing. Only frames tell which part of a lock a semaphore is, and the
// order of the cases of a select and those that are nil.
func essence(t *testing.T, p *inspect.Process) string {
	t.Helper()
	var b strings.Builder
	for _, g := range goroutines(t, p) {
		if g.Dead() {
			continue
		}
		fmt.Fprintf(&b, "%d %v %s %q", g.Goid, g.Addr, g.Status(), g.WaitReason())
		var cases []string
		for _, on := range g.WaitsOn() {
			if on.Kind == wait.Chan && on.Addr != nil {
				cases = append(cases, fmt.Sprintf("%s %v", on.Op, *on.Addr))
			}
		}
		slices.Sort(cases)
		fmt.Fprintln(&b, cases)
	}
	return b.String()
}

// What is said of the version is doubted, and the right layouts are found or
// none: all answers are those of the intact files, with a warning.
func TestVersionsThatAreNotTrue(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "locks", Go: badVersion, Ldflags: "-s -w"}, target.Options{}, target.Kernel)
	want := answers(t, open(t, c))
	blank := strings.Repeat("\x00", len(badVersion))
	cases := map[string]struct {
		change func(*image)
		warns  string
	}{
		"no section headers": {func(m *image) {
			clear(m.exe[0x28:0x30])
			clear(m.exe[0x3a:0x40])
		}, ""},
		"a later patch":                    {func(m *image) { m.version(badVersion, "go1.22.99") }, "later than all known releases"},
		"newer than all tables":            {func(m *image) { m.version(badVersion, "go1.30.11") }, "go1.30 is not known"},
		"the program knows better":         {func(m *image) { m.inBuildInfo(badVersion, "go1.18.10") }, "the build information says go1.18.10, the program itself " + badVersion},
		"an older version":                 {func(m *image) { m.version(badVersion, "go1.18.10") }, "the target contradicts them"},
		"an older version, the same magic": {func(m *image) { m.version(badVersion, "go1.20.14") }, "the target contradicts them"},
		"the minor before":                 {func(m *image) { m.version(badVersion, "go1.21.13") }, "the target contradicts them"},
		"the minor after":                  {func(m *image) { m.version(badVersion, "go1.23.11") }, "the target contradicts them"},
		"a later version":                  {func(m *image) { m.version(badVersion, "go1.25.12") }, "the target contradicts them"},
		"a vendor's build":                 {func(m *image) { m.version(badVersion, "go1.22-xy") }, "xy of go1.22 is not a release"},
		"no build information":             {func(m *image) { m.inBuildInfo("\xff Go buildinf:", strings.Repeat("\x00", 14)) }, ""},
		"neither build information nor any": {func(m *image) {
			m.inBuildInfo("\xff Go buildinf:", strings.Repeat("\x00", 14))
			m.version(badVersion, blank)
		}, "the Go version is not known"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			m := load(t, c)
			tt.change(m)
			p, warnings, err := openImage(t, m)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(warnings, tt.warns) || tt.warns == "" && warnings != "" {
				t.Errorf("warnings %q, want %q", warnings, tt.warns)
			}
			if got := answers(t, p); got != want {
				t.Errorf("answers differ: %s", firstDifference(want, got))
			}
		})
	}
}

// Each version is told from all others by its structures alone.
func TestVersionsAreRecognised(t *testing.T) {
	for _, version := range matrixReleases() {
		t.Run(version, func(t *testing.T) {
			parallel(t)
			c := target.Take(t, target.Spec{Program: "timers", Go: version, Ldflags: "-s -w"}, target.Options{}, target.Kernel)
			want := open(t, c)
			m := load(t, c)
			m.inBuildInfo("\xff Go buildinf:", strings.Repeat("\x00", 14))
			m.version(version, strings.Repeat("\x00", len(version)))
			p, warnings, err := openImage(t, m)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(warnings, "the Go version is not known") {
				t.Errorf("warnings %q", warnings)
			}
			layouts := want.Info().Layouts
			if version == "go1.23.1" || version == "go1.23.2" {
				// What differs in 1.23.3 is the size of runtime.timer, and with
				// it runtime.pollDesc, of which this program has none that
				// somebody waits on.
				layouts = "go1.23.3"
			}
			if got := p.Info().Layouts; !strings.Contains(got, layouts) {
				t.Errorf("layouts are %q, want %q", got, layouts)
			}
			// The time of creation of the original is that of its capture, the
			// copy has only that of its last change.
			times := regexp.MustCompile(`"(wait|in|min|ready|runnable|for)_ns":-?\d+`)
			a, b := times.ReplaceAllString(answers(t, want), ""), times.ReplaceAllString(answers(t, p), "")
			if a != b {
				t.Errorf("answers differ: %s", firstDifference(a, b))
			}
		})
	}
}

// Function tables that are damaged are not used: what does not need them is
// answered, and the rest is said to be missing.
func TestDamagedFunctionTables(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "locks", Go: badVersion, Ldflags: "-s -w"}, target.Options{}, target.Kernel)
	want := essence(t, open(t, c))
	le := binary.LittleEndian
	for name, damage := range map[string]func(tab []byte){
		"magic":                   func(tab []byte) { tab[0] = 0xaa },
		"number of functions":     func(tab []byte) { le.PutUint64(tab[8:], 1<<40) },
		"offset of the names":     func(tab []byte) { le.PutUint64(tab[32:], 1<<50) },
		"offset of the functions": func(tab []byte) { le.PutUint64(tab[64:], 1<<29) },
		"order of the functions": func(tab []byte) {
			ftab := tab[le.Uint64(tab[64:]):]
			le.PutUint32(ftab[80:], 1<<31)
		},
		"entry of the first function": func(tab []byte) { le.PutUint32(tab[le.Uint64(tab[64:]):], 1) },
	} {
		t.Run(name, func(t *testing.T) {
			m := load(t, c)
			damage(m.pclntab(t))
			p, warnings, err := openImage(t, m)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(warnings, "no functions, lines and frames are known") {
				t.Errorf("warnings %q", warnings)
			}
			if got := essence(t, p); got != want {
				t.Errorf("answers differ: %s", firstDifference(want, got))
			}
			for _, g := range goroutines(t, p) {
				if frames, err := g.Frames(); len(frames) > 0 || err == nil {
					t.Fatalf("goroutine %d has %d frames, %v", g.Goid, len(frames), err)
				}
			}
		})
	}
}

// Without the executable a core tells what it holds: a kernel's core the
// goroutines and what they wait on, Delve's the functions too.
func TestNoExecutable(t *testing.T) {
	for _, version := range []string{"go1.18.10", badVersion, "go1.26.8", "go1.27.3"} {
		for _, b := range builds {
			if !b.few && !full() && version != "go1.27.3" {
				continue
			}
			t.Run("kernel/"+version+"/"+b.name, func(t *testing.T) {
				spec := b.spec
				spec.Program, spec.Go = "waits", version
				c := target.Take(t, spec, target.Options{}, target.Kernel)
				p, warnings, err := openImage(t, coreOnly(t, c))
				if err != nil {
					t.Fatal(err)
				}
				warns := []string{"no executable", "the process ran " + c.Exe}
				if spec.BuildMode != "pie" || version >= "go1.26" {
					// The function tables of an older PIE are relocated when
					// it starts, and so are in every core.
					warns = append(warns, "they are in the executable and not in this core")
				}
				for _, w := range warns {
					if !strings.Contains(warnings, w) {
						t.Errorf("warnings %q lack %q", warnings, w)
					}
				}
				if want, got := essence(t, open(t, c)), essence(t, p); got != want {
					t.Errorf("answers differ: %s", firstDifference(want, got))
				}
				if _, err := p.Eval(context.Background(), "1", 0, 0); err == nil || !strings.Contains(err.Error(), "need the executable") {
					t.Errorf("an expression: %v", err)
				}
			})
		}
	}
	t.Run("delve", func(t *testing.T) {
		r := target.Start(t, target.Build(t, target.Spec{Program: "locks"}), target.Options{})
		c := r.CaptureWith(dumpByDelve(t))
		p, warnings, err := openImage(t, coreOnly(t, c))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(warnings, "no executable") || strings.Contains(warnings, "\n") {
			t.Errorf("warnings %q", warnings)
		}
		compareParked(t, p, c)
	})
}

// A core that ends early tells less, and nothing that is not true.
func TestTruncatedCores(t *testing.T) {
	for _, ldflags := range []string{"", "-s -w"} {
		c := target.Take(t, target.Spec{Program: "locks", Go: badVersion, Ldflags: ldflags}, target.Options{}, target.Kernel)
		truth := make(map[string]bool)
		for line := range strings.Lines(essence(t, open(t, c))) {
			truth[line] = true
		}
		whole := load(t, c)
		opened := 0
		for eighths := 1; eighths < 8; eighths++ {
			t.Run(fmt.Sprintf("%d of 8%s", eighths, ldflags), func(t *testing.T) {
				p, warnings, err := openImage(t, &image{exe: whole.exe, core: whole.core[:len(whole.core)*eighths/8], taken: whole.taken})
				if err != nil {
					if strings.Contains(err.Error(), "\n") {
						t.Errorf("more than one line: %v", err)
					}
					t.Log(err)
					return
				}
				opened++
				if !strings.Contains(warnings, "truncated") {
					t.Errorf("warnings %q", warnings)
				}
				for line := range strings.Lines(essence(t, p)) {
					if !truth[line] && !strings.HasSuffix(line, "[]\n") {
						t.Errorf("not true of the whole core: %s", line)
					}
				}
			})
		}
		t.Logf("%q: %d of 7 were opened", ldflags, opened)
	}
}

// What cannot be read is refused in one line that says why.
func TestRefused(t *testing.T) {
	c := target.Take(t, target.Spec{Program: "locks", Go: badVersion, Ldflags: "-s -w"}, target.Options{}, target.Kernel)
	cases := map[string]struct {
		change func(t *testing.T, m *image)
		want   string
	}{
		"too old": {func(_ *testing.T, m *image) { m.version(badVersion, "go1.17.13") }, "built by go1.17.13: go1.18 is the oldest that is supported"},
		"older than 1.18": {func(t *testing.T, m *image) {
			clearInline(t, m)
		}, "built by a Go older than 1.18"},
		"packed": {func(_ *testing.T, m *image) {
			const behindHeaders = 0x200
			packed := m.exe[behindHeaders:]
			for i := range packed {
				packed[i] ^= 0x5a
			}
			copy(packed, "UPX!")
			clear(m.exe[0x28:0x30])
			clear(m.exe[0x3a:0x40])
		}, "packed with UPX"},
		"another build's": {func(t *testing.T, m *image) {
			m.exe = load(t, target.Take(t, target.Spec{Program: "locks", Go: badVersion}, target.Options{}, target.Kernel)).exe
		}, "does not belong to core"},
		"another version's": {func(t *testing.T, m *image) {
			m.exe = load(t, target.Take(t, target.Spec{Program: "locks", Go: "go1.18.10", Ldflags: "-s -w"}, target.Options{}, target.Kernel)).exe
		}, "does not belong to core"},
		"not a program": {func(_ *testing.T, m *image) { m.exe = []byte("#!/bin/sh\n") }, "is not an ELF file"},
		"no Go program in the core": {func(_ *testing.T, m *image) {
			m.exe = nil
			clear(m.core[firstLoad(t, m.core):])
		}, "the Go version is not known"},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			m := load(t, c)
			tt.change(t, m)
			p, warnings, err := openImage(t, m)
			if err == nil {
				t.Fatalf("opened: %+v, warnings %q", p.Info(), warnings)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, tt.want)
			}
		})
	}
}

// firstLoad returns where the memory begins in a core file.
func firstLoad(t *testing.T, core []byte) uint64 {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(core))
	if err != nil {
		t.Fatal(err)
	}
	first := uint64(len(core))
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Filesz > 0 {
			first = min(first, p.Off)
		}
	}
	return first
}

// clearInline makes the build information look like that before Go 1.18, which
// held pointers, and takes the program's own version away.
func clearInline(t *testing.T, m *image) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "exe")
	if err := os.WriteFile(path, m.exe, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := exe.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.BuildInfo()
	if err != nil {
		t.Fatal(err)
	}
	old := bytes.Clone(info.Blob)
	const flags, inline = 15, 2
	new := bytes.Clone(old)
	new[flags] &^= inline
	m.everywhere(string(old), string(new))
}
