package inspect_test

import (
	"cmp"
	"debug/buildinfo"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
)

// fullMatrix names the environment variable that, when set, has the tests go
// over every version and build below; without it they take the short lists.
const fullMatrix = "RTDBG_FULL_MATRIX"

// newest are the toolchains of the newest two minors; "" is the one that runs
// the test.
var newest = []string{"", "go1.27.3"}

// releases are the versions of the full matrix: the last patch of each minor,
// and the patches on both sides of a change inside one: runtime.timer grew in
// 1.23.2 and 1.23.3, a wait reason came in 1.23.4, and runtime.m grew in
// 1.23.12 and 1.24.6.
var releases = []string{
	"go1.18.10", "go1.19.13", "go1.20.14", "go1.21.13", "go1.22.12",
	"go1.23.1", "go1.23.2", "go1.23.11", "go1.23.12", "go1.24.5", "go1.24.13",
	"go1.25.12", "go1.26.8", "go1.27.3",
}

// fewReleases are those of the short matrix: the oldest that is supported, the
// first that prints addresses of goroutines, and the newest two.
var fewReleases = []string{"go1.18.10", "go1.22.12", "go1.26.8", "go1.27.3"}

// answerReleases are the versions on which all that is said of what goroutines
// wait on is compared with what the targets say, in the full matrix: one for
// each way in which the runtime kept it.
var answerReleases = []string{"go1.18.10", "go1.20.14", "go1.22.12", "go1.23.12", "go1.24.13", "go1.25.12"}

// build is a way of building that changes what rtdbg can go by.
type build struct {
	name string
	spec target.Spec
	// few says that the short matrix has it.
	few bool
}

var builds = []build{
	{"plain", target.Spec{}, true},
	{"stripped", target.Spec{Ldflags: "-s -w"}, true},
	{"pie", target.Spec{BuildMode: "pie"}, false},
	{"pie-stripped", target.Spec{BuildMode: "pie", Ldflags: "-s -w"}, false},
	{"cgo", target.Spec{Cgo: true}, false},
	{"race", target.Spec{Race: true}, false},
}

// morePrograms are compared with their crash text beside waits, in the builds
// where they differ from it: by symbols and DWARF, and by tables and structure.
var morePrograms = map[string][]string{
	"plain":    {"locks", "pool", "network", "timers", "runq"},
	"stripped": {"locks"},
	"cgo":      {"cgo"},
}

func full() bool { return os.Getenv(fullMatrix) != "" }

// matrixReleases are the versions that the matrix goes over.
func matrixReleases() []string {
	if full() {
		return releases
	}
	return fewReleases
}

// answered are the versions on which the answers are compared with what the
// targets say.
func answered() []string {
	if full() {
		return append(slices.Clone(answerReleases), newest...)
	}
	return newest
}

// slots bounds how many targets are built, run and read at a time: each has
// several threads, and a build takes all processors.
var slots = make(chan struct{}, 2)

// parallel runs the rest of a test beside others, as slots allow.
func parallel(t *testing.T) {
	t.Helper()
	t.Parallel()
	slots <- struct{}{}
	t.Cleanup(func() { <-slots })
}

// The crash text is the truth: every goroutine of the core, with every frame,
// equals what the runtime printed while it died, on every version and however
// the program was built.
func TestGoroutinesEqualTheCrashText(t *testing.T) {
	for _, version := range matrixReleases() {
		for _, b := range builds {
			if !b.few && !full() && !isNewest(version) {
				continue
			}
			for _, program := range append([]string{"waits"}, morePrograms[b.name]...) {
				spec := b.spec
				spec.Program, spec.Go = program, version
				t.Run(version+"/"+b.name+"/"+program, func(t *testing.T) {
					parallel(t)
					c := target.Take(t, spec, target.Options{}, target.Kernel)
					compareWithText(t, c, printed(spec))
				})
			}
		}
	}
}

// isNewest reports whether a version is of the newest two minors.
func isNewest(version string) bool {
	return strings.HasPrefix(version, "go1.26.") || strings.HasPrefix(version, "go1.27.")
}

