// Package scripts holds the shipped commands: each NAME.star is the command
// NAME. Its docstring is the command's help, the parameters of its main are
// the command's arguments, and the value that main returns is the answer.
package scripts

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.star
var files embed.FS

// FS holds the scripts as NAME.star.
func FS() fs.FS { return files }

// Names are the names of the commands, in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".star")
	}
	return names
}
