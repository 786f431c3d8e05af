package main

import (
	"fmt"
	"os"

	"rtdbg/runtimeversions/internal/tablefile"
)

// pin measures releases between two that differ, halving, until it is known
// between which releases each change came. A release that cannot be fetched is
// taken not to exist.
func (g *generator) pin(minor int, tables minorTables) error {
	skip := map[int]bool{}
	for {
		f, err := tablefile.New(minor, tables)
		if err != nil {
			return err
		}
		patch, ok := middle(f, skip)
		if !ok {
			return nil
		}
		v := f.Version(patch)
		tc, err := findToolchain(v)
		if err != nil {
			fmt.Fprintln(os.Stderr, "gen: left out:", err)
			skip[patch] = true
			continue
		}
		if err := g.measureRelease(tables, tc); err != nil {
			return err
		}
	}
}

// middle returns a release about half-way between two measured ones that
// differ and are not consecutive.
func middle(f *tablefile.File, skip map[int]bool) (patch int, ok bool) {
	for _, platform := range f.Platforms() {
		patches := f.Patches(platform, "")
		for i := 1; i < len(patches); i++ {
			a, b := patches[i-1], patches[i]
			if f.Same(a, b, platform, nil) {
				continue
			}
			mid := (a + b) / 2
			for d := range b - a {
				for _, p := range [...]int{mid - d, mid + d} {
					if p > a && p < b && !skip[p] {
						return p, true
					}
				}
			}
		}
	}
	return 0, false
}
