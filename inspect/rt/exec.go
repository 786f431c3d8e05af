package rt

import (
	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// execPlans are the decoders of child processes.
type execPlans struct {
	cmd     *layout.Plan[execCmd]
	process *layout.Plan[osProcess]
}

func (p *execPlans) compile(t *layout.Table) error {
	return firstError(
		bindOptional(&p.cmd, t, "os/exec.Cmd"),
		bindOptional(&p.process, t, "os.Process"),
	)
}

// execCmd is a command (os/exec.Cmd, exec.go).
type execCmd struct {
	Path    layout.String `rt:"Path"`
	Process mem.Addr      `rt:"Process"`
}

// osProcess is a child process (os.Process, exec.go).
type osProcess struct {
	Pid int64 `rt:"Pid"`
}

// Child is a child process that has been started and not been waited for yet.
type Child struct {
	PID int64
	// Path is the program that it runs.
	Path string
}

// ExecCmd reads the os/exec.Cmd at a; ok is false unless one lies there whose
// process has been started.
func (r *Runtime) ExecCmd(a mem.Addr) (c Child, ok bool) {
	var cmd execCmd
	if read(r, r.plans.exec.cmd, "os/exec.Cmd", a, &cmd) != nil || cmd.Process < 4096 || cmd.Process%8 != 0 || cmd.Path.Len == 0 {
		return c, false
	}
	var p osProcess
	const maxPID = 1 << 22
	if read(r, r.plans.exec.process, "os.Process", cmd.Process, &p) != nil || p.Pid <= 1 || p.Pid > maxPID {
		return c, false
	}
	path, err := r.shortString(cmd.Path)
	if err != nil {
		return c, false
	}
	for _, b := range []byte(path) {
		if b < ' ' {
			return c, false
		}
	}
	return Child{PID: p.Pid, Path: path}, true
}
