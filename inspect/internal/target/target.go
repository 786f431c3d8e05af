// Package target builds the programs of testdata/targets with a given Go
// version, starts them, and takes their core and the crash text that the
// runtime prints of itself: the oracle that rtdbg's answers are compared
// with. Only tests and benchmarks use it.
//
// Executables and captures are kept under the user's cache directory, keyed
// by everything that went into them, and shared by all test processes.
package target

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// RequireOracles names the environment variable that, when set, makes a
// missing tool, toolchain or core file fail a test instead of skipping it.
const RequireOracles = "RTDBG_REQUIRE_ORACLES"

// buildLimit ends a build that hangs.
const buildLimit = 10 * time.Minute

// Spec says what to build and how. The zero value of every field but Program
// means the toolchain's own default, without cgo.
type Spec struct {
	// Program names a directory in testdata/targets.
	Program string
	// Go is the toolchain, "go1.22.12"; "" is the one that runs the test.
	Go string
	// GoLine is the language version in the program's go.mod, "1.22". It
	// sets the GODEBUG defaults from Go 1.21 on. "" is the toolchain's own,
	// as a program that keeps up with its toolchain has it.
	GoLine string
	// GOARCH is the target architecture.
	GOARCH string
	// Ldflags, Gcflags and Tags are the values of -ldflags, -gcflags and
	// -tags; BuildMode is that of -buildmode.
	Ldflags, Gcflags, Tags, BuildMode string
	// Race, Trimpath and Cgo turn on -race, -trimpath and CGO_ENABLED.
	// Race includes cgo.
	Race, Trimpath, Cgo bool
	// Env adds KEY=value pairs to the build's environment.
	Env []string
}

// Missing skips the test because something that it compares with is not
// there, or fails it if RequireOracles is set.
func Missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv(RequireOracles) != "" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// Build returns the path of the executable that s describes, and builds it
// unless that was done before. It skips the test if the toolchain cannot be
// had, and fails it if the program does not build.
func Build(tb testing.TB, s Spec) string {
	tb.Helper()
	tc := findToolchain(tb, s.Go)
	if s.Cgo || s.Race {
		if _, err := exec.LookPath(compiler(s.GOARCH)); err != nil {
			Missing(tb, "cgo needs a C compiler: %v", err)
		}
	}
	module := filepath.Join(moduleRoot(tb), "testdata", "targets")
	sources, err := hashSources(module, s.Program)
	if err != nil {
		tb.Fatalf("sources of %s: %v", s.Program, err)
	}
	if s.GoLine == "" {
		s.GoLine = tc.line()
	}
	key := s.key(tc.version, sources)
	dir, err := cached("exe", s.Program+"-"+tc.version+"-"+key, func(dir string) error {
		return s.build(tc, module, dir)
	})
	if err != nil {
		tb.Fatalf("build %s with %s: %v", s.Program, tc.version, err)
	}
	return filepath.Join(dir, s.Program)
}

// key digests everything that the executable depends on.
func (s Spec) key(version, sources string) string {
	s.Go = version
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v\n%q\n%s\n%s", s, s.Env, sources, runtime.GOARCH))
	return hex.EncodeToString(sum[:8])
}

// build runs go build, with the executable going to dir. The go.mod that it
// builds by is a copy with the wanted go line.
func (s Spec) build(tc toolchain, module, dir string) error {
	modfile := filepath.Join(dir, "go.mod")
	text := "module rtdbgtargets\n\ngo " + s.GoLine + "\n"
	if err := os.WriteFile(modfile, []byte(text), 0o644); err != nil {
		return err
	}
	args := []string{"build", "-o", filepath.Join(dir, s.Program), "-modfile=" + modfile, "-buildvcs=false"}
	for _, f := range []struct{ name, value string }{
		{"-ldflags", s.Ldflags}, {"-gcflags", s.Gcflags}, {"-tags", s.Tags}, {"-buildmode", s.BuildMode},
	} {
		if f.value != "" {
			args = append(args, f.name+"="+f.value)
		}
	}
	if s.Race {
		args = append(args, "-race")
	}
	if s.Trimpath {
		args = append(args, "-trimpath")
	}
	args = append(args, "./"+s.Program)

	env := tc.env()
	env = append(env, "CGO_ENABLED=0")
	if s.Cgo || s.Race {
		env = append(env, "CGO_ENABLED=1")
		if cc := compiler(s.GOARCH); cc != compiler("") {
			env = append(env, "CC="+cc)
		}
	}
	if s.GOARCH != "" {
		env = append(env, "GOARCH="+s.GOARCH)
	}
	_, err := tc.run(module, append(env, s.Env...), args...)
	return err
}

// run runs the go command in dir and returns its standard output.
func (tc toolchain) run(dir string, env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, tc.goCmd, args...)
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// moduleRoot returns the directory of rtdbg's go.mod, above the directory in
// which the test runs.
func moduleRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(text, []byte("module rtdbg\n")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			tb.Fatal("no go.mod of module rtdbg above the test's directory")
		}
		dir = filepath.Dir(dir)
	}
}
