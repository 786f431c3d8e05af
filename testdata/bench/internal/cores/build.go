package cores

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A build knows what makes one core.
type build struct {
	spec    Spec
	module  string   // directory of the program's module
	pkg     string   // the program's directory in it
	args    []string // of the program
	sources []string // directories and files in the module that make the program
	version string   // of Go
	key     string   // the cache entry's name
}

// program fills in what the spec's program is.
func (b *build) program(root string) {
	n := strconv.Itoa(b.spec.N)
	if b.spec.Shape == Server {
		b.module, b.pkg = root, "testdata/bench/server"
		b.args = []string{"-n", n}
		b.sources = []string{b.pkg, "go.mod"}
		return
	}
	b.module, b.pkg = filepath.Join(root, "testdata/targets"), "many"
	b.args = []string{"-n", n, "-shape", b.spec.Shape, "-kernelcore"}
	b.sources = []string{b.pkg, "internal/truth"}
}

func newBuild(ctx context.Context, s Spec) (*build, error) {
	if s.Shape != Server && !slices.Contains(Shapes, s.Shape) {
		return nil, fmt.Errorf("shape %q: want one of %s", s.Shape, strings.Join(Shapes, ", "))
	}
	if s.N < 1 {
		return nil, fmt.Errorf("%d goroutines: want at least 1", s.N)
	}
	root, err := Root(ctx)
	if err != nil {
		return nil, err
	}
	b := &build{spec: s}
	b.program(root)
	cmd := b.command(ctx, "env", "GOVERSION", "GOARCH")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w: %s", cmp.Or(s.Go, "go"), err, bytes.TrimSpace(stderr.Bytes()))
	}
	lines := strings.Fields(string(out))
	if len(lines) != 2 {
		return nil, fmt.Errorf("ask %s for its version: it says %q", cmp.Or(s.Go, "go"), out)
	}
	b.version = lines[0]
	sources, err := b.digest()
	if err != nil {
		return nil, err
	}
	b.key = fmt.Sprintf("%s-%d-%s-%s-%s", s.Shape, s.N, lines[0], lines[1], sources[:12])
	return b, nil
}

// Root returns the repository that the working directory is in.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "rtdbg").Output()
	if err != nil {
		return "", fmt.Errorf("find module rtdbg: %w: run it inside the repository", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// command is a run of the spec's go command in the program's module.
func (b *build) command(ctx context.Context, args ...string) *exec.Cmd {
	path, env := b.spec.Go, []string{"GOWORK=off", "CGO_ENABLED=0"}
	switch {
	case path == "":
		path = "go"
	case strings.ContainsRune(path, filepath.Separator):
		// Before Go 1.21 there was no GOTOOLCHAIN, and a module's index of a
		// newer version is not understood.
		env = append(env, "GOTOOLCHAIN=local", "GOFLAGS=", "GODEBUG=goindex=0", "GOROOT=")
	default:
		path, env = "go", append(env, "GOTOOLCHAIN="+path)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = b.module
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// digest stands for everything that makes the program.
func (b *build) digest() (string, error) {
	h := sha256.New()
	for _, source := range b.sources {
		err := filepath.WalkDir(filepath.Join(b.module, source), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			fmt.Fprintf(h, "%s %d\n%s", d.Name(), len(text), text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// into fills a cache entry: the files exe, core and vars.
func (b *build) into(ctx context.Context, dir string) error {
	exe := filepath.Join(dir, "exe")
	if out, err := b.command(ctx, "build", "-o", exe, "./"+b.pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", b.pkg, err, bytes.TrimSpace(out))
	}
	return b.dump(ctx, dir, exe)
}
