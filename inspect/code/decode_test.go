package code

import (
	"bytes"
	"debug/elf"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"

	"rtdbg/inspect/internal/target"
	"rtdbg/inspect/mem"
)

// text returns the code of an executable.
func text(t *testing.T, path string) []byte {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := f.Section(".text").Data()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAMD64IsDecodedAsByX86asm compares lengths, jumps and addresses of all the
// code of a program. The oracle does not know the vector extensions.
func TestAMD64IsDecodedAsByX86asm(t *testing.T) {
	b := text(t, target.Build(t, target.Spec{Program: "abilities", GOARCH: "amd64"}))
	compared := 0
	for off := 0; off < len(b); {
		var regs registers
		var got inst
		ok := decodeAMD64(b, off, 0x400000, &regs, &got)
		want, err := x86asm.Decode(b[off:], 64)
		if err != nil || b[off] == 0xc4 || b[off] == 0xc5 || b[off] == 0x62 {
			// A vector instruction, or between functions.
			if !ok {
				got.size = 1
			}
			off += got.size
			continue
		}
		if !ok || got.size != want.Len {
			t.Fatalf("% x: %d bytes (%v), x86asm: %v of %d", b[off:off+15], got.size, ok, want, want.Len)
		}
		compareAMD64(t, got, want)
		compared++
		off += got.size
	}
	if compared < 100_000 {
		t.Errorf("%d instructions compared", compared)
	}
}

func compareAMD64(t *testing.T, got inst, want x86asm.Inst) {
	t.Helper()
	for _, a := range want.Args {
		switch a := a.(type) {
		case x86asm.Rel:
			if to := int64(got.off+got.size) + int64(a); got.to != to || got.kind == plain {
				t.Fatalf("%v: %d to %#x, want %#x", want, got.kind, got.to, to)
			}
		case x86asm.Mem:
			if a.Base != x86asm.RIP {
				continue
			}
			ref := mem.Addr(0x400000 + int64(got.off+got.size) + int64(int32(a.Disp)))
			if got.ref != ref || got.taken != (want.Op == x86asm.LEA) {
				t.Fatalf("%v: refers to %v (%v), want %v", want, got.ref, got.taken, ref)
			}
		}
	}
	indirect := false
	if _, rel := want.Args[0].(x86asm.Rel); !rel {
		indirect = true
	}
	kind := plain
	switch want.Op {
	case x86asm.CALL:
		kind = call
		if indirect {
			kind = callIndirect
		}
	case x86asm.JMP:
		kind = jump
		if indirect {
			kind = jumpIndirect
		}
	case x86asm.RET:
		kind = ret
	case x86asm.UD2, x86asm.HLT:
		kind = trap
	case x86asm.INT:
		return
	default:
		if !indirect {
			kind = branch
		}
	}
	if got.kind != kind {
		t.Fatalf("%v: kind %d, want %d", want, got.kind, kind)
	}
}

// TestVectorInstructionsHaveTheirLength takes the lengths from the assembler,
// that is from the manual.
func TestVectorInstructionsHaveTheirLength(t *testing.T) {
	for _, tt := range []struct {
		name string
		code []byte
	}{
		{"VZEROUPPER", []byte{0xc5, 0xf8, 0x77}},
		{"VMOVDQU (SI), Y0", []byte{0xc5, 0xfe, 0x6f, 0x06}},
		{"VMOVDQU 0x100(SI), Y0", []byte{0xc5, 0xfe, 0x6f, 0x86, 0, 1, 0, 0}},
		{"VPSHUFD $1, X1, X2", []byte{0xc5, 0xf9, 0x70, 0xd1, 0x01}},
		{"VPERM2I128 $1, Y0, Y1, Y2", []byte{0xc4, 0xe3, 0x75, 0x46, 0xd0, 0x01}},
		{"ANDN AX, BX, CX", []byte{0xc4, 0xe2, 0x60, 0xf2, 0xc8}},
		{"SHLX AX, (BX)(CX*8), DX", []byte{0xc4, 0xe2, 0xf9, 0xf7, 0x14, 0xcb}},
		{"RORX $7, AX, BX", []byte{0xc4, 0xe3, 0x7b, 0xf0, 0xd8, 0x07}},
		{"VMOVDQU64 (SI), Z0", []byte{0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x06}},
		{"VMOVDQU64 64(SI), Z0", []byte{0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x46, 0x01}},
		{"VPTERNLOGD $0xff, Z0, Z0, Z0", []byte{0x62, 0xf3, 0x7d, 0x48, 0x25, 0xc0, 0xff}},
	} {
		var regs registers
		b := append(bytes.Clone(tt.code), bytes.Repeat([]byte{0x90}, 15)...)
		var in inst
		ok := decodeAMD64(b, 0, 0, &regs, &in)
		if !ok || in.size != len(tt.code) {
			t.Errorf("%s: %d bytes (%v), want %d", tt.name, in.size, ok, len(tt.code))
		}
	}
}

// TestARM64IsDecodedAsByArm64asm compares jumps and addresses of all the code
// of a program.
func TestARM64IsDecodedAsByArm64asm(t *testing.T) {
	b := text(t, target.Build(t, target.Spec{Program: "abilities", GOARCH: "arm64"}))
	kinds := map[arm64asm.Op]instKind{
		arm64asm.BL: call, arm64asm.BLR: callIndirect, arm64asm.BR: jumpIndirect, arm64asm.RET: ret, arm64asm.BRK: trap,
		arm64asm.CBZ: branch, arm64asm.CBNZ: branch, arm64asm.TBZ: branch, arm64asm.TBNZ: branch,
	}
	compared := make(map[instKind]int)
	for off := 0; off+4 <= len(b); off += 4 {
		var regs registers
		var got inst
		decodeARM64(b, off, 0x10000, &regs, &got)
		regs.apply(&got)
		want, err := arm64asm.Decode(b[off:])
		if err != nil {
			continue
		}
		kind := kinds[want.Op]
		if want.Op == arm64asm.B {
			kind = jump
			if _, conditional := want.Args[0].(arm64asm.Cond); conditional {
				kind = branch
			}
		}
		if got.kind != kind {
			t.Fatalf("%v: kind %d, want %d", want, got.kind, kind)
		}
		compared[kind]++
		for _, a := range want.Args {
			rel, ok := a.(arm64asm.PCRel)
			switch {
			case !ok:
			case want.Op == arm64asm.ADRP:
				page := (int64(0x10000)+int64(off))&^0xfff + int64(rel)
				if v := regs[b[off]&31]; v != (value{address, page}) {
					t.Fatalf("%v: %+v, want %#x", want, v, page)
				}
			case kind != plain && got.to != int64(off)+int64(rel):
				t.Fatalf("%v: to %#x, want %#x", want, got.to, int64(off)+int64(rel))
			}
		}
		compareConstant(t, want, &regs)
	}
	for _, kind := range []instKind{plain, call, callIndirect, jump, branch, jumpIndirect, ret} {
		if compared[kind] == 0 {
			t.Errorf("no instruction of kind %d", kind)
		}
	}
}

// compareConstant compares what a move of a constant leaves in its register.
func compareConstant(t *testing.T, want arm64asm.Inst, regs *registers) {
	t.Helper()
	if want.Op != arm64asm.MOV && want.Op != arm64asm.ORR {
		return
	}
	reg, ok := want.Args[0].(arm64asm.Reg)
	if !ok || reg < arm64asm.X0 || reg > arm64asm.X30 {
		return
	}
	imm, ok := want.Args[1].(arm64asm.Imm64)
	if !ok {
		return
	}
	if v := regs[reg-arm64asm.X0]; v.kind == constant && v.n != int64(imm.Imm) {
		t.Fatalf("%v: %#x", want, v.n)
	}
}
