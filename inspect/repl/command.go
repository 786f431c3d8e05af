package repl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rtdbg/inspect/render"
	"rtdbg/inspect/star"
)

// ownCommand is a command of the prompt itself, beside the scripts.
type ownCommand struct {
	name, usage, doc string
	// how says what goes with running it.
	how how
	run func(c *console, ctx context.Context, rest string) error
}

// how says in which way a line is answered.
type how struct {
	// reads says that the answer is read from the target, which must stand
	// where it stood.
	reads bool
	// patient waits for the end after Ctrl-C, which the work notices: Delve
	// says where it has stopped the target.
	patient bool
	// live shows what is printed at once, and not in a pager: the target runs
	// meanwhile, or Delve asks the user something.
	live bool
}

// ownCommands are the commands of the prompt. Those without run end it.
func ownCommands() []ownCommand {
	return []ownCommand{
		{"dlv", "dlv COMMAND", "a command of Delve's own terminal: dlv bt, dlv help", how{patient: true}, (*console).dlv},
		{"goto", "goto GOID", "select a goroutine, for stack(), g(), eval() and dlv", how{reads: true}, (*console).selectGoroutine},
		{"refresh", "refresh", "read the target again, as it stands now", how{patient: true}, (*console).refreshCommand},
		{"help", "help [NAME]", "on a command, a builtin or a type", how{}, (*console).printHelp},
		{"forget", "forget NAME...", "definitions of yours, such as one that hides a builtin", how{}, (*console).forget},
		{"exit", "exit", "or quit, or Ctrl-D", how{}, nil},
		{"quit", "", "", how{}, nil},
	}
}

// own returns the command of the prompt called name.
func own(name string) (ownCommand, bool) {
	list := ownCommands()
	i := slices.IndexFunc(list, func(o ownCommand) bool { return o.name == name })
	if i < 0 {
		return ownCommand{}, false
	}
	return list[i], true
}

// command splits a line that is a command rather than Starlark: a script by
// its name or path, or one of the prompt's own.
func (c *console) command(line string) (name, rest string, ok bool) {
	name, rest, _ = strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	return name, rest, c.isCommand(name) && !isOperator(rest)
}

// isCommand reports whether name is a command, and not a variable that the
// user has defined.
func (c *console) isCommand(name string) bool {
	switch {
	case star.IsFile(name):
		return true
	case c.in.Defined(name):
		return false
	}
	return slices.Contains(c.commands(), name)
}

// commands are the words that open a command line.
func (c *console) commands() []string {
	var words []string
	for _, o := range ownCommands() {
		words = append(words, o.name)
	}
	for _, s := range c.scripts {
		words = append(words, s.Name)
	}
	return words
}

// isOperator reports whether rest continues an expression or an assignment:
// "why = 3", "wakers (17)". "--all" is a flag.
func isOperator(rest string) bool {
	return rest != "" && !strings.HasPrefix(rest, "--") && strings.ContainsRune("=([.+-*/%<>!&|^,:;", rune(rest[0]))
}

// split splits a command line at blanks, except in single or double quotes.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, in := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == ' ' || r == '\t':
			if in {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

// runCommand runs a command of the prompt or a script.
func (c *console) runCommand(ctx context.Context, name, rest string) {
	if o, ok := own(name); ok {
		h := o.how
		h.live = name == "dlv" && dlvIsLive(rest)
		c.answer(ctx, h, func(ctx context.Context) error { return o.run(c, ctx, rest) })
		return
	}
	c.answer(ctx, how{reads: true}, func(ctx context.Context) error { return c.runScript(ctx, name, rest) })
}

// runScript runs a script by its name or path.
func (c *console) runScript(ctx context.Context, name, rest string) error {
	words, err := split(rest)
	if err != nil {
		return err
	}
	s, err := star.Find(name)
	if err != nil {
		return err
	}
	args, err := s.ParseArgs(flagsApart(words))
	if err != nil {
		return err
	}
	return c.script(ctx, s, args)
}

// forget removes definitions, so that builtins that they hide are seen again.
func (c *console) forget(_ context.Context, rest string) error {
	names := strings.Fields(rest)
	if len(names) == 0 {
		return errors.New("forget needs the names of definitions")
	}
	for _, name := range names {
		if !c.in.Forget(name) {
			return fmt.Errorf("%s was not defined here", name)
		}
	}
	return nil
}

// selectGoroutine selects a goroutine, here and in Delve.
func (c *console) selectGoroutine(ctx context.Context, rest string) error {
	goid, err := strconv.ParseUint(rest, 0, 64)
	if err != nil {
		return errors.New("usage: goto GOID, a goroutine id")
	}
	return c.p.Select(ctx, goid)
}

func (c *console) printHelp(_ context.Context, rest string) error {
	text, err := c.help(strings.Fields(rest))
	if err != nil {
		return err
	}
	f, err := render.Lookup("text")
	if err != nil {
		return err
	}
	lines := render.Text(strings.Split(text, "\n")...)
	return f.Write(c.req.Out, render.Report{Name: "help", Sections: []render.Section{lines}}, c.req.Options)
}

// flagsApart takes the words that are flags from the others.
func flagsApart(args []string) (words, flags []string) {
	for i, a := range args {
		switch {
		case a == "--":
			return append(words, args[i+1:]...), flags
		case strings.HasPrefix(a, "--"):
			flags = append(flags, a)
		default:
			words = append(words, a)
		}
	}
	return words, flags
}

// help returns the help on a command or a name, or the overview.
func (c *console) help(words []string) (string, error) {
	switch len(words) {
	case 0:
		return c.overview(), nil
	case 1:
		for _, s := range c.scripts {
			if s.Name == words[0] {
				return s.Help(), nil
			}
		}
		text, err := c.in.Help(words[0])
		if o, ok := own(words[0]); ok && o.usage != "" && err != nil {
			return o.usage + "\n\n" + o.doc, nil
		}
		return text, err
	}
	return "", errors.New("usage: help [NAME]")
}

func (c *console) overview() string {
	var b strings.Builder
	row := func(usage, doc string) { fmt.Fprintf(&b, "  %-28s  %s\n", usage, doc) }
	b.WriteString("Commands (help NAME for more):\n")
	for _, s := range c.scripts {
		if !s.User() {
			row(s.Usage(), s.Summary())
		}
	}
	for _, o := range ownCommands() {
		if o.usage != "" {
			row(o.usage, o.doc)
		}
	}
	first := true
	for _, s := range c.scripts {
		if !s.User() {
			continue
		}
		if first {
			b.WriteString("\nYour own commands:\n")
			first = false
		}
		row(s.Usage(), s.Summary())
	}
	b.WriteString("\nAnything else is Starlark; a path ending in .star is a script. Builtins:\n")
	b.WriteString(star.BuiltinList())
	return strings.TrimRight(b.String(), "\n")
}
