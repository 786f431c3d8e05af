//go:build linux && amd64

package delve

import (
	"reflect"
	"testing"

	"github.com/go-delve/delve/pkg/dwarf/regnum"
	"golang.org/x/sys/unix"

	"rtdbg/inspect/arch"
)

// The registers of unwind tables are found where the kernel's structure has those
// that Delve knows by these numbers.
func TestCallRegsAreDelvesOfTheKernelsStructure(t *testing.T) {
	a, _ := arch.ByName("amd64")
	typ := reflect.TypeFor[unix.PtraceRegs]()
	place := make(map[string]uint64)
	var r arch.Regs
	for i := range typ.NumField() {
		place[typ.Field(i).Name] = uint64(i + 1)
		r.General[i] = uint64(i + 1)
	}
	r.PC, r.SP, r.FP = place["Rip"], place["Rsp"], place["Rbp"]
	regs := a.CallRegs(&r)
	for n := range a.CallFrame.Return + 1 {
		name := regnum.AMD64ToName(uint64(n))
		if got, known := regs.Get(n); !known || got != place[name] || got == 0 {
			t.Errorf("register %d, %s, is %d, %t: want %d", n, name, got, known, place[name])
		}
	}
	r.General[0], r.PC = 0, 99 // another order
	regs = a.CallRegs(&r)
	if _, known := regs.Get(0); known {
		t.Error("registers in an order that is not known are taken for known")
	}
	if sp, known := regs.Get(regnum.AMD64_Rsp); !known || sp != r.SP {
		t.Errorf("SP is %d, %t", sp, known)
	}
	arm, _ := arch.ByName("arm64")
	if f := arm.CallFrame; f.SP != regnum.ARM64_SP || f.FP != regnum.ARM64_BP || f.Return != regnum.ARM64_LR {
		t.Errorf("arm64: %+v", f)
	}
}
