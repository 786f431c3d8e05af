package inspect

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// DumpLevel is the level at which the program itself would print its
// goroutines on SIGQUIT, as GOTRACEBACK in its environment says; where that was
// not found, the level that shows all.
func (p *Process) DumpLevel() int {
	if level, ok := p.RT.TracebackLevel(); ok && level < stack.LevelSystem {
		return stack.LevelAll
	}
	return stack.LevelSystem
}

// WriteDump writes all goroutines in the form in which the runtime prints them
// when the program dies: at stack.LevelSystem all goroutines and frames, as
// with GOTRACEBACK=system or crash; at stack.LevelAll the program's own.
// Where the runtime cannot show the stack of a goroutine that runs on another
// thread, rtdbg can and does.
func (p *Process) WriteDump(ctx context.Context, w io.Writer, level int) error {
	gs, err := p.Goroutines(ctx)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	var b []byte
	first := true
	for _, g := range gs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if g.Dead() || level < stack.LevelSystem && g.System() {
			continue
		}
		b = b[:0]
		if !first {
			b = append(b, '\n')
		}
		first = false
		b = p.appendGoroutine(b, g, level)
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	return out.Flush()
}

// appendGoroutine appends header, frames and creator of g.
func (p *Process) appendGoroutine(b []byte, g *Goroutine, level int) []byte {
	b = p.appendHeader(b, g, level)
	t := g.Trace()
	if t.Err != nil && len(t.Stack.Frames) == 0 {
		b = fmt.Appendf(b, "\tgoroutine stack unavailable: %v\n", t.Err)
	}
	p.unwinder(func(u *stack.Unwinder) { b = u.AppendText(b, t, level) })
	if g.Goid != 1 {
		b = p.syms.AppendCreatedBy(b, g.GoPC, g.ParentGoid, level)
	}
	return b
}

// appendHeader appends what runtime.goroutineheader (traceback.go) prints.
func (p *Process) appendHeader(b []byte, g *Goroutine, level int) []byte {
	b = fmt.Appendf(b, "goroutine %d", g.Goid)
	if level >= stack.LevelSystem && p.minor >= 22 {
		b = fmt.Appendf(b, " gp=%v", g.Addr)
		if m, err := g.Thread(); err == nil && m != nil {
			b = fmt.Appendf(b, " m=%d mp=%v", m.ID, m.Addr)
		} else {
			b = append(b, " m=nil"...)
		}
	}
	status := g.Status()
	word := string(status)
	if r := g.WaitReason(); r != "" {
		word = r
	}
	b = append(b, " ["...)
	b = append(b, word...)
	if status == rt.Leaked {
		b = append(b, " (leaked)"...)
	}
	if g.Scanning() {
		b = append(b, " (scan)"...)
	}
	if g.Bubble != 0 && p.minor >= 25 && status == rt.Waiting && p.RT.IdleInSynctest(g.G) && !strings.HasSuffix(word, "(durable)") {
		b = append(b, " (durable)"...)
	}
	if minutes := g.waitMinutes(); minutes >= 1 {
		b = fmt.Appendf(b, ", %d minutes", minutes)
	}
	if g.LockedM != 0 {
		b = append(b, ", locked to thread"...)
	}
	if g.Bubble != 0 {
		if bubble, err := p.RT.ReadBubble(g.Bubble); err == nil && p.minor >= 25 {
			b = fmt.Appendf(b, ", synctest bubble %d", bubble.ID)
		} else if err == nil {
			b = fmt.Appendf(b, ", synctest group %d", p.goid(bubble.Root))
		}
	}
	return p.closeHeader(b, g)
}

// waitMinutes is what the runtime prints as the time of waiting.
func (g *Goroutine) waitMinutes() int64 {
	if s := g.Status(); s != rt.Waiting && s != rt.Syscall {
		return 0
	}
	if ns := g.WaitNS(); ns != nil {
		return *ns / 60e9
	}
	return 0
}

// printsLabels reports whether the target's tracebacks show labels: the GODEBUG
// setting tracebacklabels (since Go 1.26), read from the target; where it is
// not found, its default, which is on since Go 1.27 but for programs whose main
// module is of an older version.
func (p *Process) printsLabels() bool {
	if on, ok := p.RT.TracebackLabels(); ok {
		return on
	}
	if p.minor < 27 || p.exe == nil {
		return p.minor >= 27
	}
	b, err := p.exe.BuildInfo()
	return err != nil || !strings.Contains(b.DefaultGODEBUG(), "tracebacklabels=0")
}

// closeHeader appends the labels and ends the line. Go 1.26 prints them inside
// the brackets and quotes them all.
func (p *Process) closeHeader(b []byte, g *Goroutine) []byte {
	labels, err := g.Labels()
	if err != nil || len(labels) == 0 || p.minor < 26 || !p.printsLabels() {
		return append(b, "]:\n"...)
	}
	quote, opening, closing := appendQuoted, "] {", "}:\n"
	if p.minor == 26 {
		quote, opening, closing = strconv.AppendQuote, " labels:{", "}]:\n"
	}
	b = append(b, opening...)
	for i, k := range slices.Sorted(maps.Keys(labels)) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(quote(b, k), ": "...)
		b = quote(b, labels[k])
	}
	return append(b, closing...)
}

// appendQuoted appends s, quoted unless it is made of letters, digits, ".", "/"
// and "_" only (runtime.tracebackStringNeedsQuoting).
func appendQuoted(b []byte, s string) []byte {
	plain := !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '/' && r != '_'
	})
	if plain {
		return append(b, s...)
	}
	return strconv.AppendQuote(b, s)
}
