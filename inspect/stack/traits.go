package stack

import "rtdbg/inspect/arch"

// traits is what unwinding needs to know of an architecture beyond
// arch.Arch. Offsets and sizes are in bytes.
type traits struct {
	// callPush is what a call instruction pushes in front of the callee's
	// frame: the return address, or nothing.
	callPush uint64
	// injected is the frame that the signal handler makes when it fakes a
	// call on an architecture with a link register
	// (alignUp(sys.MinFrameSize, sys.StackAlign)), else 0.
	injected uint64
	// minLocals is the frame size up to which a function has no locals
	// (minsize in runtime.(*stkframe).getStackMap).
	minLocals uint64

	sigframe sigframe
	regArgs  regArgs
}

// sigframe is the layout of the frame that the kernel builds to deliver a
// signal, from the SP that the handler returns to: the fields of
// runtime.ucontext (runtime/defs_linux_*.go) and struct rt_sigframe.
type sigframe struct {
	ucontext uint64 // of the ucontext
	size     uint64 // of the part of the ucontext that is read

	// Offsets in the ucontext.
	stackSP, stackSize uint64
	pc, sp, fp, g      uint64
	lr                 uint64 // 0: none
	// cs is the code segment selector, which must be user's; 0: none.
	cs     uint64
	csUser uint16
}

// regArgs describes internal/abi.RegArgs, which reflect's call stubs keep
// at the top of their frame: its size and where its pointers lie.
type regArgs struct {
	size, ptrs, nptrs uint64
}

func traitsOf(a *arch.Arch) (*traits, bool) {
	switch a.Name {
	case "amd64":
		return &traits{
			callPush: 8, injected: 0, minLocals: 0,
			sigframe: sigframe{
				ucontext: 0, size: 192, stackSP: 16, stackSize: 32,
				pc: 168, sp: 160, fp: 120, g: 88, cs: 184, csUser: 0x33,
			},
			// Ints [9], Floats [15], Ptrs [9], ReturnIsPtr [2]uint8.
			regArgs: regArgs{size: 272, ptrs: 192, nptrs: 9},
		}, true
	case "arm64":
		return &traits{
			callPush: 0, injected: 16, minLocals: 16,
			sigframe: sigframe{
				// A siginfo precedes the ucontext.
				ucontext: 128, size: 456, stackSP: 16, stackSize: 32,
				pc: 440, sp: 432, fp: 184 + 29*8, g: 184 + 28*8, lr: 184 + 30*8,
			},
			// Ints [16], Floats [16], Ptrs [16], ReturnIsPtr [2]uint8.
			regArgs: regArgs{size: 392, ptrs: 256, nptrs: 16},
		}, true
	}
	return nil, false
}
