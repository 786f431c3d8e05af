package wake

import (
	"fmt"
	"strings"

	"rtdbg/inspect/mem"
)

// Evidence says in words how the goroutines of a candidate reach object n, what
// they can do to it, and what they do themselves: a sentence for each.
func (a *Analyzer) Evidence(c *Candidate, n int) []string {
	i := int(c.Members[0])
	if c.fact != "" {
		return append(a.called(c, n), a.statusWords(i)...)
	}
	o := &a.objects[n]
	if c.Peer {
		return append([]string{fmt.Sprintf("waits on %s %v itself, and will act on it when it has been woken", o.kind, o.addr)}, a.statusWords(i)...)
	}
	sh := a.shapes.list[a.info[i].shape]
	name, shown := a.stacks.Func(sh.stack, int(c.ref.inner))
	what := fmt.Sprintf("frame %d %s refers to %s %v", shown, name, o.kind, o.addr)
	called, ok := a.nameOf(c, n)
	switch {
	case c.cancel != "":
		return append([]string{a.cancelWords(c, n)}, a.statusWords(i)...)
	case ok:
		what = called
	case c.ref.named && len(c.chain) == 0:
		what = fmt.Sprintf("frame %d %s uses %s, the %s itself", shown, name, a.wordIn(o.node, offset(o.addr, a.nodes[o.node].extent.Start)), o.kind)
	case c.ref.named:
		what = fmt.Sprintf("frame %d %s uses what leads to %s %v: %s", shown, name, o.kind, o.addr, a.chainWords(c.chain, n))
	case len(c.chain) > 0:
		what = fmt.Sprintf("frame %d %s leads to %s %v: %s", shown, name, o.kind, o.addr, a.chainWords(c.chain, n))
	}
	if !c.ref.exact {
		what += " (a word that looks like a pointer)"
	}
	e := []string{what}
	if c.ability.can == yes {
		e = append(e, a.abilityWords(sh, &c.ability))
	}
	return append(e, a.statusWords(i)...)
}

// cancelWords says that a candidate holds what cancels the context whose done
// channel object n is.
func (a *Analyzer) cancelWords(c *Candidate, n int) string {
	i := int(c.Members[0])
	name, shown := a.stacks.Func(a.shapes.list[a.info[i].shape].stack, int(c.ref.inner))
	return fmt.Sprintf("frame %d %s holds %s, which cancels the context of chan %v: %s", shown, name, c.cancel, a.objects[n].addr, a.chainWords(c.chain, n))
}

// chainWords says how one object leads to the next: "0xc000010000+8 →
// 0xc000020000", "main.pool+16 (0x5a3f10) → 0xc000020000".
func (a *Analyzer) chainWords(edges []int32, n int) string {
	var b strings.Builder
	for _, i := range edges {
		e := &a.edges[i]
		b.WriteString(a.wordIn(e.holder, e.at) + " → ")
	}
	return b.String() + a.objects[n].addr.String()
}

// wordIn names the word at an offset in a node: in a variable by the variable's
// name, if it has one.
func (a *Analyzer) wordIn(n, off uint32) string {
	x := &a.nodes[n]
	if !x.global {
		return fmt.Sprintf("%v+%d", x.extent.Start, off)
	}
	at := x.extent.Start + mem.Addr(off)
	if a.vars != nil {
		if name, v, ok := a.vars.Variable(at); ok && at > v.Start {
			return fmt.Sprintf("%s+%d (%v)", name, at-v.Start, at)
		} else if ok {
			return fmt.Sprintf("%s (%v)", name, at)
		}
	}
	return at.String()
}

// statusWords says what goroutine i itself does.
func (a *Analyzer) statusWords(i int) []string {
	g := &a.gs[i]
	reason := a.rt.WaitReason(g)
	if reason == "" {
		return []string{"it is " + string(a.rt.Status(g))}
	}
	switch a.info[i].state {
	case live:
		return []string{"it is waiting: " + reason}
	case unsure:
		return []string{"it is waiting itself: " + reason + "; whether it can be woken is not known"}
	}
	return []string{"it is stuck itself: " + reason}
}
