package delve

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"rtdbg/inspect/exe"
	"rtdbg/inspect/mem"
	"rtdbg/inspect/tracee"
)

// A Guard is a process of its own that watches over one that is attached to by
// PTRACE_ATTACH, as debuggers do. That leaves signals and, while a debugger
// prepares, breakpoints behind if the debugger is killed; the guard then removes
// them.
type Guard struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	pid int
}

// guardReady is what a guard prints when it knows how the process was before.
const guardReady = "ready\n"

// guardPatience is how long a guard may take to get ready.
const guardPatience = 10 * time.Second

// StartGuard runs command, which calls Watch for the process pid, and returns
// when the guard is ready. The caller ends it by Release, or by its own death.
func StartGuard(command []string, pid int) (*Guard, error) {
	cmd := beside(command, strconv.Itoa(pid))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guard of process %d: %w", pid, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("guard of process %d: %w", pid, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard of process %d: %w", pid, err)
	}
	g := &Guard{cmd, in, pid}
	ready := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(out).ReadString('\n')
		if err == nil && line != guardReady {
			err = errors.New(line)
		}
		ready <- err
	}()
	select {
	case err = <-ready:
	case <-time.After(guardPatience):
		err = fmt.Errorf("not ready after %v", guardPatience)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, fmt.Errorf("guard of process %d: %w", pid, err)
	}
	return g, nil
}

// beside is the command line of a process that outlives this one: what ends this
// one's group or terminal must not end it.
func beside(command []string, arg string) *exec.Cmd {
	cmd := exec.Command(command[0], append(command[1:len(command):len(command)], arg)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// Release ends the guard, unless the process has not been let go as it should: then
// the guard sees to it when this process has ended.
func (g *Guard) Release() error {
	if st, err := tracee.ReadStatus(g.pid); err == nil && (st.TracerProcess() == os.Getpid() || tracee.StopPending(g.pid)) {
		go func() { _ = g.cmd.Wait() }() // which keeps g.in open
		return nil
	}
	_, err := g.in.Write([]byte{guardDone})
	err = errors.Join(err, g.in.Close(), g.cmd.Wait())
	if err != nil {
		return fmt.Errorf("guard: %w", err)
	}
	return nil
}

// guardDone is what a guard reads when there is nothing to repair.
const guardDone = '.'

// Watch is what a guard does: it reads in until its end, which is that of the
// process that started it, and then sees to it that the process pid runs on as
// it was. It writes to the process's memory only there, to undo what a debugger
// has written.
func Watch(pid int, in io.Reader, out io.Writer) error {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	st, err := tracee.ReadStatus(pid)
	if err != nil {
		return err
	}
	code := openCode(pid)
	defer code.close()
	code.known = code.traps()
	if _, err := io.WriteString(out, guardReady); err != nil {
		return err
	}
	b, _ := io.ReadAll(in)
	if bytes.IndexByte(b, guardDone) >= 0 {
		return nil
	}
	return repair(pid, st.Stopped(), code)
}

// A released process is looked at repairChecks times, repairStep apart: the stop
// that attaching has caused may come late. Its threads are looked at each
// repairThreads times.
const (
	repairStep    = 2 * time.Millisecond
	repairChecks  = 500
	repairThreads = 50
)

// repair leaves the process as it was, running or stopped, also where its code
// cannot be restored.
func repair(pid int, wasStopped bool, code *code) error {
	restored, stoppedAgain := false, false
	var err error
	for i := range repairChecks {
		st, gone := tracee.ReadStatus(pid)
		switch {
		case gone != nil || st.Dead():
			return nil
		case st.Tracer != 0: // it is being let go
		default:
			if !restored {
				restored = true
				err = code.restore()
			}
			switch {
			case !wasStopped && (st.Stopped() || i%repairThreads == 0 && tracee.StopPending(pid)):
				err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
			case !st.Stopped() && wasStopped && !stoppedAgain:
				// Once: later it is somebody else who lets it run.
				stoppedAgain = true
				err = errors.Join(err, syscall.Kill(pid, syscall.SIGSTOP))
			}
		}
		time.Sleep(repairStep)
	}
	return err
}

// code is the code of a process's executable, in memory and in the file.
type code struct {
	file   *exe.File // nil if it cannot be read
	memory *os.File
	bias   uint64
	// known are the breakpoints that were there before, of others.
	known map[uint64]bool
}

// openCode opens the code of a process. Where that is not possible there is
// nothing to restore: a debugger could not have written either.
func openCode(pid int) *code {
	m, err := mem.OpenProcess(pid)
	if err != nil {
		return new(code)
	}
	defer m.Close()
	f, err := exe.Open(m.ExePath())
	if err != nil {
		return new(code)
	}
	bias, err := m.LoadBias(f)
	if err != nil {
		f.Close()
		return new(code)
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		f.Close()
		return new(code)
	}
	return &code{file: f, memory: memory, bias: bias}
}

func (c *code) close() {
	if c.file != nil {
		c.file.Close()
		c.memory.Close()
	}
}

// traps finds the breakpoints in the code: the instructions that are one and
// have other bytes in the file.
func (c *code) traps() map[uint64]bool {
	found := make(map[uint64]bool)
	if c.file == nil {
		return found
	}
	trap := c.file.Arch.Trap
	for _, s := range c.file.Segments() {
		if s.Type != elf.PT_LOAD || s.Flags&elf.PF_X == 0 {
			continue
		}
		want := c.file.SegmentBytes(s)
		got := make([]byte, len(want))
		at := s.Vaddr + c.bias
		if _, err := c.memory.ReadAt(got, int64(at)); err != nil {
			continue
		}
		for i := 0; i+len(trap) <= len(got); i++ {
			if bytes.HasPrefix(got[i:], trap) && !bytes.HasPrefix(want[i:], trap) {
				found[at+uint64(i)] = true
			}
		}
	}
	return found
}

// restore writes the file's bytes where there are breakpoints that were not there
// before.
func (c *code) restore() error {
	for at := range c.traps() {
		if c.known[at] {
			continue
		}
		b := make([]byte, len(c.file.Arch.Trap))
		if err := c.original(b, at-c.bias); err != nil {
			return err
		}
		if _, err := c.memory.WriteAt(b, int64(at)); err != nil {
			return fmt.Errorf("restore the code at %#x: %w", at, err)
		}
	}
	return nil
}

// original reads bytes of the code from the file.
func (c *code) original(b []byte, vaddr uint64) error {
	for _, s := range c.file.Segments() {
		if s.Type == elf.PT_LOAD && vaddr >= s.Vaddr && vaddr+uint64(len(b)) <= s.Vaddr+s.Filesz {
			copy(b, c.file.SegmentBytes(s)[vaddr-s.Vaddr:])
			return nil
		}
	}
	return fmt.Errorf("%#x is not in the file", vaddr)
}
