package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "the version of rtdbg",
		Args:  a.noTarget,
		RunE: func(*cobra.Command, []string) error {
			a.started = true
			_, err := fmt.Fprintln(a.std.out, version())
			return err
		},
	}
}

// version is the module's version, the revision that it was built from where
// that is recorded, and what built it.
func version() string {
	v, built := "(unknown)", runtime.Version()
	if info, ok := debug.ReadBuildInfo(); ok {
		v, built = info.Main.Version, info.GoVersion
		if v == "" {
			v = "(devel)"
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				v += " " + s.Value[:12]
			}
		}
	}
	return fmt.Sprintf("rtdbg %s %s %s/%s", v, built, runtime.GOOS, runtime.GOARCH)
}
