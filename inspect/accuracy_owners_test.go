package inspect_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/wake"
)

// leastOwnersFirst is the least share, in percent, of the waits for a lock that
// will be unlocked by a deferred call, in which the owner must be proven or
// inferred and be the first entry.
const leastOwnersFirst = 95

// symbolBuilds are the ways of building on which accuracy is measured: with and
// without symbols.
var symbolBuilds = []build{
	{"plain", target.Spec{}, true},
	{"stripped", target.Spec{Ldflags: "-s -w"}, true},
}

// Who holds a lock is named to those who wait for it: first, and as more than a
// possibility, where the unlock is deferred; among others elsewhere. What is
// proven is true, and nobody is proven to own what nobody will unlock.
func TestTheLockOwnerIsNamed(t *testing.T) {
	for _, version := range matrixReleases() {
		for _, b := range symbolBuilds {
			spec := b.spec
			spec.Program, spec.Go = "owners", version
			t.Run(version+"/"+b.name, func(t *testing.T) {
				parallel(t)
				c := target.Take(t, spec, target.Options{}, target.Kernel)
				checkOwners(t, c, open(t, c))
			})
		}
	}
	takeArm64(t, "owners", checkOwners)
}

// ownership is what is said to one goroutine that waits for a lock, and what is
// true.
type ownership struct {
	lock, style string
	owners      []int64
	answer      wake.Answer
}

func checkOwners(t *testing.T, c *target.Capture, p *inspect.Process) {
	var all []ownership
	for _, lock := range strings.Split(c.Vars.String(t, "cases"), ",") {
		for _, waiter := range c.Vars.Ints(t, lock+".waiters") {
			all = append(all, ownership{
				lock: lock, style: c.Vars.String(t, lock+".style"), owners: c.Vars.Ints(t, lock+".owners"), answer: answer(t, p, waiter),
			})
		}
	}
	t.Logf("\n%s", ownersTable(all))
	waits, first := 0, 0
	for _, o := range all {
		if len(o.owners) > 0 && !o.named() {
			t.Errorf("%s: goroutine %d waits for %v, who is not named: %s", o.lock, o.answer.Goid, o.owners, toJSON(t, o.answer))
		}
		if w := o.falselyProven(); w != nil {
			t.Errorf("%s: goroutine %d waits for %v, but others are %s to end that: %s", o.lock, o.answer.Goid, o.owners, w.Certainty, toJSON(t, w))
		}
		if o.style == "beside" && o.falselyInferred() {
			t.Errorf("%s: goroutine %d waits for %v, but others are said to hold the lock: %s", o.lock, o.answer.Goid, o.owners, toJSON(t, o.answer.Wakers))
		}
		if o.style == "defer" {
			waits++
			if o.first() {
				first++
			} else {
				t.Logf("%s: goroutine %d waits for %v, who is not first and sure: %s", o.lock, o.answer.Goid, o.owners, toJSON(t, o.answer.Wakers))
			}
		}
	}
	if waits < 50 {
		t.Errorf("only %d waits for deferred unlocks", waits)
	}
	if first*100 < leastOwnersFirst*waits {
		t.Errorf("the owner is proven or inferred and first in %d of %d waits for a deferred unlock, want %d %%", first, waits, leastOwnersFirst)
	}
}

// owner reports whether an entry names an owner, and nobody else.
func (o ownership) owner(w wake.Waker) (named, only bool) {
	ids := w.Goids
	if len(ids) == 0 {
		ids = []uint64{w.Goid}
	}
	only = w.By == wake.Goroutine
	for _, id := range ids {
		is := w.By == wake.Goroutine && slices.Contains(o.owners, int64(id))
		named, only = named || is, only && is
	}
	return named, only
}

// named reports whether all owners are named.
func (o ownership) named() bool {
	for _, id := range o.owners {
		one := ownership{owners: []int64{id}}
		if !slices.ContainsFunc(o.answer.Wakers, func(w wake.Waker) bool { n, _ := one.owner(w); return n }) {
			return false
		}
	}
	return true
}

// first reports whether the first entry names owners only, and as more than
// possible.
func (o ownership) first() bool {
	if len(o.answer.Wakers) == 0 {
		return false
	}
	w := o.answer.Wakers[0]
	_, only := o.owner(w)
	return only && w.Certainty != wake.Possible
}

// falselyProven returns an entry that is proven, or for a lock that nobody will
// unlock inferred, and wrong.
func (o ownership) falselyProven() *wake.Waker {
	for i, w := range o.answer.Wakers {
		if _, only := o.owner(w); only {
			continue
		}
		if w.Certainty == wake.Proven || w.Certainty == wake.Inferred && len(o.owners) == 0 {
			return &o.answer.Wakers[i]
		}
	}
	return nil
}

// falselyInferred reports whether an inferred entry names one that is no owner.
func (o ownership) falselyInferred() bool {
	return slices.ContainsFunc(o.answer.Wakers, func(w wake.Waker) bool {
		_, only := o.owner(w)
		return !only && w.Certainty == wake.Inferred
	})
}

// ownersTable counts, by the way in which locks will be unlocked.
func ownersTable(all []ownership) string {
	type counts struct{ waits, proven, inferred, first, named, wrong int }
	by := make(map[string]*counts)
	for _, o := range all {
		if len(o.owners) == 0 {
			continue
		}
		n := by[o.style]
		if n == nil {
			n = new(counts)
			by[o.style] = n
		}
		n.waits++
		if o.first() {
			n.first++
			if o.answer.Wakers[0].Certainty == wake.Proven {
				n.proven++
			} else {
				n.inferred++
			}
		}
		if o.named() {
			n.named++
		}
		if o.falselyInferred() {
			n.wrong++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-10s %5s %11s %7s %9s %6s %15s\n", "unlocked", "waits", "sure, first", "proven", "inferred", "named", "inferred, wrong")
	for _, style := range slices.Sorted(maps.Keys(by)) {
		n := by[style]
		fmt.Fprintf(&b, "%-10s %5d %11d %7d %9d %6d %15d\n", style, n.waits, n.first, n.proven, n.inferred, n.named, n.wrong)
	}
	return b.String()
}
