package inspect

import (
	"iter"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
	"rtdbg/inspect/wait"
)

// FrameRecord is a frame as the JSON output has it.
type FrameRecord struct {
	Func    string   `json:"func"`
	File    string   `json:"file"`
	Line    int      `json:"line"`
	PC      mem.Addr `json:"pc"`
	SP      mem.Addr `json:"sp"`
	Inlined bool     `json:"inlined"`
}

// GoroutineRecord is a goroutine as the JSON output has it. Pointers are nil
// where the value is unknown or does not apply.
type GoroutineRecord struct {
	Goid           uint64            `json:"goid"`
	Addr           mem.Addr          `json:"addr"`
	Status         rt.Status         `json:"status"`
	WaitReason     *string           `json:"wait_reason"`
	WaitNS         *int64            `json:"wait_ns"`
	M              *int64            `json:"m"`
	Thread         *uint64           `json:"thread"`
	LockedToThread bool              `json:"locked_to_thread"`
	System         bool              `json:"system"`
	ParentGoid     *uint64           `json:"parent_goid"`
	CreatedBy      *string           `json:"created_by"`
	Start          *string           `json:"start"`
	Labels         map[string]string `json:"labels"`
	Frames         []FrameRecord     `json:"frames"`
	// FramesError says why the frames end early.
	FramesError string    `json:"frames_error,omitempty"`
	WaitsOn     []wait.On `json:"waits_on"`
}

// Record returns all that is known of the goroutine.
func (g *Goroutine) Record() GoroutineRecord {
	r := g.Head()
	for f := range g.p.FrameRecords(g.Trace()) {
		r.Frames = append(r.Frames, f)
	}
	return r
}

// FrameRecords yields the frames of a stack, innermost first.
func (p *Process) FrameRecords(t stack.Trace) iter.Seq[FrameRecord] {
	return func(yield func(FrameRecord) bool) {
		t.Each(func(f *stack.Frame) bool {
			return yield(FrameRecord{Func: p.printed(f.Func), File: f.File, Line: f.Line.Line, PC: f.PC, SP: f.SP, Inlined: f.Inlined})
		})
	}
}

// Head returns all that is known of the goroutine but its frames.
func (g *Goroutine) Head() GoroutineRecord {
	r := GoroutineRecord{
		Goid: g.Goid, Addr: g.Addr, Status: g.Status(), WaitNS: g.WaitNS(),
		LockedToThread: g.LockedM != 0, System: g.System(),
		WaitReason: orNil(g.WaitReason()), CreatedBy: orNil(g.p.printed(g.CreatedBy())), Start: orNil(g.p.printed(g.Start())),
		ParentGoid: orNil(g.ParentGoid), Frames: []FrameRecord{}, WaitsOn: g.WaitsOn(),
	}
	if r.WaitsOn == nil {
		r.WaitsOn = []wait.On{}
	}
	if m, err := g.Thread(); err == nil && m != nil {
		r.M, r.Thread = &m.ID, &m.ProcID
	}
	if labels, err := g.Labels(); err == nil {
		r.Labels = labels
	}
	if err := g.Trace().Err; err != nil && !g.Dead() {
		r.FramesError = err.Error()
	}
	return r
}

// printed returns the name of a function as the runtime of the target's version
// prints it.
func (p *Process) printed(name string) string { return stack.FuncNameForPrint(name, p.minor) }

// orNil returns a pointer to v, nil if v is the zero value: unknown.
func orNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
