package main

import (
	"context"
	"fmt"
	"strings"

	"rtdbg/inspect"
)

// condition is one that --fail-on names.
type condition struct {
	name string
	// met says in words what of it there is, "" for nothing.
	met func(ctx context.Context, p *inspect.Process) (string, error)
}

// conditions are those that --fail-on knows.
func conditions() []condition {
	return []condition{
		{"deadlock", func(ctx context.Context, p *inspect.Process) (string, error) {
			sets, err := p.Deadlocks(ctx)
			return plural(len(sets), "set of goroutines that wait only for each other", "sets of goroutines that wait only for each other"), err
		}},
		{"leak", func(ctx context.Context, p *inspect.Process) (string, error) {
			leaks, err := p.Leaks(ctx)
			if err != nil {
				return "", err
			}
			return plural(leaks.Len(), "goroutine that nothing can ever wake", "goroutines that nothing can ever wake"), nil
		}},
	}
}

func conditionNames() string {
	var names []string
	for _, c := range conditions() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

func plural(n int, one, more string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// metError says which conditions of --fail-on the target meets.
type metError struct{ what []string }

func (e *metError) Error() string { return "--fail-on: " + strings.Join(e.what, "; ") }

// failConditions are those that the command line names.
func (a *app) failConditions() ([]condition, error) {
	var list []condition
	for _, name := range a.failOn {
		found := false
		for _, c := range conditions() {
			if c.name == name {
				list, found = append(list, c), true
			}
		}
		if !found {
			return nil, usagef("--fail-on: no condition %q: there are %s", name, conditionNames())
		}
	}
	return list, nil
}

// checkConditions returns a *metError if the target meets one of them.
func checkConditions(ctx context.Context, p *inspect.Process, list []condition) error {
	var e metError
	for _, c := range list {
		what, err := c.met(ctx, p)
		if err != nil {
			return fmt.Errorf("--fail-on %s: %w", c.name, err)
		}
		if what != "" {
			e.what = append(e.what, what)
		}
	}
	if len(e.what) > 0 {
		return &e
	}
	return nil
}
