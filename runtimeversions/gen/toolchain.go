package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"rtdbg/runtimeversions/internal/tablefile"
)

// experiments are the GOEXPERIMENT settings that are measured where a release
// knows them and does not have them by default: those that are known to change
// layouts in some version, and some in wide use, so that these count as known.
var experiments = []string{
	"goroutineleakprofile",
	"greenteagc",
	"jsonv2",
	"noexectracer2",
	"nogreenteagc",
	"nojsonv2",
	"nospinbitmutex",
	"nosynchashtriemap",
	"noswissmap",
	"pagetrace",
	"spinbitmutex",
}

// toolchain is a Go release on this machine.
type toolchain struct {
	version tablefile.Version
	goroot  string
}

// findToolchain fetches a release with the go command, unless it is there.
func findToolchain(v tablefile.Version) (*toolchain, error) {
	cmd := exec.Command("go", "env", "GOROOT")
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+v.String(), "GOFLAGS=")
	out, err := output(cmd)
	if err != nil {
		return nil, fmt.Errorf("toolchain %s: %w", v, err)
	}
	return &toolchain{v, strings.TrimSpace(out)}, nil
}

// command is a run of the release's own go command. It is called directly,
// because a go command before Go 1.21 does not know that it was chosen by
// another.
func (tc *toolchain) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(tc.goroot, "bin", "go"), args...)
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOROOT="+tc.goroot, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if tc.version.Minor < 21 {
		// The index of the standard library is not to be written into a
		// toolchain in the module cache, which is read-only.
		cmd.Env = append(cmd.Env, "GODEBUG=goindex=0")
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// hasExperiment reports whether x is a setting that the release knows and that
// differs from its defaults.
func (tc *toolchain) hasExperiment(x string) bool {
	// It prints "compile version go1.26.8 X:nogreenteagc".
	out, err := output(tc.command([]string{"GOEXPERIMENT=" + x}, "tool", "compile", "-V"))
	return err == nil && slices.Contains(strings.Fields(out), "X:"+x)
}

// build builds the package in dir for a platform.
func (tc *toolchain) build(dir, exe string, b tablefile.Build) error {
	goos, goarch, _ := strings.Cut(b.Platform, "/")
	cmd := tc.command([]string{"GOOS=" + goos, "GOARCH=" + goarch, "GOEXPERIMENT=" + b.Experiment}, "build", "-o", exe, ".")
	cmd.Dir = dir
	_, err := output(cmd)
	return err
}

// releases lists the releases of a minor that can be fetched, ascending.
func releases(minor int) ([]tablefile.Version, error) {
	cmd := exec.Command("go", "list", "-m", "-versions", "golang.org/toolchain")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	out, err := output(cmd)
	if err != nil {
		return nil, err
	}
	// Versions look like v0.0.1-go1.26.8.linux-amd64.
	suffix := "." + runtime.GOOS + "-" + runtime.GOARCH
	var vs []tablefile.Version
	for _, word := range strings.Fields(out) {
		name, ok := strings.CutSuffix(strings.TrimPrefix(word, "v0.0.1-"), suffix)
		if !ok {
			continue
		}
		v, err := tablefile.ParseVersion(name)
		if err == nil && v.Minor == minor && v.Pre == "" {
			vs = append(vs, v)
		}
	}
	if len(vs) == 0 {
		return nil, fmt.Errorf("no releases of go1.%d are known", minor)
	}
	slices.SortFunc(vs, func(a, b tablefile.Version) int { return a.Patch - b.Patch })
	return vs, nil
}

// output runs a command; an error has the end of what it printed.
func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, lastLine(stderr.String()))
	}
	return string(out), nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
