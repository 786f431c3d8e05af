package star

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rtdbg/scripts"
)

// UserDir is the directory whose .star files are the user's own commands:
// rtdbg/scripts in the user's configuration directory ($XDG_CONFIG_HOME).
func UserDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "rtdbg", "scripts"), nil
}

// PromptCommands are the names of what a prompt does itself. No script has such
// a name.
func PromptCommands() []string {
	return []string{"dlv", "exit", "forget", "goto", "help", "quit", "refresh"}
}

// Commands are the shipped scripts and then the user's own, each by name. The
// errors say why files of the user's are no commands, on one line each. A file
// without a main is for load() in the others.
func Commands() (list []*Script, broken []error, err error) {
	if list, err = Scripts(); err != nil {
		return nil, nil, err
	}
	for _, name := range userNames() {
		switch s, err := userScript(name); {
		case err == nil:
			list = append(list, s)
		case s == nil || !s.library:
			broken = append(broken, err)
		}
	}
	return list, broken, nil
}

// User reports whether s is a command of the user's own.
func (s *Script) User() bool { return s.user != "" }

// userNames are the names of the .star files in the user's directory, sorted.
func userNames() []string {
	dir, err := UserDir()
	if err != nil {
		return nil
	}
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".star"); ok && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names
}

// userScript reads a command of the user's own. A shipped script keeps its
// name: what is written about it stays true everywhere.
func userScript(name string) (*Script, error) {
	dir, err := UserDir()
	if err != nil || !slices.Contains(userNames(), name) {
		return nil, fs.ErrNotExist
	}
	path := filepath.Join(dir, name+".star")
	switch _, err := dialect().ParseExpr("", name, 0); {
	case slices.Contains(scripts.Names(), name), slices.Contains(PromptCommands(), name):
		return nil, usagef("%s: %s is a command of rtdbg already: rename the file", path, name)
	case err != nil || strings.ContainsAny(name, " \t\"'"):
		return nil, usagef("%s: %q cannot be the name of a command: rename the file", path, name)
	}
	s, err := readFile(path)
	if s != nil {
		s.Name, s.user = name, path
	}
	return s, err
}

// commandNames are the names of all commands.
func commandNames() []string { return slices.Concat(scripts.Names(), userNames()) }
