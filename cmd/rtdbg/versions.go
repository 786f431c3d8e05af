package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rtdbg/inspect/render"
	"rtdbg/runtimeversions"
)

func (a *app) versionsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "versions",
		Short: "Go versions and architectures whose layouts are built in",
		Args:  a.noTarget,
		RunE: func(*cobra.Command, []string) error {
			format, err := render.Lookup(a.format)
			if err != nil {
				return usagef("%v", err)
			}
			a.started = true
			ranges, err := runtimeversions.All()
			if err != nil {
				return err
			}
			out, err := a.output()
			if err != nil {
				return err
			}
			defer out.Discard()
			if out.File == nil {
				return format.Write(a.std.out, versionsReport(ranges), render.Options{})
			}
			if err := format.Write(out, versionsReport(ranges), render.Options{}); err != nil {
				return err
			}
			return out.Commit()
		},
	}
}

func versionsReport(ranges []runtimeversions.Range) render.Report {
	all := render.Of(ranges...)
	return render.Report{
		Name: "versions",
		Sections: []render.Section{render.Table{
			Columns: render.Columns("FROM", "TO", "PLATFORM", "MEASURED", "EXPERIMENTS"),
			Rows: render.Map(all, func(r runtimeversions.Range) ([]string, error) {
				return []string{r.First, r.Last, r.GOOS + "/" + r.GOARCH, fmt.Sprint(len(r.Measured)), strings.Join(r.Experiments, " ")}, nil
			}),
		}},
		Records: render.Map(all, func(r runtimeversions.Range) (any, error) {
			return map[string]any{"first": r.First, "last": r.Last, "goos": r.GOOS, "goarch": r.GOARCH,
				"measured": r.Measured, "experiments": r.Experiments}, nil
		}),
	}
}
