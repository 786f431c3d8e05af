package wait

import (
	"strconv"
	"strings"

	"rtdbg/inspect/mem"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/stack"
)

// SyscallFact is what is known of a system call or of a call into C.
type SyscallFact struct {
	// Number and Name are those of the system call; nil and "" where they
	// are not known, as in C.
	Number *uint64 `json:"number"`
	Name   string  `json:"name,omitempty"`
	// C is the C function that was called through cgo.
	C string `json:"c,omitempty"`
	// KernelFunction is the function of the kernel that the thread waits in,
	// KernelStack those on its stack there, innermost first: of a live process,
	// as far as the kernel tells.
	KernelFunction string   `json:"kernel_function,omitempty"`
	KernelStack    []string `json:"kernel_stack,omitempty"`
	// P is the P that the thread still holds, nil if it holds none or that is
	// not known. Lost says that it holds none: it was taken away from it, and
	// the call has then lasted for 20 µs at least, or given away.
	P    *int32 `json:"p"`
	Lost bool   `json:"p_lost,omitempty"`
	// MinNS is for how long it has lasted at least, nil where nothing is
	// known: since sysmon saw it first.
	MinNS *int64 `json:"min_ns,omitempty"`
}

// KernelWait is what is known of the system call that a thread is in: its
// number and first argument, the stack pointer with which it was made, and where
// in the kernel it waits.
type KernelWait struct {
	Number, Arg uint64
	SP          mem.Addr
	Function    string
	Stack       []string
}

// syscallFuncs are the functions whose first argument is the number of a system
// call, as the runtime's tracebacks name them.
var syscallFuncs = map[string]bool{
	"syscall.Syscall": true, "syscall.Syscall6": true, "syscall.Syscall9": true,
	"syscall.RawSyscall": true, "syscall.RawSyscall6": true,
}

// syscall answers for a goroutine in a system call or in C.
func (r *Resolver) syscall(g *rt.G) On {
	on := On{Kind: Syscall, Op: Wait}
	m, err := r.rt.ReadM(g.M)
	if err != nil {
		on.Note = "thread unknown: " + err.Error()
		return on
	}
	on.Thread = &m.ProcID
	fact := &SyscallFact{}
	fact.P, fact.MinNS, fact.Lost = r.heldP(&m)
	on.Syscall = fact
	tr := r.stacks.Trace(g)
	if m.InCgo {
		fact.C = cgoFunc(tr)
		on.Note = "in C, called through cgo"
		r.fillKernel(g, &m, &on)
		return on
	}
	r.fillSyscall(tr, &on)
	on.Child = r.child(&subject{G: g, r: r, tr: tr, known: true}, false)
	switch {
	case fact.Number != nil:
	case calls(&tr, "os/signal.signal_recv"):
		on.Note = "the loop of os/signal, which waits for signals"
	case calls(&tr, "runtime.notetsleepg"):
		on.Note = "the runtime's own wait for a note"
	}
	r.fillKernel(g, &m, &on)
	return on
}

// fillKernel adds what the kernel knows of the system call. The thread may be in
// another one, of a signal's handler: then it is on that one's stack.
func (r *Resolver) fillKernel(g *rt.G, m *rt.M, on *On) {
	if r.kernel == nil {
		return
	}
	k, ok := r.kernel(m.ProcID)
	if !ok {
		return
	}
	within := func(g *rt.G) bool { return k.SP >= g.StackLo && k.SP <= g.StackHi }
	if !within(g) {
		s, err := r.rt.ReadG(m.GSignal)
		if !m.InCgo || m.GSignal != 0 && (err != nil || within(&s)) {
			return
		}
	}
	fact := on.Syscall
	if fact.Number != nil && *fact.Number != k.Number {
		return
	}
	fact.KernelFunction, fact.KernelStack = k.Function, k.Stack
	if fact.Number == nil {
		fact.Number, fact.Name = ptr(k.Number), syscallName(r.rt.Arch.Name, k.Number)
		if descriptorFirst[fact.Name] {
			on.FD = ptr(int64(int32(k.Arg)))
		}
	}
}

// heldP returns the id of the P that a thread in a system call still holds, and
// for how long sysmon has seen it there (runtime.retake), nil if it has not; lost
// says that it holds none any more.
// Since Go 1.26 it stays the P's m; before, the P has a status of its own, and
// counts the system calls that began on it (runtime.reentersyscall, retake).
func (r *Resolver) heldP(m *rt.M) (id *int32, ns *int64, lost bool) {
	a := m.P
	if a == 0 {
		a = m.OldP
	}
	if a == 0 {
		return nil, nil, true // it gave it away, as for what is known to take long
	}
	p, err := r.rt.ReadP(a)
	if err != nil {
		return nil, nil, false
	}
	held := p.M == m.Addr
	if r.rt.PStatus(&p) == rt.PSyscall {
		tick, ok := r.rt.SyscallTick(m)
		held = ok && tick == p.SyscallTick
	}
	if !held {
		return nil, nil, true
	}
	if p.SyscallWhen > 0 && p.SysmonTick == p.SyscallTick && r.nowKnown && r.nowNS > p.SyscallWhen {
		ns = ptr(r.nowNS - p.SyscallWhen)
	}
	return &p.ID, ns, false
}

// cgoFunc returns the name of the C function that the stack calls: the function
// that cgo made for it is called _Cfunc_NAME.
func cgoFunc(tr stack.Trace) string {
	for i := range min(len(tr.Stack.Frames), maxInner) {
		if _, name, ok := strings.Cut(tr.Stack.Frames[i].Func.Name, "._Cfunc_"); ok {
			return name
		}
	}
	return ""
}

