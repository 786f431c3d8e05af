package arch

import (
	"debug/elf"
	"encoding/binary"
	"testing"
)

func TestByMachineAgreesWithDebugELF(t *testing.T) {
	for name, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		byName, ok := ByName(name)
		if !ok {
			t.Fatalf("ByName(%q): unknown", name)
		}
		byMachine, ok := ByMachine(uint16(machine))
		if !ok || byMachine.Name != name || byName.Machine() != uint16(machine) {
			t.Errorf("%s: ByMachine(%v) = %v, %v", name, machine, byMachine, ok)
		}
	}
	if a, ok := ByName("mips"); ok {
		t.Errorf("ByName(mips) = %v", a)
	}
	if a, ok := ByMachine(uint16(elf.EM_386)); ok {
		t.Errorf("ByMachine(EM_386) = %v", a)
	}
}

func TestDecodeRegsARM64(t *testing.T) {
	a, _ := ByName("arm64")
	// struct user_pt_regs { u64 regs[31]; u64 sp; u64 pc; u64 pstate; }
	block := make([]byte, 34*8)
	for i := range 34 {
		binary.LittleEndian.PutUint64(block[i*8:], uint64(1000+i))
	}
	got, err := a.DecodeRegs(block)
	want := Regs{PC: 1032, SP: 1031, FP: 1029, LR: 1030, G: 1028}
	for i := range 34 {
		want.General[i] = uint64(1000 + i)
	}
	if err != nil || got != want {
		t.Errorf("DecodeRegs = %+v, %v; want %+v", got, err, want)
	}
}

func TestSetByName(t *testing.T) {
	for _, tt := range []struct {
		arch  string
		names []string
		want  Regs
	}{
		{"amd64", []string{"Rip", "Rsp", "Rbp", "R14", "Fs_base", "Rax", ""}, Regs{PC: 1, SP: 2, FP: 3, G: 4, TLS: 5}},
		{"arm64", []string{"PC", "SP", "X29", "X28", "X30", "X0", ""}, Regs{PC: 1, SP: 2, FP: 3, G: 4, LR: 5}},
	} {
		a, _ := ByName(tt.arch)
		var got Regs
		for i, name := range tt.names {
			if set := a.SetByName(&got, name, uint64(i+1)); set != (i < 5) {
				t.Errorf("%s: SetByName(%q) = %v", tt.arch, name, set)
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.arch, got, tt.want)
		}
	}
}
