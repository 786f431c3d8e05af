package target

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ParseCrash parses what a Go program printed on standard error as it
// crashed. It fails if there is no goroutine in the text, or if a line that
// must have a certain form has not.
func ParseCrash(text string) (*CrashText, error) {
	p := crashParser{lines: strings.Split(text, "\n"), text: new(CrashText)}
	p.text.Sections = []Section{{}}
	for p.i < len(p.lines) {
		if err := p.line(); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.i+1, err)
		}
		p.i++
	}
	if len(p.text.Sections[0].Goroutines) == 0 {
		return nil, errors.New("no goroutine in the text")
	}
	return p.text, nil
}

// crashParser reads the text line by line.
type crashParser struct {
	lines []string
	i     int
	text  *CrashText
	// g is the goroutine whose frames are being read, nil after a blank
	// line; ancestor is the part of it, if any, that they belong to.
	g        *Goroutine
	ancestor *Ancestor
}

func (p *crashParser) section() *Section {
	return &p.text.Sections[len(p.text.Sections)-1]
}

// next returns the line after the current one.
func (p *crashParser) next() string {
	if p.i+1 < len(p.lines) {
		return p.lines[p.i+1]
	}
	return ""
}

// line handles the line at p.i, and moves p.i to the last line that belongs
// to it.
func (p *crashParser) line() error {
	line := p.lines[p.i]
	switch {
	case line == "":
		p.g, p.ancestor = nil, nil
		return nil
	case line == "-----" && len(p.section().Goroutines) > 0:
		p.g, p.ancestor = nil, nil
		p.text.Sections = append(p.text.Sections, Section{})
		return nil
	case isGoroutineHeader(line):
		g, err := parseHeader(line)
		if err != nil {
			return err
		}
		p.open(g)
		return nil
	case line == "runtime stack:":
		// dopanic_m prints g0 under this title.
		p.open(&Goroutine{M: -1, Status: "runtime stack"})
		return nil
	case p.g != nil:
		return p.inGoroutine(line)
	}
	return p.outside(line)
}

func (p *crashParser) open(g *Goroutine) {
	p.g, p.ancestor = g, nil
	s := p.section()
	s.Goroutines = append(s.Goroutines, g)
}

// outside handles a line that belongs to no goroutine.
func (p *crashParser) outside(line string) error {
	s := p.section()
	if rest, ok := strings.CutPrefix(line, "PC="); ok && len(s.Goroutines) == 0 {
		return s.parseSignal(rest)
	}
	if isSignalLine(line) && strings.HasPrefix(p.next(), "PC=") {
		s.Signal = line
		return nil
	}
	if line == "signal arrived during cgo execution" {
		s.InCgo = true
		return nil
	}
	if name, value, ok := parseRegister(line); ok && len(s.Goroutines) > 0 {
		if s.Regs == nil {
			s.Regs = make(map[string]uint64)
		}
		s.Regs[name] = value
		return nil
	}
	if len(s.Goroutines) == 0 && len(p.text.Sections) == 1 {
		p.text.Preamble = append(p.text.Preamble, line)
	} else {
		s.Notes = append(s.Notes, line)
	}
	return nil
}

func isSignalLine(line string) bool {
	return strings.HasPrefix(line, "SIG") && strings.Contains(line, ": ") || strings.HasPrefix(line, "Signal ")
}

// parseSignal parses "0x46e3e1 m=0 sigcode=0".
func (s *Section) parseSignal(rest string) error {
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return errors.New("signal line is cut")
	}
	var err error
	if s.PC, err = parseHex(fields[0]); err != nil {
		return err
	}
	m, ok := strings.CutPrefix(fields[1], "m=")
	if !ok {
		return fmt.Errorf("signal line has %q where m= is expected", fields[1])
	}
	s.M, err = strconv.ParseInt(m, 10, 64)
	return err
}

// parseRegister parses a line of dumpregs, "rax    0x1".
func parseRegister(line string) (name string, value uint64, ok bool) {
	f := strings.Fields(line)
	if len(f) != 2 || len(f[0]) > 7 || line[0] == ' ' || line[0] == '\t' {
		return "", 0, false
	}
	value, err := parseHex(f[1])
	return f[0], value, err == nil
}

// inGoroutine handles a line below a goroutine's header.
func (p *crashParser) inGoroutine(line string) error {
	switch {
	case strings.HasPrefix(line, "\tgoroutine running on other thread"):
		p.g.Unavailable = true
		return nil
	case strings.HasPrefix(line, "..."):
		return p.elided(line)
	case strings.HasPrefix(line, "created by "):
		return p.createdBy(line)
	case strings.HasPrefix(line, "[originating from goroutine "):
		return p.originating(line)
	case strings.HasPrefix(line, "non-Go function at pc="):
		pc, err := parseHex(strings.TrimPrefix(line, "non-Go function at pc="))
		p.addFrame(Frame{C: true, PC: pc})
		return err
	case strings.HasPrefix(p.next(), "\t") && line[0] != '\t' && !strings.HasPrefix(line, "stack: frame={"):
		return p.frame(line)
	}
	if name, value, ok := parseRegister(line); ok {
		// Threads other than the first print registers without a blank line
		// in between.
		p.g = nil
		s := p.section()
		if s.Regs == nil {
			s.Regs = make(map[string]uint64)
		}
		s.Regs[name] = value
		return nil
	}
	p.g.Notes = append(p.g.Notes, line)
	return nil
}

