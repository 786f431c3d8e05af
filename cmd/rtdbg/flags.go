package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// operands is the annotation of a command that opens a target: how many
// arguments name the target. COMMAND follows them.
const operands = "operands"

// takeScriptFlags removes the flags that stand behind a COMMAND and are not
// rtdbg's own: they are kept as the script's.
func (a *app) takeScriptFlags(root *cobra.Command, args []string) []string {
	s := flagScanner{root: root}
	for len(args) > 0 {
		n, script := s.next(args)
		if script {
			a.scriptFlags = append(a.scriptFlags, args[0])
		} else {
			s.rest = append(s.rest, args[:n]...)
		}
		args = args[n:]
	}
	return s.rest
}

// flagScanner walks a command line as the parser will.
type flagScanner struct {
	root *cobra.Command
	rest []string
	// cmd is the subcommand once it was met; words counts what stood behind
	// it and is no flag.
	cmd   *cobra.Command
	words int
}

// next returns how many words of args the first one takes with it, and
// whether it is a flag of the script.
func (s *flagScanner) next(args []string) (n int, script bool) {
	switch w := args[0]; {
	case w == "--":
		return len(args), false
	case strings.HasPrefix(w, "--"):
		name, _, hasValue := strings.Cut(w[2:], "=")
		f := s.lookup(name)
		if f == nil {
			return 1, name != "help" && s.behindCommand()
		}
		return s.taken(args, !hasValue && f.NoOptDefVal == ""), false
	case len(w) > 1 && w[0] == '-':
		return s.taken(args, s.shortNeedsValue(w[1:])), false
	default:
		s.word(w)
		return 1, false
	}
}

// taken is 2 for a flag whose value is the next word.
func (s *flagScanner) taken(args []string, needsValue bool) int {
	if needsValue && len(args) > 1 {
		return 2
	}
	return 1
}

// word notes what is no flag.
func (s *flagScanner) word(w string) {
	if s.cmd != nil {
		s.words++
		return
	}
	for _, c := range s.root.Commands() {
		if c.Name() == w {
			s.cmd = c
		}
	}
}

// behindCommand reports whether a COMMAND has been met.
func (s *flagScanner) behindCommand() bool {
	if s.cmd == nil || s.cmd.Annotations[operands] == "" {
		return false
	}
	n, err := strconv.Atoi(s.cmd.Annotations[operands])
	return err == nil && s.words > n
}

func (s *flagScanner) lookup(name string) *pflag.Flag {
	if f := s.root.PersistentFlags().Lookup(name); f != nil || s.cmd == nil {
		return f
	}
	return s.cmd.Flags().Lookup(name)
}

// shortNeedsValue reports whether the last of the letters takes the next word
// as its value: "-ve EXPR" does, "-eEXPR" does not.
func (s *flagScanner) shortNeedsValue(letters string) bool {
	for i := range len(letters) {
		f := s.root.PersistentFlags().ShorthandLookup(letters[i : i+1])
		if f == nil {
			return false
		}
		if f.NoOptDefVal == "" {
			return i == len(letters)-1
		}
	}
	return false
}