// printed is what the crash text of a target shows that rtdbg can know.
func printed(s target.Spec) target.Aspect {
	what := target.Aspect(target.Everything)
	if s.Ldflags != "" && strings.HasPrefix(cmp.Or(s.Go, runtime.Version()), "go1.26.") {
		// Go 1.26 prints labels only if GODEBUG says so. The target runs
		// with tracebacklabels=1, which nothing in a stripped program
		// tells.
		what &^= target.Labels
	}
	return what
}

func compareWithText(t *testing.T, c *target.Capture, what target.Aspect) {
	t.Helper()
	compareGoroutines(t, c, open(t, c), what)
}

// compareGoroutines compares the goroutines of p, which has c open, with the
// crash text.
func compareGoroutines(t *testing.T, c *target.Capture, p *inspect.Process, what target.Aspect) {
	t.Helper()
	want := c.Crash(t).Goroutines()
	if len(want) < 5 {
		t.Errorf("the crash text has only %d goroutines", len(want))
	}
	got := dumped(t, p)
	if hasRace(t, c.Exe) {
		want, got = outsideDetector(t, want, got)
	}
	want, got = later(want, got)
	for _, d := range target.Diff(want, got, what) {
		t.Error(d)
	}
}

// bySysmon are the wait reasons of goroutines that sysmon wakes (proc.go): it
// goes on while the runtime prints its crash text, and until the core is
// dumped, but nothing is scheduled any more.
var bySysmon = []string{"GC scavenge wait", "force gc (idle)", "GOMAXPROCS updater (idle)"}

// later takes account of what went on between the crash text and the core: it
// gives the status that was printed back to goroutines that sysmon has made
// runnable since, and drops the goroutine of runtime.ensureSigM where it was
// still on its way into its select, having answered signal.Notify: the runtime
// does not wait for threads that do not stop when the world is frozen.
func later(want, got []*target.Goroutine) (w, g []*target.Goroutine) {
	status := make(map[int64]string)
	for _, g := range want {
		status[g.ID] = g.Status
	}
	parked := make(map[int64]bool)
	for _, g := range got {
		switch was := status[g.ID]; {
		case g.Status == "runnable" && slices.Contains(bySysmon, was):
			g.Status = was
		case g.Status != was && (was == "runnable" || was == "running") && g.CreatedBy != nil && g.CreatedBy.Func == "runtime.ensureSigM":
			parked[g.ID] = true
		}
	}
	out := func(g *target.Goroutine) bool { return parked[g.ID] }
	return slices.DeleteFunc(want, out), slices.DeleteFunc(got, out)
}

// hasRace reports whether an executable was built with -race.
func hasRace(t *testing.T, exe string) bool {
	t.Helper()
	info, err := buildinfo.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// outsideDetector drops, from what the runtime printed and from the dump, the
// goroutines that were executing in the race detector: racecall
// (runtime/race_amd64.s) moves to the thread's system stack and does not record
// where it left the goroutine's own. The runtime prints of such a goroutine the
// one frame that it is in, on the other stack, or C frames without a name;
// rtdbg says that its stack is not known.
func outsideDetector(t *testing.T, want, got []*target.Goroutine) (w, g []*target.Goroutine) {
	t.Helper()
	lost := make(map[int64]bool)
	for _, d := range got {
		if d.Status == "running" && len(d.Frames) == 0 {
			lost[d.ID] = true
		}
	}
	if len(lost) > 1 {
		t.Errorf("%d goroutines without a stack; the target has only one that runs", len(lost))
	}
	for _, d := range want {
		if lost[d.ID] && slices.ContainsFunc(d.Frames, func(f target.Frame) bool { return f.Func != "racecall" && !f.C }) {
			t.Errorf("goroutine %d: the runtime printed a stack, rtdbg none", d.ID)
		}
	}
	out := func(d *target.Goroutine) bool { return lost[d.ID] }
	return slices.DeleteFunc(want, out), slices.DeleteFunc(got, out)
}