func (p *crashParser) addFrame(f Frame) {
	if p.ancestor != nil {
		p.ancestor.Frames = append(p.ancestor.Frames, f)
		return
	}
	p.g.Frames = append(p.g.Frames, f)
}

// frame parses a frame's two lines:
//
//	main.(*T).name(0x1, {0x2, 0x3?})
//		/path/file.go:12 +0x1f fp=0xc000 sp=0xc000 pc=0x46
func (p *crashParser) frame(line string) error {
	var f Frame
	open := strings.LastIndexByte(line, '(')
	if strings.HasSuffix(line, ")") && open > 0 {
		f.Func, f.Args = line[:open], line[open+1:len(line)-1]
	} else {
		// printOneCgoTraceback prints a C function's name alone.
		f.Func, f.C = line, true
	}
	p.i++
	pos, err := parsePosition(p.lines[p.i])
	if err != nil {
		if f.C {
			return fmt.Errorf("frame %q: %w", line, err)
		}
		return fmt.Errorf("frame %s: %w", f.Func, err)
	}
	f.File, f.Line, f.Off, f.FP, f.SP, f.PC = pos.file, pos.line, pos.off, pos.fp, pos.sp, pos.pc
	f.Inlined = f.Args == "..." && f.Off == 0 && f.PC == 0
	p.addFrame(f)
	return nil
}

// elided parses "...23 frames elided..." (Go 1.21) and "...additional frames
// elided...".
func (p *crashParser) elided(line string) error {
	what, ok := strings.CutSuffix(line[3:], " frames elided...")
	if !ok {
		p.g.Notes = append(p.g.Notes, line)
		return nil
	}
	n := -1
	if what != "additional" {
		var err error
		if n, err = strconv.Atoi(what); err != nil {
			return err
		}
	}
	if p.ancestor == nil {
		p.g.ElidedAt, p.g.ElidedCount = len(p.g.Frames), n
	}
	return nil
}

// createdBy parses "created by main.f in goroutine 1" and the line below it;
// the goroutine is named since Go 1.21.
func (p *crashParser) createdBy(line string) error {
	c := &Creator{Func: strings.TrimPrefix(line, "created by ")}
	if i := strings.LastIndex(c.Func, " in goroutine "); i >= 0 {
		id, err := strconv.ParseInt(c.Func[i+len(" in goroutine "):], 10, 64)
		if err != nil {
			return fmt.Errorf("created by: %w", err)
		}
		c.Func, c.Goroutine = c.Func[:i], id
	}
	p.i++
	if p.i >= len(p.lines) {
		return errors.New("text ends in created by")
	}
	pos, err := parsePosition(p.lines[p.i])
	if err != nil {
		return fmt.Errorf("created by %s: %w", c.Func, err)
	}
	c.File, c.Line, c.Off = pos.file, pos.line, pos.off
	if p.ancestor != nil {
		p.ancestor.CreatedBy = c
	} else {
		p.g.CreatedBy = c
	}
	return nil
}

// originating parses "[originating from goroutine 1]:".
func (p *crashParser) originating(line string) error {
	s := strings.TrimPrefix(line, "[originating from goroutine ")
	id, err := strconv.ParseInt(strings.TrimSuffix(s, "]:"), 10, 64)
	if err != nil {
		return fmt.Errorf("ancestor: %w", err)
	}
	p.g.Ancestors = append(p.g.Ancestors, Ancestor{ID: id})
	p.ancestor = &p.g.Ancestors[len(p.g.Ancestors)-1]
	return nil
}

// position is a frame's second line.
type position struct {
	file            string
	line            int
	off, fp, sp, pc uint64
}

// parsePosition parses "\tFILE:LINE[ +0x1][ fp=0x2 sp=0x3][ pc=0x4]" from its
// end, since FILE may hold anything.
func parsePosition(line string) (position, error) {
	var pos position
	s, ok := strings.CutPrefix(line, "\t")
	if !ok {
		return pos, fmt.Errorf("%q is not a file and line", line)
	}
	for _, f := range []struct {
		mark string
		to   *uint64
	}{{" pc=0x", &pos.pc}, {" sp=0x", &pos.sp}, {" fp=0x", &pos.fp}, {" +0x", &pos.off}} {
		i := strings.LastIndex(s, f.mark)
		if i < 0 {
			continue
		}
		v, err := strconv.ParseUint(s[i+len(f.mark):], 16, 64)
		if err != nil {
			return pos, fmt.Errorf("position %q: %w", line, err)
		}
		*f.to, s = v, s[:i]
	}
	if strings.HasPrefix(s, "pc=0x") {
		// A C function of which the symbolizer knows no file.
		var err error
		pos.pc, err = parseHex(s[len("pc="):])
		return pos, err
	}
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return pos, fmt.Errorf("position %q has no line number", line)
	}
	var err error
	pos.line, err = strconv.Atoi(s[i+1:])
	pos.file = s[:i]
	return pos, err
}

func parseHex(s string) (uint64, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return 0, fmt.Errorf("%q is not hexadecimal", s)
	}
	return strconv.ParseUint(digits, 16, 64)
}
