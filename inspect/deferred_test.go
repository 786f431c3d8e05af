package inspect_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/code"
	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/stack"
)

// The calls that a goroutine has deferred are those that the target says, in
// the order in which they will run.
func TestDeferredCallsAreThoseTheTargetSays(t *testing.T) {
	names := []string{"open", "conditional", "loop", "many", "nested", "running", "runningRecorded", "panicking", "exiting",
		"globals", "captures", "cancels", "interfaces", "rangefunc"}
	check := func(t *testing.T, c *target.Capture, p *inspect.Process) {
		for _, name := range names {
			if name == "rangefunc" && minor(t, p.Info().Go) < 23 {
				continue
			}
			list, err := goroutine(t, p, c.Vars.Int(t, name+".goid")).Deferred()
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			want := strings.Fields(c.Vars.String(t, name+".defers"))
			if len(list) != len(want) {
				t.Errorf("%s: %d deferred calls %v, the target says %v", name, len(list), describe(list), want)
				continue
			}
			for i := range list {
				if !isDeferred(&list[i], want[i]) {
					t.Errorf("%s: deferred call %d is %s, the target says %s", name, i, describe(list[i:i+1]), want[i])
				}
				if !list[i].Exact {
					t.Errorf("%s: deferred call %d is not exact", name, i)
				}
			}
		}
	}
	for _, version := range answered() {
		for _, build := range []target.Spec{{}, {Ldflags: "-s -w"}, {BuildMode: "pie", Ldflags: "-s -w"}, {Gcflags: "-N -l"}, {Race: true}} {
			build.Program, build.Go = "defers", version
			t.Run(fmt.Sprintf("%s%s%s%s race=%v", orHost(version), build.Ldflags, build.BuildMode, build.Gcflags, build.Race), func(t *testing.T) {
				parallel(t)
				c := target.Take(t, build, target.Options{}, target.Kernel)
				check(t, c, open(t, c))
			})
		}
	}
	takeArm64(t, "defers", check)
}

// isDeferred reports whether d is what the target calls op:address… .
func isDeferred(d *stack.Deferred, want string) bool {
	parts := strings.Split(want, ":")
	op, addrs := parts[0], parts[1:]
	if op == "func" {
		for _, a := range addrs {
			if !slices.ContainsFunc(d.Captured, func(w mem.Addr) bool { return w.String() == a }) {
				return false
			}
		}
		return !d.Wrapper
	}
	if len(addrs) > 0 {
		if a, ok := d.Argument(); !ok || a.String() != addrs[0] {
			return false
		}
	}
	ops, known := map[string]code.Ops{"unlock": code.Unlock | code.WUnlock, "runlock": code.RUnlock, "done": code.Done, "close": code.Close}[op]
	if known {
		return d.Wrapper && d.Ops != 0 && d.Ops&^ops == 0
	}
	return d.Wrapper && strings.HasSuffix(d.Callee, "."+op)
}

func describe(list []stack.Deferred) []string {
	var out []string
	for i := range list {
		d := &list[i]
		a, _ := d.Argument()
		out = append(out, fmt.Sprintf("%s callee=%s ops=%v arg=%v captured=%v wrapper=%v", d.Name, d.Callee, d.Ops, a, d.Captured, d.Wrapper))
	}
	return out
}
