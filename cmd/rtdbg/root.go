package main

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"rtdbg/inspect/progress"
	"rtdbg/inspect/render"
)

// app is one command line: its flags and its streams.
type app struct {
	std     streams
	signals *signals

	exprs, files []string
	failOn       []string
	format, out  string
	verbose      bool
	// scriptFlags are the flags behind a COMMAND that are not rtdbg's own:
	// they are the script's parameters.
	scriptFlags []string
	// started says that the command line was understood.
	started bool
	// bar shows the progress, nil where standard error is no terminal.
	bar atomic.Pointer[progress.Bar]
	// work is the output of what may be left behind when a signal comes: an
	// answer of a file. nil while that is not so.
	work atomic.Pointer[outFile]
}

// execute parses and runs a command line.
func (a *app) execute(ctx context.Context, args []string) error {
	root := a.root()
	root.SetArgs(a.takeScriptFlags(root, args))
	return root.ExecuteContext(ctx)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "rtdbg",
		Short: "who is parked in a hung Go program, on what, and who can wake it",
		Long: `rtdbg says, for a Go program that hangs (a core file or a live process), who is
parked, on what, and who can wake it.

With no COMMAND and no -e or -f a terminal gets a prompt; without a terminal
the command "why" runs. Results go to standard output, all else to standard
error. Exit status: 0 done; 1 the target or the analysis failed; 2 wrong usage;
3 --fail-on met what it names.`,
		Args:              a.unknownCommand,
		RunE:              func(*cobra.Command, []string) error { return nil },
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	}
	root.SetIn(a.std.in)
	root.SetOut(a.std.out)
	root.SetErr(a.std.err)
	f := root.PersistentFlags()
	f.StringArrayVarP(&a.exprs, "expr", "e", nil, "evaluate the Starlark expression `EXPR` and print its value (repeatable)")
	f.StringArrayVarP(&a.files, "file", "f", nil, "execute `FILE.star` first (repeatable)")
	f.StringVarP(&a.format, "output", "o", "text", "output `FORMAT`: "+strings.Join(render.Names(), ", "))
	f.StringVar(&a.out, "out", "", "write results to `FILE`, which appears when it is complete")
	f.StringSliceVar(&a.failOn, "fail-on", nil, "end with status 3 if the target has one of `CONDITIONS`: "+conditionNames())
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say on standard error what is done and how long it takes")
	root.AddCommand(a.coreCommand(), a.attachCommand(), a.connectCommand(), a.snapshotCommand(), a.watchCommand(), a.demoCommand(), a.versionsCommand(), a.versionCommand())
	root.SetHelpCommand(a.helpCommand(root))
	plainHelp := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) { a.help(plainHelp, c, args) })
	return root
}

// unknownCommand refuses a command line without a subcommand.
func (a *app) unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("say what to open: core EXE CORE, attach PID, connect HOST:PORT or demo (rtdbg help)")
	}
	msg := "no command %q (rtdbg help)"
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		msg = "no command %q: did you mean " + strings.Join(near, " or ") + "?"
	}
	return usagef(msg, args[0])
}

// noTarget is the Args of commands without a target: they take no arguments,
// and no flags that ask something of a target.
func (a *app) noTarget(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, got %q", c.Name(), args[0])
	}
	for _, name := range []string{"expr", "file", "fail-on"} {
		if c.Flags().Changed(name) {
			return usagef("--%s needs a target: core, attach, connect or demo", name)
		}
	}
	return nil
}
