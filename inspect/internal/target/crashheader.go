package target

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// isGoroutineHeader reports whether a line starts a goroutine:
// "goroutine 17 …[…". Programs print such lines too; parseHeader is strict.
func isGoroutineHeader(line string) bool {
	s, ok := strings.CutPrefix(line, "goroutine ")
	return ok && s != "" && '0' <= s[0] && s[0] <= '9' && strings.HasSuffix(s, ":") && strings.Contains(s, " [")
}

// parseHeader parses the line that goroutineheader prints:
//
//	goroutine 7 [chan receive, 3 minutes, locked to thread]:
//	goroutine 7 gp=0xc000 m=nil [select (scan)]:                          1.22
//	goroutine 7 gp=0xc000 m=3 mp=0xc100 [running, synctest bubble 1]:     1.25
//	goroutine 7 gp=0xc000 m=nil [select labels:{"k": "v", "l": "w"}]:     1.26
//	goroutine 7 gp=0xc000 m=nil [select] {k: v, l: "w x"}:                1.27
func parseHeader(line string) (*Goroutine, error) {
	g := &Goroutine{M: -1}
	head, rest, ok := strings.Cut(strings.TrimPrefix(line, "goroutine "), " [")
	if !ok {
		return nil, fmt.Errorf("goroutine header %q has no status", line)
	}
	if err := g.parseIdentity(strings.Fields(head)); err != nil {
		return nil, fmt.Errorf("goroutine header %q: %w", line, err)
	}
	// Statuses contain neither a bracket nor a quote, labels may.
	end := strings.IndexByte(rest, ']')
	if end < 0 {
		return nil, fmt.Errorf("goroutine header %q: status has no end", line)
	}
	labels := ""
	if i := strings.Index(rest[:end], " labels:{"); i >= 0 {
		labels, ok = strings.CutSuffix(rest[i+len(" labels:{"):], "}]:")
		end = i
	} else if after := rest[end+1:]; after != ":" {
		labels, ok = strings.CutPrefix(after, " {")
		if ok {
			labels, ok = strings.CutSuffix(labels, "}:")
		}
	}
	if !ok {
		return nil, fmt.Errorf("goroutine header %q: labels have no end", line)
	}
	var err error
	if g.Labels, err = parseLabels(labels); err != nil {
		return nil, fmt.Errorf("goroutine header %q: %w", line, err)
	}
	if err := g.parseStatus(rest[:end]); err != nil {
		return nil, fmt.Errorf("goroutine header %q: %w", line, err)
	}
	return g, nil
}

// parseIdentity parses "7", "7 gp=0x1 m=nil" and "7 gp=0x1 m=3 mp=0x2".
func (g *Goroutine) parseIdentity(fields []string) error {
	if len(fields) == 0 {
		return errors.New("no goroutine id")
	}
	var err error
	if g.ID, err = strconv.ParseInt(fields[0], 10, 64); err != nil {
		return err
	}
	for _, f := range fields[1:] {
		name, value, _ := strings.Cut(f, "=")
		switch {
		case name == "gp":
			g.Addr, err = parseHex(value)
		case name == "mp":
			g.MP, err = parseHex(value)
		case name == "m" && value != "nil":
			g.M, err = strconv.ParseInt(value, 10, 64)
		case f != "m=nil":
			err = fmt.Errorf("unknown %q", f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseStatus parses what stands between the brackets, without labels.
func (g *Goroutine) parseStatus(s string) error {
	parts := strings.Split(s, ", ")
	g.Status = parts[0]
	// The remarks follow the status in the order (leaked) (scan) (durable).
	if cut, ok := strings.CutSuffix(g.Status, " (durable)"); ok && !namedDurable(cut) {
		g.Status, g.Durable = cut, true
	}
	g.Status, g.Scan = strings.CutSuffix(g.Status, " (scan)")
	g.Status, g.Leaked = strings.CutSuffix(g.Status, " (leaked)")
	if strings.HasSuffix(g.Status, " (durable)") {
		g.Durable = true
	}
	for _, part := range parts[1:] {
		if err := g.parsePart(part); err != nil {
			return err
		}
	}
	return nil
}

// namedDurable reports whether "(durable)" after s is part of the wait reason
// (runtime.waitReasonStrings, Go 1.25) and not a remark.
func namedDurable(s string) bool {
	switch s {
	case "chan receive", "chan send", "select", "sync.WaitGroup.Wait":
		return true
	}
	return false
}

func (g *Goroutine) parsePart(part string) error {
	var err error
	if n, ok := strings.CutSuffix(part, " minutes"); ok {
		g.Minutes, err = strconv.ParseInt(n, 10, 64)
		return err
	}
	for _, prefix := range []string{"synctest bubble ", "synctest group "} {
		if n, ok := strings.CutPrefix(part, prefix); ok {
			g.Bubble, err = strconv.ParseInt(n, 10, 64)
			return err
		}
	}
	if part != "locked to thread" {
		return fmt.Errorf("unknown remark %q", part)
	}
	g.Locked = true
	return nil
}

// parseLabels parses `k: v, "a b": "c"`. Go 1.26 quotes all keys and values,
// Go 1.27 only those that need it (tracebackStringNeedsQuoting).
func parseLabels(s string) ([]Label, error) {
	var labels []Label
	for s != "" {
		var l Label
		var err error
		if l.Key, s, err = labelToken(s, ": "); err != nil {
			return nil, err
		}
		if l.Value, s, err = labelToken(s, ", "); err != nil {
			return nil, err
		}
		labels = append(labels, l)
	}
	return labels, nil
}

// labelToken takes a key or value and the separator after it off s.
func labelToken(s, sep string) (token, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		token, rest, _ = strings.Cut(s, sep)
		return token, rest, nil
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", fmt.Errorf("labels at %q: %w", s, err)
	}
	token, err = strconv.Unquote(quoted)
	if err != nil {
		return "", "", fmt.Errorf("label %s: %w", quoted, err)
	}
	rest = s[len(quoted):]
	if rest != "" && !strings.HasPrefix(rest, sep) {
		return "", "", fmt.Errorf("labels at %q: want %q", rest, sep)
	}
	return token, strings.TrimPrefix(rest, sep), nil
}
