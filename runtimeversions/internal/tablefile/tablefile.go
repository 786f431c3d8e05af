// Package tablefile is the text form of the layout tables of one minor
// version of Go: for every patch release, platform and GOEXPERIMENT that was
// measured, in one file that a person can review.
//
// The first line names the minor; then come the builds that were measured,
// one line for each platform and experiment:
//
//	go1.26
//	builds linux/amd64 go1.26.0 go1.26.1 go1.26.2
//	builds linux/amd64 X:nogreenteagc go1.26.0 go1.26.2
//
// and then the items, sorted:
//
//	strings runtime.waitReasonStrings
//		""
//		"GC assist marking"
//	const runtime._Gwaiting 4
//	type runtime.guintptr = uint64
//	var 16064 runtime.semtable runtime.semTable
//	struct 96 runtime.timer
//		0 8 mu runtime.mutex
//
// A struct's lines are offset, size, name and type of each field, as in
// layout.Field. An item that differs between builds stands several times,
// each ending with the builds that it holds for:
//
//	struct 64 runtime.semaRoot @ go1.26.0-go1.26.2 linux/amd64
//	struct 64 runtime.semaRoot @ * linux/arm64,linux/amd64; go1.26.0 linux/386
//	struct 9512 runtime.p @ * linux/amd64 X:nogreenteagc
//	absent struct runtime.gcWorkBlock @ * linux/amd64 X:nogreenteagc
//
// One without an experiment holds for builds with an experiment as well,
// unless there is one for that experiment.
package tablefile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Build is one build of the runtime that was measured.
type Build struct {
	Patch int
	// Platform is GOOS/GOARCH.
	Platform string
	// Experiment is the GOEXPERIMENT setting that differs from the
	// defaults, or "".
	Experiment string
}

func compareBuilds(a, b Build) int {
	return cmp.Or(
		strings.Compare(a.Experiment, b.Experiment),
		strings.Compare(a.Platform, b.Platform),
		cmp.Compare(a.Patch, b.Patch))
}

// key identifies what an item describes.
type key struct{ kind, name string }

// The kinds of items, in the order of the file.
const (
	kindStrings = "strings"
	kindConst   = "const"
	kindType    = "type"
	kindVar     = "var"
	kindStruct  = "struct"
)

var kinds = []string{kindStrings, kindConst, kindType, kindVar, kindStruct}

func compareKeys(a, b key) int {
	return cmp.Or(
		cmp.Compare(slices.Index(kinds, a.kind), slices.Index(kinds, b.kind)),
		strings.Compare(a.name, b.name))
}

// item is one description of a key and the builds that it holds for.
type item struct {
	key key
	// head is the item's first line, without its selector; body are the
	// lines that follow. Both are empty for an absent item.
	head   string
	body   []string
	absent bool
	// terms select builds; nil selects all.
	terms []term
}

// term selects the builds of some patches, platforms and one experiment.
type term struct {
	// first and last bound the patches; all says that they do not.
	all         bool
	first, last int
	// platforms are those selected, nil for all.
	platforms  []string
	experiment string
}

func (t term) match(patch int, platform string) bool {
	return (t.all || t.first <= patch && patch <= t.last) &&
		(t.platforms == nil || slices.Contains(t.platforms, platform))
}

// select reports whether the item holds for a build with the experiment.
func (it *item) selects(patch int, platform, experiment string) bool {
	if it.terms == nil {
		return experiment == ""
	}
	for _, t := range it.terms {
		if t.experiment == experiment && t.match(patch, platform) {
			return true
		}
	}
	return false
}

// File is the tables of one minor version.
type File struct {
	// Minor is the N of go1.N.
	Minor int
	// Builds are the builds that were measured, sorted.
	Builds []Build
	items  []item
}

// Version returns the version of a patch of the file's minor.
func (f *File) Version(patch int) Version { return Version{Minor: f.Minor, Patch: patch} }

// Patches returns the patches that were measured for a platform and an
// experiment ("" for none), ascending.
func (f *File) Patches(platform, experiment string) []int {
	var ps []int
	for _, b := range f.Builds {
		if b.Platform == platform && b.Experiment == experiment {
			ps = append(ps, b.Patch)
		}
	}
	return ps
}

// Platforms returns the platforms that were measured, sorted.
func (f *File) Platforms() []string { return f.distinct(func(b Build) string { return b.Platform }) }

// Experiments returns the experiments that were measured, sorted.
func (f *File) Experiments() []string {
	xs := f.distinct(func(b Build) string { return b.Experiment })
	return slices.DeleteFunc(xs, func(x string) bool { return x == "" })
}

func (f *File) distinct(of func(Build) string) []string {
	var s []string
	for _, b := range f.Builds {
		s = append(s, of(b))
	}
	slices.Sort(s)
	return slices.Compact(s)
}

// choose returns the items that hold for a build, by key. The experiments'
// own items go before the general ones; two experiments that disagree are an
// error, since no build with both was measured.
func (f *File) choose(patch int, platform string, experiments []string) (map[key]*item, error) {
	chosen := map[key]*item{}
	for i := range f.items {
		if it := &f.items[i]; it.selects(patch, platform, "") {
			chosen[it.key] = it
		}
	}
	by := map[key]string{}
	for _, x := range experiments {
		measured, ok := f.Knows(patch, platform, x)
		if !ok {
			return nil, fmt.Errorf("GOEXPERIMENT %s is not known for %s", x, f.Version(patch))
		}
		for i := range f.items {
			it := &f.items[i]
			if !it.selects(measured, platform, x) {
				continue
			}
			if other, ok := by[it.key]; ok {
				return nil, fmt.Errorf("%s changes with %s and with %s, and both together are not known", it.key.name, other, x)
			}
			by[it.key] = x
			chosen[it.key] = it
		}
	}
	for k, it := range chosen {
		if it.absent {
			delete(chosen, k)
		}
	}
	return chosen, nil
}

// Knows reports whether an experiment's effect on a patch is known: it was
// measured for the patch itself, or for one in which all that it changes was
// the same before. It returns the patch that was measured, of several the
// last.
func (f *File) Knows(patch int, platform, experiment string) (measured int, ok bool) {
	patches := f.Patches(platform, experiment)
	if slices.Contains(patches, patch) {
		return patch, true
	}
	for _, p := range slices.Backward(patches) {
		if f.sameUnder(p, patch, platform, experiment) {
			return p, true
		}
	}
	return 0, false
}

// sameUnder reports whether two patches agree, without the experiment, in all
// that it changes in the first of them.
func (f *File) sameUnder(measured, patch int, platform, experiment string) bool {
	cm, errM := f.choose(measured, platform, nil)
	cp, errP := f.choose(patch, platform, nil)
	if errM != nil || errP != nil {
		return false
	}
	for i := range f.items {
		it := &f.items[i]
		if it.terms != nil && it.selects(measured, platform, experiment) && cm[it.key] != cp[it.key] {
			return false
		}
	}
	return true
}

// Same reports whether two patches of a platform have the same tables.
func (f *File) Same(a, b int, platform string, experiments []string) bool {
	ca, errA := f.choose(a, platform, experiments)
	cb, errB := f.choose(b, platform, experiments)
	if errA != nil || errB != nil || len(ca) != len(cb) {
		return false
	}
	for k, it := range ca {
		if cb[k] != it {
			return false
		}
	}
	return true
}