// fillSyscall reads the number of the system call from the arguments of the
// function that makes it, where the compiler's tables say that they are live.
// They are not in Go 1.19 and 1.20; then the function that calls it, which in
// most cases bears the name of the system call, names it.
func (r *Resolver) fillSyscall(tr stack.Trace, on *On) {
	n, made := 0, false
	tr.Each(func(f *stack.Frame) bool {
		if n++; n > maxInner {
			return false
		}
		if made {
			on.Syscall.Name = r.syscallOf(f.Func)
			return false
		}
		if !syscallFuncs[f.Func] || f.Inlined || r.args == nil {
			return true
		}
		args := strings.Split(r.args(tr, f), ", ")
		nr, ok := argument(args, 0)
		if !ok {
			made = true
			return true
		}
		on.Syscall.Number, on.Syscall.Name = &nr, syscallName(r.rt.Arch.Name, nr)
		if fd, ok := argument(args, 1); ok && descriptorFirst[on.Syscall.Name] {
			on.FD = ptr(int64(int32(fd)))
		}
		return false
	})
}

// syscallOf returns the name of the system call that function fn is the face of
// ("syscall.Flock": flock), "" if there is none of that name.
func (r *Resolver) syscallOf(fn string) string {
	pkg, name, ok := strings.Cut(fn[strings.LastIndexByte(fn, '/')+1:], ".")
	if !ok || pkg != "syscall" && pkg != "unix" {
		return ""
	}
	name = strings.ToLower(name)
	for _, known := range syscallNumbers[r.rt.Arch.Name] {
		if known == name {
			return name
		}
	}
	return ""
}

// argument returns argument i of a call as a traceback prints it; ok is false
// for one that is not known to be live.
func argument(args []string, i int) (v uint64, ok bool) {
	if i >= len(args) {
		return 0, false
	}
	v, err := strconv.ParseUint(args[i], 0, 64)
	return v, err == nil
}

// On amd64 and arm64 system calls have different numbers. Only those are named
// that can take long.
var syscallNumbers = map[string]map[uint64]string{
	"amd64": {
		0: "read", 1: "write", 2: "open", 3: "close", 7: "poll", 16: "ioctl", 17: "pread64", 18: "pwrite64", 19: "readv", 20: "writev",
		23: "select", 26: "msync", 34: "pause", 35: "nanosleep", 40: "sendfile", 42: "connect", 43: "accept", 44: "sendto",
		45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 59: "execve", 61: "wait4", 65: "semop", 69: "msgsnd", 70: "msgrcv",
		72: "fcntl", 73: "flock", 74: "fsync", 75: "fdatasync", 76: "truncate", 77: "ftruncate", 78: "getdents", 82: "rename",
		84: "rmdir", 87: "unlink", 101: "ptrace", 128: "rt_sigtimedwait", 130: "rt_sigsuspend", 162: "sync", 165: "mount",
		166: "umount2", 202: "futex", 217: "getdents64", 220: "semtimedop", 230: "clock_nanosleep", 232: "epoll_wait",
		242: "mq_timedsend", 243: "mq_timedreceive", 247: "waitid", 257: "openat", 262: "newfstatat", 263: "unlinkat",
		270: "pselect6", 271: "ppoll", 275: "splice", 276: "tee", 277: "sync_file_range", 278: "vmsplice", 281: "epoll_pwait",
		285: "fallocate", 288: "accept4", 295: "preadv", 296: "pwritev", 299: "recvmmsg", 306: "syncfs", 307: "sendmmsg",
		316: "renameat2", 318: "getrandom", 326: "copy_file_range", 426: "io_uring_enter", 441: "epoll_pwait2",
	},
	"arm64": {
		22: "epoll_pwait", 25: "fcntl", 29: "ioctl", 32: "flock", 35: "unlinkat", 38: "renameat", 39: "umount2", 40: "mount",
		45: "truncate", 46: "ftruncate", 47: "fallocate", 56: "openat", 57: "close", 61: "getdents64", 63: "read", 64: "write",
		65: "readv", 66: "writev", 67: "pread64", 68: "pwrite64", 69: "preadv", 70: "pwritev", 71: "sendfile", 72: "pselect6",
		73: "ppoll", 75: "vmsplice", 76: "splice", 77: "tee", 79: "newfstatat", 81: "sync", 82: "fsync", 83: "fdatasync",
		84: "sync_file_range", 95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep", 117: "ptrace",
		133: "rt_sigsuspend", 137: "rt_sigtimedwait", 182: "mq_timedsend", 183: "mq_timedreceive", 188: "msgrcv", 189: "msgsnd",
		192: "semtimedop", 193: "semop", 202: "accept", 203: "connect", 206: "sendto", 207: "recvfrom", 211: "sendmsg",
		212: "recvmsg", 221: "execve", 227: "msync", 242: "accept4", 243: "recvmmsg", 260: "wait4", 267: "syncfs", 269: "sendmmsg",
		276: "renameat2", 278: "getrandom", 285: "copy_file_range", 426: "io_uring_enter", 441: "epoll_pwait2",
	},
}

// syscallName returns the name of a system call, "" for one that is not in the
// table.
func syscallName(goarch string, nr uint64) string { return syscallNumbers[goarch][nr] }

// descriptorFirst are system calls whose first argument is a file descriptor.
var descriptorFirst = map[string]bool{
	"read": true, "write": true, "close": true, "ioctl": true, "pread64": true, "pwrite64": true, "readv": true, "writev": true,
	"connect": true, "accept": true, "accept4": true, "sendto": true, "recvfrom": true, "sendmsg": true, "recvmsg": true,
	"fcntl": true, "flock": true, "fsync": true, "fdatasync": true, "ftruncate": true, "fallocate": true, "getdents64": true,
	"preadv": true, "pwritev": true, "syncfs": true, "epoll_wait": true, "epoll_pwait": true,
}
