package rt

// timerStatuses says for the statuses that a timer had up to Go 1.22 (time.go)
// whether it is stopped, and whether nextwhen is when it fires.
var timerStatuses = [...]struct {
	name             string
	stopped, changed bool
}{
	{name: "runtime.timerNoStatus", stopped: true},
	{name: "runtime.timerDeleted", stopped: true},
	{name: "runtime.timerRemoving", stopped: true},
	{name: "runtime.timerRemoved", stopped: true},
	{name: "runtime.timerModifiedEarlier", changed: true},
	{name: "runtime.timerModifiedLater", changed: true},
}

// settle makes t.When what it means since Go 1.23: when the timer fires, 0 for
// one that is stopped or has fired. Before, a status says which of the fields
// counts.
func (r *Runtime) settle(t *Timer) {
	if !r.plans.timer.Has("StatusNumber") {
		return
	}
	for _, s := range timerStatuses {
		if n, ok := r.constant(s.name); !ok || n != int64(t.StatusNumber) {
			continue
		}
		switch {
		case s.stopped:
			t.When = 0
		case s.changed:
			t.When = t.NextWhen
		}
	}
}
