package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"rtdbg/inspect"
	"rtdbg/inspect/repl/repltest"
)

// disturbed opens the target of a server; the first so many times another
// client lets it run on meanwhile.
func disturbed(t *testing.T, addr string, times int, meanwhile func()) opening {
	return opening{
		again: true,
		open: func(ctx context.Context, o inspect.Options) (*inspect.Process, error) {
			o.Stop = true
			p, err := inspect.Connect(ctx, addr, o)
			if err != nil {
				t.Error(err)
			}
			if times--; times >= 0 {
				meanwhile()
			}
			return p, err
		},
		name: func(inspect.Info) string { return addr },
	}
}

func TestAnswersOfATargetThatMovedOnAreWithheld(t *testing.T) {
	s := repltest.Serve(t)
	meanwhile := func() { s.Dlv.Resume(); s.AwaitBeats(); s.Dlv.Halt() }
	for _, tt := range []struct {
		name   string
		times  int
		again  bool
		expr   string
		want   string
		errors []string
	}{
		{"undisturbed", 0, false, "len(waiters('main.jobs').waiters)", "3\n", nil},
		{"disturbed", 1, false, "len(waiters('main.jobs').waiters)", "", []string{"has run since it was read: the answer is withheld"}},
		{"disturbed, and wrong", 1, false, "1 // 0", "", []string{"has run since it was read: the answer is withheld"}},
		{"read again", 2, true, "len(waiters('main.jobs').waiters)", "3\n", []string{"stopped and read again", "stopped and read again"}},
		{"never at rest", attempts, true, "len(waiters('main.jobs').waiters)", "", []string{"stopped and read again", "stopped and read again", "no answer after 3 attempts"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			ctx, cancel := context.WithCancel(t.Context())
			a := &app{std: streams{strings.NewReader(""), &out, &errs}, signals: &signals{ctx: ctx, cancel: cancel}, format: "text", exprs: []string{tt.expr}}
			o := disturbed(t, s.Addr, tt.times, meanwhile)
			o.again = tt.again
			status := 0
			if err := a.answer(ctx, o, nil); err != nil {
				status = a.fail(err)
			}
			if (status == 0) != (tt.want != "") || out.String() != tt.want {
				t.Errorf("status %d, standard output %q, want %q", status, out.String(), tt.want)
			}
			lines := strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n")
			if errs.Len() == 0 {
				lines = nil
			}
			if len(lines) != len(tt.errors) {
				t.Fatalf("standard error %q", lines)
			}
			for i := range lines {
				if !strings.Contains(lines[i], tt.errors[i]) {
					t.Errorf("standard error %q, want %q", lines[i], tt.errors[i])
				}
			}
		})
	}
	s.Dlv.Resume()
	s.AwaitBeats()
}

func TestConnectAnswersBesideDelve(t *testing.T) {
	s := repltest.Serve(t)
	addr, jobs := s.Addr, s.Vars.String(t, "jobs.addr")
	if got := rtdbg(t, "connect", addr, "waiters", jobs); got.status != 0 || !strings.Contains(got.out, "3") || got.errors != "" {
		t.Errorf("stopped: %+v", got)
	}
	s.Dlv.Resume()
	s.AwaitBeats()
	wrong{[]string{"connect", addr, "waiters", jobs}, 1, "the target is running: halt it in dlv first (Ctrl-C, then p), or allow rtdbg to (--stop)"}.check(t)
	if got := rtdbg(t, "connect", addr, "waiters", jobs, "--stop"); got.status != 0 || !strings.Contains(got.out, "3") || !strings.Contains(got.errors, "it is halted") {
		t.Errorf("stopped by rtdbg: %+v", got)
	}
	s.Dlv.Expect("(dlv) ")
	s.AwaitBeats()
}
