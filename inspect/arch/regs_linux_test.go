//go:build amd64 || arm64

package arch

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The oracle is x/sys/unix, which is generated from the
// kernel's headers; it exists for the architecture the test runs on only.
func TestDecodeRegsFollowsPtraceRegs(t *testing.T) {
	block, want := hostRegs()
	a, ok := ByName(want.name)
	if !ok {
		t.Skipf("no reference registers for %s", want.name)
	}
	if a.RegsSize() != len(block) {
		t.Errorf("RegsSize = %d, the kernel's structure has %d bytes", a.RegsSize(), len(block))
	}
	got, err := a.DecodeRegs(block)
	for i := range len(block) / 8 {
		want.regs.General[i] = a.Order.Uint64(block[8*i:])
	}
	if err != nil || got != want.regs {
		t.Errorf("DecodeRegs = %+v, %v; want %+v", got, err, want.regs)
	}
	if _, err := a.DecodeRegs(block[:len(block)-1]); err == nil {
		t.Error("a block that is one byte short is accepted")
	}
}

type hostRegister struct {
	name string
	regs Regs
}

// bytesOf returns the memory of a PtraceRegs.
func bytesOf(r *unix.PtraceRegs) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), int(unsafe.Sizeof(*r)))
}
