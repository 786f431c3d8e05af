package arch

import "encoding/binary"

// ELF machine numbers (e_machine) of the architectures below.
const (
	machineX8664   = 62
	machineAARCH64 = 183
)

// all returns the known architectures, freshly made so that no caller can
// change what another one sees. The numbers mirror internal/goarch
// (zgoarch_*.go, goarch_*.go) and the kernel's struct user_regs_struct
// (amd64: arch/x86/include/asm/user_64.h) and struct user_pt_regs (arm64:
// arch/arm64/include/uapi/asm/ptrace.h), which NT_PRSTATUS embeds as pr_reg.
// The registers of call frames are those of the System V ABI's AMD64 supplement
// (figure 3.36) and of DWARF for the Arm 64-bit Architecture (4.1).
func all() []*Arch {
	return []*Arch{{
		Name: "amd64", PtrSize: 8, Order: binary.LittleEndian,
		PCQuantum: 1, MinFrameSize: 0, UsesLR: false, Trap: []byte{0xcc},
		CallFrame: CallFrame{
			SP: 7, FP: 6, Return: 16, Saved: []int{3, 6, 12, 13, 14, 15},
			words: []int{10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16},
		},
		machine: machineX8664,
		regs: regBlock{
			words: 27,
			pc:    16, sp: 19, fp: 4, lr: none, g: 1, tls: 21,
			call: 15, arg: 14,
			names: regNames{pc: "rip", sp: "rsp", fp: "rbp", g: "r14", tls: "fs_base"},
		},
	}, {
		Name: "arm64", PtrSize: 8, Order: binary.LittleEndian,
		PCQuantum: 4, MinFrameSize: 8, UsesLR: true, Trap: []byte{0x00, 0x00, 0x20, 0xd4},
		CallFrame: CallFrame{
			SP: 31, FP: 29, Return: 30, Saved: []int{19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30},
			words: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
		},
		machine: machineAARCH64,
		regs: regBlock{
			words: 34,
			pc:    32, sp: 31, fp: 29, lr: 30, g: 28, tls: none,
			call: none, arg: none,
			names: regNames{pc: "pc", sp: "sp", fp: "x29", lr: "x30", g: "x28"},
		},
	}}
}

// ByName returns the architecture with the given GOARCH value.
func ByName(goarch string) (*Arch, bool) {
	for _, a := range all() {
		if a.Name == goarch {
			return a, true
		}
	}
	return nil, false
}

// ByMachine returns the architecture of an ELF e_machine number. The caller
// has to check the class and the byte order of the file: they are not implied.
func ByMachine(machine uint16) (*Arch, bool) {
	for _, a := range all() {
		if a.machine == machine {
			return a, true
		}
	}
	return nil, false
}

// Names returns the GOARCH values that ByName knows.
func Names() []string {
	var names []string
	for _, a := range all() {
		names = append(names, a.Name)
	}
	return names
}

// Machine returns the ELF e_machine number of the architecture.
func (a *Arch) Machine() uint16 { return a.machine }
