package repl

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rtdbg/inspect"
	"rtdbg/inspect/star"
)

const (
	// completionTime bounds what a TAB may cost.
	completionTime = time.Second
	// maxCompletions bounds the goroutine ids offered.
	maxCompletions = 200
)

// completion completes what is typed, without evaluating more than attributes
// of variables.
type completion struct{ c *console }

// What can stand before the cursor, innermost call first.
var (
	// chainBefore is a name or a chain of attributes: "g", "c.recvq.fi".
	chainBefore = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]*)*$`)
	// callBefore is an open call and the argument being typed.
	callBefore = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)\(([^()]*)$`)
)

// complete is a completer. Positions are in characters.
func (k completion) complete(line string, pos int) (head string, words []string, tail string) {
	r := []rune(line)
	pos = min(max(pos, 0), len(r))
	before, tail := string(r[:pos]), string(r[pos:])
	select {
	case <-k.c.target:
	default: // what was interrupted has not ended yet, or the session has
		return before, nil, tail
	}
	defer func() { k.c.target <- struct{}{} }()
	start, words := k.words(before)
	slices.Sort(words)
	return before[:start], slices.Compact(words), tail
}

// words returns the completions of the word that ends before, and where it
// starts.
func (k completion) words(before string) (start int, words []string) {
	if name, rest, ok := strings.Cut(strings.TrimLeft(before, " "), " "); ok && k.c.isCommand(name) && !isOperator(strings.TrimSpace(rest)) {
		return k.argument(before, name)
	}
	chain := chainBefore.FindString(before)
	start = len(before) - len(chain)
	if i := strings.LastIndexByte(chain, '.'); i >= 0 {
		return start + i + 1, withPrefix(k.attributes(chain[:i]), chain[i+1:])
	}
	if call := callBefore.FindStringSubmatch(before); call != nil {
		if start, words, ok := k.callArgument(before, call[1], call[2]); ok {
			return start, words
		}
	}
	if chain == "" && before != "" {
		return start, nil
	}
	words = k.c.in.Names()
	if start == 0 {
		words = append(words, k.c.commands()...)
	}
	return start, withPrefix(words, chain)
}

// argument completes an argument of a command.
func (k completion) argument(before, command string) (int, []string) {
	start := strings.LastIndexByte(before, ' ') + 1
	word := before[start:]
	switch command {
	case "help":
		return start, withPrefix(append(k.c.in.Names(), k.c.commands()...), word)
	case "goto":
		return start, k.ids("goid", word)
	case "dlv":
		return start, k.dlv(strings.Fields(before[:start])[1:], word)
	}
	for _, s := range k.c.scripts {
		if s.Name != command {
			continue
		}
		var words []string
		for _, p := range s.Params {
			words = append(words, p.Name+"=")
			if p.Flag() {
				words = append(words, "--"+p.Name)
			}
			if value, ok := strings.CutPrefix(word, p.Name+"="); ok {
				return start + len(p.Name) + 1, k.ids(p.Name, value)
			}
		}
		if len(s.Params) > 0 {
			words = append(words, k.ids(s.Params[0].Name, word)...)
		}
		return start, withPrefix(words, word)
	}
	return start, nil
}

// dlv completes a command of Delve's: its name, or the goroutine that it takes.
func (k completion) dlv(words []string, word string) []string {
	switch {
	case len(words) == 0, len(words) == 1 && (words[0] == "help" || words[0] == "h"):
		return withPrefix(inspect.DlvCommands(), word)
	case len(words) == 1 && (words[0] == "goroutine" || words[0] == "gr"):
		return k.ids("goid", word)
	case len(words) == 2:
		switch words[0] {
		case "goroutine", "gr", "frame":
			return withPrefix(inspect.DlvCommands(), word)
		}
	}
	return nil
}

// callArgument completes an argument of a builtin: an id, or a parameter's
// name. Nothing else is known of the argument if ok is false.
func (k completion) callArgument(before, name, args string) (start int, words []string, ok bool) {
	b, found := star.FindBuiltin(name)
	if !found || k.c.in.Defined(name) {
		return 0, nil, false
	}
	list := strings.Split(args, ",")
	word := strings.TrimLeft(list[len(list)-1], " ")
	start = len(before) - len(word)
	for i, p := range b.Params {
		if value, named := strings.CutPrefix(word, p.Name+"="); named {
			words = k.ids(p.Name, value)
			return start + len(p.Name) + 1, words, words != nil
		}
		if i == len(list)-1 {
			words = append(words, k.ids(p.Name, word)...)
		}
		words = append(words, withPrefix([]string{p.Name + "="}, word)...)
	}
	if word != "" && len(words) == 0 || name == "help" {
		return 0, nil, false
	}
	return start, words, true
}

// ids are the goroutine ids with the given prefix, for a parameter that takes
// one.
func (k completion) ids(param, prefix string) []string {
	if !slices.Contains([]string{"g", "goid", "goid_or_addr"}, param) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	gs, err := k.c.p.Goroutines(ctx)
	if err != nil {
		return nil
	}
	var ids []string
	for _, g := range gs {
		if id := strconv.FormatUint(g.Goid, 10); !g.Dead() && strings.HasPrefix(id, prefix) {
			ids = append(ids, id)
		}
		if len(ids) == maxCompletions {
			break
		}
	}
	return ids
}

// attributes are the attributes of what a chain of names leads to.
func (k completion) attributes(chain string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), completionTime)
	defer cancel()
	return k.c.in.AttrNames(ctx, strings.Split(chain, "."))
}

func withPrefix(words []string, prefix string) []string {
	var list []string
	for _, w := range words {
		if strings.HasPrefix(w, prefix) {
			list = append(list, w)
		}
	}
	return list
}
