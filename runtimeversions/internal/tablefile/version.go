package tablefile

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a Go version as an executable's build information has it.
type Version struct {
	// Minor and Patch are 26 and 8 for go1.26.8; Patch is 0 for "go1.20".
	Minor, Patch int
	// Pre is what makes it other than the release of that number: "rc1",
	// "devel", or a vendor's suffix; "" for a release.
	Pre string
	// Experiments are the GOEXPERIMENT settings that differ from the
	// release's defaults, as in "go1.27.3-X:nogreenteagc".
	Experiments []string
}

// ParseVersion parses a version such as "go1.26.8", "go1.18",
// "go1.25.3 X:arenas,jsonv2", "go1.27.3-X:nogreenteagc", "go1.27rc1", "devel go1.28-3fd7a2c Mon …",
// "go1.28-devel_3fd7a2c", "go1.25.3-vendor" or "go1.25.3 (Vendor 1.25.3-1)".
func ParseVersion(s string) (Version, error) {
	var v Version
	// Since Go 1.26 the linker joins experiments to a release with "-X:".
	words := strings.Fields(strings.Replace(s, "-X:", " X:", 1))
	if len(words) > 0 && words[0] == "devel" {
		v.Pre = "devel"
		words = words[1:]
	}
	if len(words) == 0 {
		return Version{}, fmt.Errorf("%q is not a Go version", s)
	}
	if !v.number(words[0]) {
		return Version{}, fmt.Errorf("%q is not a Go version of the form go1.N.P", s)
	}
	for _, w := range words[1:] {
		if x, ok := strings.CutPrefix(w, "X:"); ok {
			v.Experiments = strings.Split(x, ",")
		} else if v.Pre == "" {
			v.Pre = w
		}
	}
	return v, nil
}

// number parses "go1.26.8" and what follows it without a space.
func (v *Version) number(s string) bool {
	rest, ok := strings.CutPrefix(s, "go1.")
	if !ok {
		return false
	}
	if v.Minor, rest, ok = leadingInt(rest); !ok {
		return false
	}
	if p, ok := strings.CutPrefix(rest, "."); ok {
		if v.Patch, rest, ok = leadingInt(p); !ok {
			return false
		}
	}
	if rest != "" && v.Pre == "" {
		v.Pre = strings.TrimLeft(rest, "-+")
	}
	return true
}

// leadingInt splits the decimal number off the start of s.
func leadingInt(s string) (n int, rest string, ok bool) {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(s[:end])
	return n, s[end:], err == nil && n < 1<<16
}

// String returns the release's name: "go1.26.8", and "go1.20" for the first
// of a minor before Go 1.21, when releases began to end in ".0".
func (v Version) String() string {
	if v.Patch == 0 && v.Minor < 21 {
		return fmt.Sprintf("go1.%d", v.Minor)
	}
	return fmt.Sprintf("go1.%d.%d", v.Minor, v.Patch)
}

// MinorName returns the name of the version's minor, "go1.26".
func (v Version) MinorName() string { return fmt.Sprintf("go1.%d", v.Minor) }
