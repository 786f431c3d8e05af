package cstack

import "rtdbg/inspect/arch"

// ruleKind is how a caller's register is found.
type ruleKind uint8

const (
	// unspecified: as the calling convention has it.
	unspecified ruleKind = iota
	undefined
	sameValue
	atOffset  // in memory at CFA+n
	valOffset // CFA+n
	inRegister
	atExpression // in memory at the value of an expression
	valExpression
)

type rule struct {
	kind ruleKind
	n    int64 // offset or register
	expr reader
}

// row is the rules at one PC. The CFA is register+offset, or an expression.
type row struct {
	cfa    rule // inRegister, valExpression
	offset int64
	regs   [arch.MaxCallRegs]rule
	// signed says that the return address carries a signature (AArch64).
	signed bool
}

// maxRemembered bounds the stack of remembered rows.
const maxRemembered = 32

// machine executes the instructions of a CIE and an FDE.
type machine struct {
	*cie
	row
	initial    *row
	remembered []row
	loc, pc    uint64
}

// rules returns the rules at pc, which f covers.
func (f *fde) rules(pc uint64) (*row, error) {
	m := &machine{cie: f.cie, loc: f.begin, pc: pc}
	if err := m.run(f.cie.program); err != nil {
		return nil, err
	}
	initial := m.row
	m.initial, m.loc = &initial, f.begin
	if err := m.run(f.program); err != nil {
		return nil, err
	}
	return &m.row, nil
}

// run executes instructions until they are about code behind pc.
func (m *machine) run(r reader) error {
	for len(r.b) > 0 && r.err == nil {
		op := r.u8()
		low := uint64(op & 0x3f)
		switch op >> 6 {
		case 1: // DW_CFA_advance_loc
			m.loc += low * m.codeAlign
		case 2: // DW_CFA_offset
			m.set(low, rule{kind: atOffset, n: int64(r.uleb()) * m.dataAlign})
		case 3: // DW_CFA_restore
			m.restore(low)
		default:
			if err := m.extended(op, &r); err != nil {
				return err
			}
		}
		if m.loc > m.pc {
			return r.err
		}
	}
	return r.err
}

// set gives register n a rule. Registers beyond the general ones are no part of
// the way to the caller.
func (m *machine) set(n uint64, x rule) {
	if n < arch.MaxCallRegs {
		m.regs[n] = x
	}
}

func (m *machine) restore(n uint64) {
	if n >= arch.MaxCallRegs {
		return
	}
	m.regs[n] = rule{}
	if m.initial != nil {
		m.regs[n] = m.initial.regs[n]
	}
}

// extended executes an instruction that has its operands behind it (DWARF 5,
// 7.24).
func (m *machine) extended(op byte, r *reader) error {
	switch op {
	case 0x00: // DW_CFA_nop
	case 0x01: // DW_CFA_set_loc
		m.loc = r.pointer(m.fdeEncoding)
	case 0x02: // DW_CFA_advance_loc1
		m.loc += uint64(r.u8()) * m.codeAlign
	case 0x03: // DW_CFA_advance_loc2
		m.loc += uint64(r.u16()) * m.codeAlign
	case 0x04: // DW_CFA_advance_loc4
		m.loc += uint64(r.u32()) * m.codeAlign
	case 0x0a: // DW_CFA_remember_state
		if len(m.remembered) == maxRemembered {
			return errDamaged
		}
		m.remembered = append(m.remembered, m.row)
	case 0x0b: // DW_CFA_restore_state
		last := len(m.remembered) - 1
		if last < 0 {
			return errDamaged
		}
		m.row, m.remembered = m.remembered[last], m.remembered[:last]
	case 0x2d: // DW_CFA_AARCH64_negate_ra_state
		m.signed = !m.signed
	case 0x2e: // DW_CFA_GNU_args_size
		r.uleb()
	case 0x0c, 0x0d, 0x0e, 0x0f, 0x12, 0x13:
		return m.defineCFA(op, r)
	default:
		return m.defineRegister(op, r)
	}
	return nil
}

// defineCFA executes an instruction that says where the CFA is.
func (m *machine) defineCFA(op byte, r *reader) error {
	switch op {
	case 0x0c: // DW_CFA_def_cfa
		m.cfa = rule{kind: inRegister, n: int64(r.uleb())}
		m.offset = int64(r.uleb())
	case 0x12: // DW_CFA_def_cfa_sf
		m.cfa = rule{kind: inRegister, n: int64(r.uleb())}
		m.offset = r.sleb() * m.dataAlign
	case 0x0d: // DW_CFA_def_cfa_register
		m.cfa = rule{kind: inRegister, n: int64(r.uleb())}
	case 0x0e: // DW_CFA_def_cfa_offset
		m.offset = int64(r.uleb())
	case 0x13: // DW_CFA_def_cfa_offset_sf
		m.offset = r.sleb() * m.dataAlign
	case 0x0f: // DW_CFA_def_cfa_expression
		m.cfa = rule{kind: valExpression, expr: r.sub(r.uleb())}
	}
	return nil
}

// defineRegister executes an instruction that says where a register is.
func (m *machine) defineRegister(op byte, r *reader) error {
	n := r.uleb()
	switch op {
	case 0x05: // DW_CFA_offset_extended
		m.set(n, rule{kind: atOffset, n: int64(r.uleb()) * m.dataAlign})
	case 0x06: // DW_CFA_restore_extended
		m.restore(n)
	case 0x07: // DW_CFA_undefined
		m.set(n, rule{kind: undefined})
	case 0x08: // DW_CFA_same_value
		m.set(n, rule{kind: sameValue})
	case 0x09: // DW_CFA_register
		m.set(n, rule{kind: inRegister, n: int64(r.uleb())})
	case 0x10: // DW_CFA_expression
		m.set(n, rule{kind: atExpression, expr: r.sub(r.uleb())})
	case 0x11: // DW_CFA_offset_extended_sf
		m.set(n, rule{kind: atOffset, n: r.sleb() * m.dataAlign})
	case 0x14: // DW_CFA_val_offset
		m.set(n, rule{kind: valOffset, n: int64(r.uleb()) * m.dataAlign})
	case 0x15: // DW_CFA_val_offset_sf
		m.set(n, rule{kind: valOffset, n: r.sleb() * m.dataAlign})
	case 0x16: // DW_CFA_val_expression
		m.set(n, rule{kind: valExpression, expr: r.sub(r.uleb())})
	case 0x2f: // DW_CFA_GNU_negative_offset_extended
		m.set(n, rule{kind: atOffset, n: -int64(r.uleb()) * m.dataAlign})
	default:
		return errDamaged
	}
	return nil
}
