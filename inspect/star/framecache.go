package star

import (
	"strconv"
	"sync"
	"sync/atomic"

	"rtdbg/inspect"
	"rtdbg/inspect/stack"
)

// frameCache holds the frames of stacks as JSON: goroutines with equal stacks
// differ in the stack pointers of their frames only. Its zero value is empty.
type frameCache struct {
	known sync.Map // *stack.Stack → framesJSON
	bytes atomic.Int64
}

// maxFrameCache bounds the JSON that a frameCache holds, in bytes.
const maxFrameCache = 64 << 20

// framesJSON is the frames of a stack in pieces: behind each but the last
// stands a stack pointer, which is the trace's plus off.
type framesJSON []struct {
	text []byte
	off  uint64
}

// appendGoroutine appends the record of g.
func (c *frameCache) appendGoroutine(b []byte, p *inspect.Process, g *inspect.Goroutine) []byte {
	r := goroutineRecord(g.Head())
	t := g.Trace()
	b = c.of(p, t.Stack).append(appendHead(b, &r), uint64(t.SP))
	return appendTail(b, &r)
}

// of returns the frames of a stack.
func (c *frameCache) of(p *inspect.Process, st *stack.Stack) framesJSON {
	if f, ok := c.known.Load(st); ok {
		return f.(framesJSON)
	}
	f := newFramesJSON(p, st)
	size := int64(0)
	for i := range f {
		size += int64(len(f[i].text))
	}
	if c.bytes.Add(size) > maxFrameCache {
		c.bytes.Add(-size)
		return f
	}
	c.known.Store(st, f)
	return f
}

func newFramesJSON(p *inspect.Process, st *stack.Stack) framesJSON {
	var f framesJSON
	b := []byte{'['}
	first := true
	for r := range p.FrameRecords(stack.Trace{Stack: st}) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendFrameHead(b, &r), `,"sp":"0x`...)
		f = append(f, struct {
			text []byte
			off  uint64
		}{b, uint64(r.SP)})
		b = appendFrameTail([]byte{'"'}, &r)
	}
	return append(f, struct {
		text []byte
		off  uint64
	}{text: append(b, ']')})
}

// append appends the frames of a trace with the stack pointer sp.
func (f framesJSON) append(b []byte, sp uint64) []byte {
	last := len(f) - 1
	for i := range f[:last] {
		b = strconv.AppendUint(append(b, f[i].text...), sp+f[i].off, 16)
	}
	return append(b, f[last].text...)
}
