package target

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// toolchain is one Go installation.
type toolchain struct {
	// version is as runtime.Version prints it, "go1.26.8".
	version string
	// goCmd is the go command to run: a path, or "go".
	goCmd string
	// minor is N of Go 1.N.
	minor int
}

// GOROOT returns the root directory of the Go version given as for Spec.Go,
// fetching the toolchain through the module proxy if it is not there yet.
// Without it the test is skipped.
func GOROOT(tb testing.TB, version string) string {
	tb.Helper()
	tc := findToolchain(tb, version)
	root, err := tc.run(os.TempDir(), tc.env(), "env", "GOROOT")
	if err != nil {
		tb.Fatalf("GOROOT of %s: %v", tc.version, err)
	}
	return root
}

// findToolchain finds the Go version given as for Spec.Go. A go command
// before 1.21 knows nothing of GOTOOLCHAIN, so the version's own go command
// is run by path.
func findToolchain(tb testing.TB, version string) toolchain {
	tb.Helper()
	own := toolchain{version: runningVersion(), goCmd: "go"}
	own.minor = minor(own.version)
	if version == "" || version == own.version {
		return own
	}
	tc := toolchain{version: version, minor: minor(version)}
	if tc.minor == 0 {
		tb.Fatalf("Go version %q: want go1.N or go1.N.P", version)
	}
	root, err := own.run(os.TempDir(), append(own.env(), "GOTOOLCHAIN="+version), "env", "GOROOT")
	if err != nil {
		Missing(tb, "toolchain %s: %v", version, err)
	}
	tc.goCmd = filepath.Join(root, "bin", "go")
	return tc
}

// runningVersion is runtime.Version without the experiments that may follow.
func runningVersion() string {
	v, _, _ := strings.Cut(runtime.Version(), " ")
	return v
}

// line is the go line of a module that keeps up with the toolchain.
func (tc toolchain) line() string { return "1." + strconv.Itoa(tc.minor) }

// env is the process's environment without the variables that would change
// what the go command builds.
func (tc toolchain) env() []string {
	env := os.Environ()[:0:0]
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "GOFLAGS", "GOEXPERIMENT", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GODEBUG",
			"GOROOT", "GOWORK", "GOTOOLCHAIN", "GO111MODULE", "CGO_ENABLED", "PWD":
			continue
		}
		env = append(env, kv)
	}
	env = append(env, "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local")
	if tc.minor < 21 {
		// The module cache holds the old toolchain's GOROOT; its go command
		// would look for a module index of it there.
		env = append(env, "GODEBUG=goindex=0")
	}
	return env
}

// minor returns N of a version go1.N[.P] or go1.NrcM, or 0.
func minor(version string) int {
	s, ok := strings.CutPrefix(version, "go1.")
	if !ok {
		return 0
	}
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		s = s[:end]
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
