package repl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rtdbg/inspect/render"
	"rtdbg/inspect/star"
)

// command splits a line that is a command rather than Starlark: a script by
// its name or path with arguments, help, exit.
func (c *console) command(line string) (words []string, ok bool, err error) {
	line = strings.TrimSpace(line)
	name, rest, _ := strings.Cut(line, " ")
	if !c.isCommand(name) || isOperator(strings.TrimSpace(rest)) {
		return nil, false, nil
	}
	words, err = split(line)
	return words, err == nil, err
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
	words := []string{"exit", "forget", "help", "quit"}
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

// runCommand runs help, forget or a script.
func (c *console) runCommand(ctx context.Context, words []string) error {
	switch words[0] {
	case "help":
		return c.printHelp(words[1:])
	case "forget":
		return c.forget(words[1:])
	}
	s, err := star.Find(words[0])
	if err != nil {
		return err
	}
	args, err := s.ParseArgs(flagsApart(words[1:]))
	if err != nil {
		return err
	}
	return c.script(ctx, s, args)
}

// forget removes definitions, so that builtins that they hide are seen again.
func (c *console) forget(names []string) error {
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

func (c *console) printHelp(words []string) error {
	text, err := c.help(words)
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
		return c.in.Help(words[0])
	}
	return "", errors.New("usage: help [NAME]")
}

func (c *console) overview() string {
	var b strings.Builder
	b.WriteString("Commands (help NAME for more):\n")
	for _, s := range c.scripts {
		fmt.Fprintf(&b, "  %-28s  %s\n", s.Usage(), s.Summary())
	}
	b.WriteString("  help [NAME]                   on a command, a builtin or a type\n")
	b.WriteString("  forget NAME...                definitions of yours, such as one that hides a builtin\n")
	b.WriteString("  exit                          or Ctrl-D\n\n")
	b.WriteString("Anything else is Starlark; a path ending in .star is a script. Builtins:\n")
	b.WriteString(star.BuiltinList())
	return strings.TrimRight(b.String(), "\n")
}
