package star

import (
	"strconv"

	"rtdbg/inspect"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/render"
	"rtdbg/inspect/wait"
)

// goroutineRecord is a goroutine as a record. There can be a million, so it
// encodes itself; the result is that of encoding/json.
type goroutineRecord inspect.GoroutineRecord

// AppendJSON appends the record.
func (r goroutineRecord) AppendJSON(b []byte) []byte {
	b = appendHead(b, &r)
	return appendTail(appendList(b, r.Frames, appendFrame), &r)
}

// appendHead appends what stands before the frames.
func appendHead(b []byte, r *goroutineRecord) []byte {
	b = strconv.AppendUint(append(b, `{"goid":`...), r.Goid, 10)
	b = render.AppendAddr(append(b, `,"addr":`...), uint64(r.Addr))
	b = render.AppendString(append(b, `,"status":`...), string(r.Status))
	b = appendText(append(b, `,"wait_reason":`...), r.WaitReason)
	b = appendInt(append(b, `,"wait_ns":`...), r.WaitNS)
	b = appendInt(append(b, `,"m":`...), r.M)
	b = appendUint(append(b, `,"thread":`...), r.Thread)
	b = strconv.AppendBool(append(b, `,"locked_to_thread":`...), r.LockedToThread)
	b = strconv.AppendBool(append(b, `,"system":`...), r.System)
	b = appendUint(append(b, `,"parent_goid":`...), r.ParentGoid)
	b = appendText(append(b, `,"created_by":`...), r.CreatedBy)
	b = appendText(append(b, `,"start":`...), r.Start)
	b = appendLabels(append(b, `,"labels":`...), r.Labels)
	return append(b, `,"frames":`...)
}

// appendTail appends what stands behind the frames.
func appendTail(b []byte, r *goroutineRecord) []byte {
	if r.FramesError != "" {
		b = render.AppendString(append(b, `,"frames_error":`...), r.FramesError)
	}
	b = appendList(append(b, `,"waits_on":`...), r.WaitsOn, appendOn)
	return append(b, '}')
}

func appendFrame(b []byte, f *inspect.FrameRecord) []byte {
	b = render.AppendAddr(append(appendFrameHead(b, f), `,"sp":`...), uint64(f.SP))
	return appendFrameTail(b, f)
}

// appendFrameHead appends what stands before the stack pointer.
func appendFrameHead(b []byte, f *inspect.FrameRecord) []byte {
	b = render.AppendString(append(b, `{"func":`...), f.Func)
	b = render.AppendString(append(b, `,"file":`...), f.File)
	b = strconv.AppendInt(append(b, `,"line":`...), int64(f.Line), 10)
	return render.AppendAddr(append(b, `,"pc":`...), uint64(f.PC))
}

// appendFrameTail appends what stands behind the stack pointer.
func appendFrameTail(b []byte, f *inspect.FrameRecord) []byte {
	b = strconv.AppendBool(append(b, `,"inlined":`...), f.Inlined)
	return append(b, '}')
}

// appendOn appends what is waited on, without what does not apply.
func appendOn(b []byte, w *wait.On) []byte {
	b = render.AppendString(append(b, `{"kind":`...), string(w.Kind))
	b = render.AppendString(append(b, `,"op":`...), string(w.Op))
	b = appendAddr(append(b, `,"addr":`...), w.Addr)
	if w.Type != "" {
		b = render.AppendString(append(b, `,"type":`...), w.Type)
	}
	if w.Name != "" {
		b = render.AppendString(append(b, `,"name":`...), w.Name)
	}
	if w.Select {
		b = append(b, `,"select":true`...)
	}
	if w.Case != nil {
		b = strconv.AppendInt(append(b, `,"case":`...), int64(*w.Case), 10)
	}
	if w.Line != nil {
		b = strconv.AppendInt(append(b, `,"case_line":`...), int64(*w.Line), 10)
	}
	if w.Nil {
		b = append(b, `,"nil":true`...)
	}
	if w.Value != "" {
		b = render.AppendString(append(b, `,"value":`...), w.Value)
	}
	if w.WhenNS != nil {
		b = appendInt(append(b, `,"when_ns":`...), w.WhenNS)
	}
	if w.InNS != nil {
		b = appendInt(append(b, `,"in_ns":`...), w.InNS)
	}
	if w.FD != nil {
		b = appendInt(append(b, `,"fd":`...), w.FD)
	}
	if w.Thread != nil {
		b = appendUint(append(b, `,"thread":`...), w.Thread)
	}
	if w.Queue != "" {
		b = render.AppendString(append(b, `,"queue":`...), w.Queue)
	}
	if w.Position != nil {
		b = strconv.AppendInt(append(b, `,"position":`...), int64(*w.Position), 10)
	}
	if w.ReadyNS != nil {
		b = appendInt(append(b, `,"ready_ns":`...), w.ReadyNS)
	}
	b = appendOnDetail(b, w)
	if w.Note != "" {
		b = render.AppendString(append(b, `,"note":`...), w.Note)
	}
	return append(b, '}')
}

// appendList appends a list, null for nil as encoding/json does.
func appendList[T any](b []byte, list []T, f func([]byte, *T) []byte) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = f(b, &list[i])
	}
	return append(b, ']')
}

func appendLabels(b []byte, labels map[string]string) []byte {
	if labels == nil {
		return append(b, "null"...)
	}
	b = append(b, '{')
	for i, k := range sortedKeys(labels) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(render.AppendString(b, k), ':')
		b = render.AppendString(b, labels[k])
	}
	return append(b, '}')
}

func appendText(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return render.AppendString(b, *s)
}

func appendInt(b []byte, n *int64) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, *n, 10)
}

func appendUint(b []byte, n *uint64) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	return strconv.AppendUint(b, *n, 10)
}

func appendAddr(b []byte, a *mem.Addr) []byte {
	if a == nil {
		return append(b, "null"...)
	}
	return render.AppendAddr(b, uint64(*a))
}
