package mem

import (
	"os"
	"strconv"
	"strings"
)

// KernelWait is what the kernel says of a thread that does not run.
type KernelWait struct {
	// Number and Args are those of the system call that it is in, and SP and
	// PC where it entered the kernel (/proc/PID/task/TID/syscall).
	Number uint64
	Args   [6]uint64
	SP, PC Addr
	// Function is the function of the kernel that it waits in, "" if that is
	// not told (wchan).
	Function string
	// Stack are the functions of its stack in the kernel, innermost first;
	// nil where they are not told, as without CAP_SYS_ADMIN (stack).
	Stack []string
}

// KernelWaits returns what the kernel says of each thread that is in a system
// call, by thread id.
func (p *Process) KernelWaits() map[uint64]KernelWait {
	tids, err := p.TIDs()
	if err != nil {
		return nil
	}
	waits := make(map[uint64]KernelWait)
	for _, tid := range tids {
		if w, ok := p.KernelWait(tid); ok {
			waits[uint64(tid)] = w
		}
	}
	return waits
}

// KernelWait returns what the kernel says of thread tid; ok is false if it is
// in no system call, or that is not told. It does so of threads that have not
// been stopped: afterwards they wait for who stopped them.
func (p *Process) KernelWait(tid int) (w KernelWait, ok bool) {
	dir := p.proc("task/" + strconv.Itoa(tid))
	b, err := os.ReadFile(dir + "/syscall")
	if err != nil {
		return KernelWait{}, false
	}
	if w, ok = parseSyscall(string(b)); !ok {
		return KernelWait{}, false
	}
	if b, err := os.ReadFile(dir + "/wchan"); err == nil && string(b) != "0" {
		w.Function = string(b)
	}
	if b, err := os.ReadFile(dir + "/stack"); err == nil {
		w.Stack = parseKernelStack(string(b))
	}
	return w, true
}

// parseSyscall parses "number arg … sp pc". Other forms are "running" and
// "-1 sp pc", for a thread that is in no system call.
func parseSyscall(text string) (w KernelWait, ok bool) {
	f := strings.Fields(text)
	if len(f) != 9 {
		return w, false
	}
	var words [9]uint64
	for i := range f {
		n, err := strconv.ParseUint(f[i], 0, 64)
		if err != nil {
			return KernelWait{}, false
		}
		words[i] = n
	}
	w.Number, w.SP, w.PC = words[0], Addr(words[7]), Addr(words[8])
	copy(w.Args[:], words[1:7])
	return w, true
}

// parseKernelStack parses lines of "[<0>] function+0x1f/0x60".
func parseKernelStack(text string) []string {
	var stack []string
	for line := range strings.Lines(text) {
		_, name, ok := strings.Cut(strings.TrimSpace(line), "] ")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, "+")
		stack = append(stack, name)
	}
	return stack
}
