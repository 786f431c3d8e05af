package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"rtdbg/inspect"
	"rtdbg/inspect/render"
)

// watching are the flags of watch.
type watching struct {
	every time.Duration
	count int
	top   int
}

// shortestInterval keeps watch from having a process stand still all the time.
const shortestInterval = 100 * time.Millisecond

func (a *app) watchCommand() *cobra.Command {
	var w watching
	c := &cobra.Command{
		Use:   "watch PID",
		Short: "the largest families of goroutines of a live process and what changed, every few seconds",
		Args:  onlyProcess,
	}
	c.Flags().DurationVar(&w.every, "every", 5*time.Second, "time between two looks")
	c.Flags().IntVar(&w.count, "count", 0, "end after so many looks, 0 for never")
	c.Flags().IntVar(&w.top, "top", 12, "how many families are shown, 0 for all")
	c.RunE = func(c *cobra.Command, args []string) error {
		pid, err := processID("watch", args[0])
		if err != nil {
			return err
		}
		if w.every < shortestInterval {
			return usagef("watch: --every %v: the shortest time is %v", w.every, shortestInterval)
		}
		format, err := render.Lookup(a.format)
		if err != nil {
			return usagef("%v", err)
		}
		a.started = true
		return a.watch(c.Context(), pid, w, format)
	}
	return c
}

// watch looks at the process again and again, until it ends.
func (a *app) watch(ctx context.Context, pid int, w watching, format render.Format) error {
	o := a.inspectOptions()
	o.Heap = inspect.HeapNone
	o.Warn = nil // that there is no heap
	l, err := inspect.OpenLive(pid, o)
	if err != nil {
		return err
	}
	defer l.Close()
	var before *look
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for n := 1; ; n++ {
		now, err := takeLook(ctx, l)
		switch {
		case errors.Is(err, inspect.ErrExited) && before != nil:
			a.say(fmt.Sprintf("process %d has ended", pid))
			return nil
		case err != nil:
			return err
		}
		if err := format.Write(a.std.out, now.report(before, w.top), a.renderOptions()); err != nil {
			return err
		}
		if n == w.count {
			return nil
		}
		before = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look is what was seen at one instant.
type look struct {
	At         time.Time        `json:"at"`
	Goroutines int              `json:"goroutines"`
	Change     int              `json:"change"`
	PauseNS    int64            `json:"pause_ns"`
	Families   []inspect.Family `json:"families"`
}

// takeLook captures the process and counts its families.
func takeLook(ctx context.Context, l *inspect.Live) (*look, error) {
	at := time.Now()
	p, err := l.Capture(ctx)
	if err != nil {
		return nil, err
	}
	families, err := p.Families(ctx)
	if err := errors.Join(err, p.Close()); err != nil {
		return nil, err
	}
	s := &look{At: at, PauseNS: p.Info().Pause.Nanoseconds(), Families: families}
	for _, f := range families {
		s.Goroutines += f.Count
	}
	return s, nil
}

// report says what changed since before, which is nil for the first look.
func (s *look) report(before *look, top int) render.Report {
	now := *s
	if before != nil {
		now.Families, now.Change = inspect.CompareFamilies(before.Families, s.Families), s.Goroutines-before.Goroutines
	}
	now.Families = inspect.Telling(now.Families, top)
	title := fmt.Sprintf("%s  %d goroutines", s.At.Format(time.TimeOnly), s.Goroutines)
	if before != nil {
		title += fmt.Sprintf(" (%+d)", now.Change)
	}
	title += fmt.Sprintf(", stood still for %s", render.Duration(time.Duration(s.PauseNS)))
	var rows [][]string
	for _, f := range now.Families {
		change := ""
		if before != nil {
			change = signed(f.Change)
		}
		rows = append(rows, []string{strconv.Itoa(f.Count), change, f.State, longest(f.MaxWaitNS), place(f), f.CreatedBy})
	}
	return render.Report{Name: "watch", Records: render.Of[any](now), Sections: []render.Section{
		render.Table{Title: title, Columns: render.Columns(">COUNT", ">CHANGE", "STATE", ">LONGEST", "AT", "CREATED BY"), Rows: render.Of(rows...)},
		render.Text(""),
	}}
}

// signed is a change; no change is nothing.
func signed(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%+d", n)
}

func longest(ns *int64) string {
	if ns == nil {
		return "-"
	}
	return render.Duration(time.Duration(*ns))
}

func place(f inspect.Family) string {
	if f.File == "" {
		return f.Func
	}
	return fmt.Sprintf("%s %s:%d", f.Func, f.File, f.Line)
}
