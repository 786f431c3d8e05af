package star

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTheUsersOwnScriptsAreCommands(t *testing.T) {
	in, _ := open(t)
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	dir := filepath.Join(config, "rtdbg", "scripts")
	if _, broken, err := Commands(); err != nil || len(broken) > 0 {
		t.Errorf("without the directory: %v, %v", broken, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{
		"double.star":    "\"\"\"Twice as much.\"\"\"\nload(\"lib.star\", \"twice\")\ndef main(n, more=False):\n  return twice(n)\n",
		"lib.star":       "def twice(n):\n  return 2 * n\n",
		"broken.star":    "def main(:\n",
		"why.star":       "def main():\n  pass\n",
		"refresh.star":   "def main():\n  pass\n",
		"for.star":       "def main():\n  pass\n",
		"two words.star": "def main():\n  pass\n",
		".hidden.star":   "def main(:\n",
		"notes.txt":      "no script\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, broken, err := Commands()
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, s := range list {
		if s.User() {
			own = append(own, s.Usage()+": "+s.Summary())
		}
	}
	if want := []string{"double N [--more]: Twice as much."}; !slices.Equal(own, want) {
		t.Errorf("the user's commands are %q, want %q", own, want)
	}
	var lines []string
	for _, err := range broken {
		lines = append(lines, strings.TrimPrefix(err.Error(), dir+"/"))
	}
	want := []string{
		"broken.star:1:11: got ':', want ')'",
		`for.star: "for" cannot be the name of a command: rename the file`,
		"refresh.star: refresh is a command of rtdbg already: rename the file",
		`two words.star: "two words" cannot be the name of a command: rename the file`,
		"why.star: why is a command of rtdbg already: rename the file",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("broken are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	s, err := Find("double")
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.ParseArgs([]string{"21"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := in.Run(t.Context(), s, a); err != nil || v.String() != "42" {
		t.Errorf("double 21 is %v, %v", v, err)
	}
	if text, err := in.Help("double"); err != nil || !strings.Contains(text, "Twice as much.") {
		t.Errorf("help: %q, %v", text, err)
	}
	if s, err := Find("why"); err != nil || s.User() {
		t.Errorf("a shipped script lost its name: %v", err)
	}
	if _, err := Find("broken"); err == nil || !strings.Contains(err.Error(), "broken.star:1:11") {
		t.Errorf("a broken script: %v", err)
	}
	if _, err := Find("doubel"); err == nil || !strings.Contains(err.Error(), "double, ") {
		t.Errorf("an unknown command: %v", err)
	}
}
