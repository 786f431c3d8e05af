package render

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// jsonFormat is for programs.
func jsonFormat() Format {
	return Format{Name: "json", Doc: "for programs, one object per line", write: writeJSON}
}

// JSONAppender is a record that encodes itself. AppendJSON appends one JSON
// value without a line end to b. Records that come by the million implement
// it; all others are encoded by encoding/json.
type JSONAppender interface {
	AppendJSON(b []byte) []byte
}

// writeJSON writes each record on a line of its own.
func writeJSON(w *bufio.Writer, r Report, _ Options) error {
	if r.Encoded != nil {
		for lines, err := range r.Encoded {
			if err != nil {
				return err
			}
			if _, err := w.Write(lines); err != nil {
				return err
			}
		}
		return nil
	}
	if r.Records == nil {
		return &UnsupportedError{Report: r.Name, Format: "json"}
	}
	var buf []byte
	for rec, err := range r.Records {
		if err != nil {
			return err
		}
		if buf, err = AppendJSON(buf[:0], rec); err != nil {
			return err
		}
		if _, err := w.Write(append(buf, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// AppendJSON appends v as one JSON value to b, "<" and the like unescaped.
func AppendJSON(b []byte, v any) ([]byte, error) {
	if a, ok := v.(JSONAppender); ok {
		return a.AppendJSON(b), nil
	}
	out := bytes.NewBuffer(b)
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return b, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// AppendAddr appends the address a as a JSON string "0x…".
func AppendAddr(b []byte, a uint64) []byte {
	b = append(b, `"0x`...)
	b = strconv.AppendUint(b, a, 16)
	return append(b, '"')
}

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string, equal to what encoding/json makes
// of it without HTML escapes: invalid UTF-8 becomes U+FFFD.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = appendEscape(append(b, s[start:i]...), c)
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
		case r == '\u2028' || r == '\u2029':
			// Line ends in JavaScript, not in JSON.
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hexDigits[r&0xf])
		default:
			i += n
			continue
		}
		i += n
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// appendEscape appends the escape sequence of an ASCII character.
func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
