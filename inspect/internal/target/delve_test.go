package target

import (
	"strconv"
	"strings"
	"testing"
)

func TestTwoTerminalsShareADelveServer(t *testing.T) {
	r := Start(t, Build(t, Spec{Program: "locks"}), Options{})
	addr := ServeDelve(t, "attach", strconv.Itoa(r.PID))
	for range 2 {
		d := DelveTerminal(t, "connect", addr)
		if out := d.Command("print 6*7"); strings.TrimSpace(out) != "42" {
			t.Errorf("dlv prints %q", out)
		}
	}
}
