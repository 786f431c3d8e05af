package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"rtdbg/inspect/star"
)

func (a *app) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "help on rtdbg, or on a command",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return root.Help()
			}
			if c, rest, err := root.Find(args); err == nil && c != root && len(rest) == 0 {
				return c.Help()
			}
			s, err := star.Find(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.std.out, s.Help())
			return err
		},
	}
}

// help shows the help on a script where one is named behind the target, and
// on the subcommand otherwise; that on rtdbg itself lists the scripts.
func (a *app) help(plain func(*cobra.Command, []string), c *cobra.Command, _ []string) {
	words := c.Flags().Args()
	if n, err := strconv.Atoi(c.Annotations[operands]); err == nil && len(words) > n {
		if s, err := star.Find(words[n]); err == nil {
			fmt.Fprintln(a.std.out, s.Help())
			return
		}
	}
	plain(c, words)
	if c.HasParent() && c.Annotations[operands] == "" {
		return
	}
	scripts, broken, err := star.Commands()
	if err != nil {
		return
	}
	fmt.Fprintln(a.std.out, "\nCommands on a target (rtdbg help COMMAND):")
	for _, s := range scripts {
		fmt.Fprintf(a.std.out, "  %-28s %s\n", s.Usage(), s.Summary())
	}
	for _, err := range broken {
		a.warn(err.Error())
	}
}
