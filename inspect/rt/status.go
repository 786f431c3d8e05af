package rt

// Status is the runtime's word for a goroutine's status, as in
// gStatusStrings (runtime/traceback.go).
type Status string

// The goroutine statuses. Leaked and DeadExtra exist since Go 1.26.
const (
	Idle      Status = "idle"
	Runnable  Status = "runnable"
	Running   Status = "running"
	Syscall   Status = "syscall"
	Waiting   Status = "waiting"
	Dead      Status = "dead"
	CopyStack Status = "copystack"
	Preempted Status = "preempted"
	Leaked    Status = "leaked"
	DeadExtra Status = "deadextra"
)

// statusConsts names the runtime's constant for each status. Numbers are
// matched through these names, never by themselves.
var statusConsts = [...]struct {
	name   string
	status Status
}{
	{"runtime._Gidle", Idle},
	{"runtime._Grunnable", Runnable},
	{"runtime._Grunning", Running},
	{"runtime._Gsyscall", Syscall},
	{"runtime._Gwaiting", Waiting},
	{"runtime._Gdead", Dead},
	{"runtime._Gcopystack", CopyStack},
	{"runtime._Gpreempted", Preempted},
	{"runtime._Gleaked", Leaked},
	{"runtime._Gdeadextra", DeadExtra},
}

// status returns the word for status number n, "unknown" for a number that
// the table does not name.
func (r *Runtime) status(n uint32) Status {
	if int(n) < len(r.statuses) && r.statuses[n] != "" {
		return r.statuses[n]
	}
	return "unknown"
}

// PStatus is the runtime's word for the status of a P.
type PStatus string

// The statuses of a P. PSyscall is unused since Go 1.26.
const (
	PIdle    PStatus = "idle"
	PRunning PStatus = "running"
	PSyscall PStatus = "syscall"
	PGCStop  PStatus = "gcstop"
	PDead    PStatus = "dead"
)

var pStatusConsts = [...]struct {
	name   string
	status PStatus
}{
	{"runtime._Pidle", PIdle},
	{"runtime._Prunning", PRunning},
	{"runtime._Psyscall|runtime._Psyscall_unused", PSyscall},
	{"runtime._Pgcstop", PGCStop},
	{"runtime._Pdead", PDead},
}

func (r *Runtime) pstatus(n uint32) PStatus {
	if int(n) < len(r.pstatuses) && r.pstatuses[n] != "" {
		return r.pstatuses[n]
	}
	return "unknown"
}
