package repl_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rtdbg/inspect/repl/repltest"
)

// paged runs a prompt whose pager is a shell script called name. With a setting
// of PAGER that is how it is found, without one by its name.
func paged(t *testing.T, name, script string, pager ...string) *console {
	t.Helper()
	c, bin := repltest.Pool(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, v := range os.Environ() {
		if key, _, _ := strings.Cut(v, "="); key != "PAGER" && key != "LESS" {
			env = append(env, v)
		}
	}
	env = append(env, "TERM=xterm", "XDG_CONFIG_HOME="+t.TempDir(), "PATH="+bin+":"+os.Getenv("PATH"))
	k := runIn(t, build(t), append(env, pager...), "core", c.Exe, c.Core)
	k.prompt()
	return k
}

// print types a statement that prints n lines.
func (k *console) print(n int) {
	k.t.Helper()
	k.typ(fmt.Sprintf("for i in range(%d): print('li' + 'ne', i)\r\r", n))
}

func TestLongAnswersGoThroughThePager(t *testing.T) {
	const script = `
stty -a </dev/tty | grep -q ' icanon' && echo the terminal is as rtdbg found it
echo LESS is "$LESS"
sed 's/^line /paged /'
echo more?
read answer </dev/tty
`
	for _, tt := range []struct{ name, pager, less string }{
		{"mine", "PAGER=mine", "FRX"},
		{"mine", "PAGER=LESS=R mine -x", "R"},
		{"less", "", "FRX"},
		{"less", "LESS=iR", "iR"},
	} {
		t.Run(tt.name+" "+tt.pager, func(t *testing.T) {
			var set []string
			if tt.pager != "" {
				set = []string{tt.pager}
			}
			k := paged(t, tt.name, script, set...)
			k.print(10)
			k.expect("line 9\r\n")
			k.prompt()
			k.print(49) // and the prompt: all that the screen has room for
			k.expect("line 48\r\n")
			k.prompt()
			k.print(50)
			k.expect("the terminal is as rtdbg found it\r\nLESS is " + tt.less + "\r\npaged 0\r\n")
			k.expect("paged 49\r\nmore?\r\n")
			k.typ("\x03") // it ends the shell, and not rtdbg
			k.prompt()
			k.say("1+1", "2\r\n")
			k.typ("\x04")
			k.ends(0)
		})
	}
}

func TestWithoutAPagerAnswersAreNotHeld(t *testing.T) {
	for _, pager := range []string{"PAGER=", "PAGER=cat", "PAGER=no-such-pager -x"} {
		t.Run(pager, func(t *testing.T) {
			k := paged(t, "less", "echo it is paged\n", pager)
			k.print(100)
			k.expect("line 99\r\n")
			k.prompt()
			k.typ("\x04")
			k.ends(0)
			if strings.Contains(k.text(), "it is paged") {
				t.Error("there is a pager")
			}
		})
	}
}

func TestLeavingThePagerIsNoError(t *testing.T) {
	k := paged(t, "mine", "head -n 1\n", "PAGER=mine")
	k.print(100_000_000)
	k.prompt()
	k.typ("dlv funcs\r")
	k.prompt()
	k.typ("gs() and dump('system')\r")
	k.prompt()
	k.say("1+1", "2\r\n")
	k.typ("\x04")
	k.ends(0)
	if text := k.text(); strings.Contains(text, "error: ") || strings.Contains(text, "interrupted") || !strings.Contains(text, "line 0\r\n") {
		t.Errorf("the terminal shows %q", text)
	}
}

func TestCtrlCInThePagerEndsTheAnswer(t *testing.T) {
	k := paged(t, "mine", "trap 'echo caught' INT\nsed -n 1p\necho more?\nread answer </dev/tty\n", "PAGER=mine")
	k.print(100_000_000)
	k.expect("line 0\r\n")
	k.typ("\x03")
	k.expect("more?\r\n")
	k.typ("\r")
	k.prompt()
	k.say("1+1", "2\r\n")
	k.typ("\x04")
	k.ends(0)
}

func TestASignalEndsThePagerToo(t *testing.T) {
	k := paged(t, "mine", "trap 'echo told to end; exit' TERM\ncat >/dev/null\necho more?\nread answer </dev/tty & wait\n", "PAGER=mine")
	k.print(100)
	k.expect("more?\r\n")
	if err := k.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	k.expect("told to end\r\n")
	k.ends(128 + int(syscall.SIGTERM))
}
