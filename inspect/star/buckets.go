package star

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

func bucketClass() *class[*inspect.Bucket] {
	type B = *inspect.Bucket
	return (&class[B]{
		name: "Bucket",
		doc:  "goroutines that are alike",
		str:  func(_ *Interp, b B) string { return bucketHead(b) },
		report: func(_ *Interp, b B) render.Report {
			return render.Report{Sections: []render.Section{render.Text(bucketLines(b)...)}, Records: render.Of[any](b)}
		},
		attrs: []attr[B]{
			{"count", "number of goroutines", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(integer(b.Count)) }},
			{"state", "the wait reason, or the status of goroutines that do not wait; \"\" if they differ", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(text(b.State)) }},
			{"states", "a dict of their numbers by state where they differ", plain, func(_ *Interp, b B) (starlark.Value, error) { return bucketStates(b) }},
			{"goids", "their ids, the oldest first, at most 100", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(goids(b.Goids)) }},
			{"min_wait_ns", "the shortest wait that is known, in ns, None if none is", duration, func(_ *Interp, b B) (starlark.Value, error) { return ok(optional(b.MinWaitNS, integer)) }},
			{"max_wait_ns", "the longest wait that is known, in ns, None if none is", duration, func(_ *Interp, b B) (starlark.Value, error) { return ok(optional(b.MaxWaitNS, integer)) }},
			{"waits_known", "number of goroutines whose wait is known", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(integer(b.WaitsKnown)) }},
			{"created_by", "the function that started them, \"\" if they differ", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(text(b.CreatedBy)) }},
			{"system", "they are the runtime's own", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(starlark.Bool(b.System)) }},
			{"locked_to_thread", "number of those that are locked to their threads", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(integer(b.LockedToThread)) }},
			{"waits_on", "what the first of them waits on: \"chan recv\", …", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(texts(bucketWaits(b))) }},
			{"frames", "what their stacks have in common, innermost first: \"FUNC FILE:LINE\"", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(bucketFrames(b)) }},
			{"more_frames", "number of frames of the first that are left out", plain, func(_ *Interp, b B) (starlark.Value, error) { return ok(integer(b.More)) }},
		},
	}).finish()
}

func bucketStates(b *inspect.Bucket) (starlark.Value, error) {
	d := starlark.NewDict(len(b.States))
	for _, s := range sortedKeys(b.States) {
		if err := d.SetKey(starlark.String(s), integer(b.States[s])); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func bucketWaits(b *inspect.Bucket) []string {
	var list []string
	for _, w := range b.WaitsOn {
		list = append(list, string(w.Kind)+" "+string(w.Op))
	}
	return list
}

func bucketFrames(b *inspect.Bucket) starlark.Value {
	list := make([]string, len(b.Frames))
	for i, f := range b.Frames {
		list[i] = fmt.Sprintf("%s %s:%d", f.Func, f.File, f.Line)
	}
	return texts(list)
}

// buckets is a list of Buckets that shows each with its stack.
type buckets struct {
	*starlark.List
	list []inspect.Bucket
}

func (b buckets) Type() string { return "buckets" }

func (b buckets) report() render.Report {
	return render.Report{
		Sections: []render.Section{render.Lines(b.lines)},
		Records: func(yield func(any, error) bool) {
			for i := range b.list {
				if !yield(&b.list[i], nil) {
					return
				}
			}
		},
	}
}

func (b buckets) lines(yield func(string, error) bool) {
	total := 0
	for i := range b.list {
		total += b.list[i].Count
	}
	if !yield(fmt.Sprintf("%s in %s", count(total, "goroutine"), count(len(b.list), "bucket")), nil) {
		return
	}
	for i := range b.list {
		for _, line := range append([]string{""}, bucketLines(&b.list[i])...) {
			if !yield(line, nil) {
				return
			}
		}
	}
}

// bucketHead is how many goroutines are in which state for how long.
func bucketHead(b *inspect.Bucket) string {
	state := b.State
	if b.States != nil {
		var parts []string
		for _, s := range sortedKeys(b.States) {
			parts = append(parts, fmt.Sprintf("%d %s", b.States[s], s))
		}
		state = strings.Join(parts, ", ")
	}
	if b.MaxWaitNS != nil {
		state += ", " + bucketAge(b)
	}
	if b.LockedToThread > 0 {
		state += ", locked to thread"
	}
	s := fmt.Sprintf("%s [%s]", count(b.Count, "goroutine"), state)
	if on := bucketWaits(b); len(on) > 0 {
		s += " on " + strings.Join(on, ", ")
	}
	return s
}

// bucketAge is the range of the waits that are known.
func bucketAge(b *inspect.Bucket) string {
	longest := lasting(*b.MaxWaitNS, b.WaitAccuracy)
	if b.MinWaitNS == nil {
		return longest
	}
	shortest := strings.TrimPrefix(lasting(*b.MinWaitNS, b.WaitAccuracy), string(b.WaitAccuracy)+" ")
	if b.WaitsKnown < b.Count || strings.HasSuffix(longest, shortest) {
		return "up to " + strings.TrimPrefix(longest, string(inspect.AtLeast)+" ")
	}
	return longest + " to " + shortest
}

// bucketLines tells of a bucket.
func bucketLines(b *inspect.Bucket) []string {
	lines := []string{bucketHead(b), "    ids " + joinIDs(b.Goids, 20, b.Count)}
	width := 0
	for _, f := range b.Frames {
		width = max(width, min(len(f.Func), maxFuncWidth))
	}
	for _, f := range b.Frames {
		lines = append(lines, fmt.Sprintf("    %-*s  %s:%d", width, f.Func, f.File, f.Line))
	}
	if b.More > 0 {
		lines = append(lines, "    … and "+count(b.More, "frame"))
	}
	if b.CreatedBy != "" {
		lines = append(lines, "    created by "+b.CreatedBy)
	}
	return lines
}

func bucketBuiltins() []Builtin {
	return []Builtin{{
		Name: "buckets",
		Params: []Param{
			{Name: "by", Default: `"stack"`, Doc: `"stack", "top" (the function in which the program stands), "state" or "creator"`},
			{Name: "depth", Default: "0", Doc: "number of frames that are compared and shown, 0 for all"},
			{Name: "min", Default: "1", Doc: "size of the smallest bucket that is wanted"},
		},
		Doc:     "Goroutines grouped by state and stack, the largest Bucket first.",
		Example: `[(b.count, b.state) for b in buckets("state")]`,
		call:    callBuckets,
	}}
}

func callBuckets(in *Interp, a args) (starlark.Value, error) {
	o := inspect.BucketOptions{Min: 1}
	if a.given(0) {
		by, isString := starlark.AsString(a[0])
		if !isString {
			return nil, fmt.Errorf("by must be a string, not %s", describe(a[0]))
		}
		o.By = inspect.BucketsBy(by)
	}
	for i, to := range map[int]*int{1: &o.Depth, 2: &o.Min} {
		if !a.given(i) {
			continue
		}
		n, err := number([]string{"by", "depth", "min"}[i], a[i])
		if err != nil {
			return nil, err
		}
		*to = int(min(n, 1<<31))
	}
	list, err := in.p.Buckets(in.ctx, o)
	if err != nil {
		return nil, err
	}
	elems := in.classes.bucket.list(in, pointers(list))
	return buckets{elems, slices.Clip(list)}, nil
}
