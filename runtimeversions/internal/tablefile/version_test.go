package tablefile

import (
	"strings"
	"testing"
)

func TestParseVersionReadsEveryFormOfBuildInfo(t *testing.T) {
	tests := []struct {
		in           string
		minor, patch int
		pre, x, name string
	}{
		{"go1.26.8", 26, 8, "", "", "go1.26.8"},
		{"go1.18", 18, 0, "", "", "go1.18"},
		{"go1.20.14", 20, 14, "", "", "go1.20.14"},
		{"go1.21.0", 21, 0, "", "", "go1.21.0"},
		{"go1.25.3 X:nogreenteagc", 25, 3, "", "nogreenteagc", "go1.25.3"},
		{"go1.27.3-X:nogreenteagc,arenas", 27, 3, "", "nogreenteagc,arenas", "go1.27.3"},
		{"go1.27rc1", 27, 0, "rc1", "", "go1.27.0"},
		{"go1.18beta2", 18, 0, "beta2", "", "go1.18"},
		{"devel go1.28-3fd7a2c1d0 Mon Nov 9 12:00:00 2026 +0000", 28, 0, "devel", "", "go1.28.0"},
		{"devel go1.25-abcdef X:arenas", 25, 0, "devel", "arenas", "go1.25.0"},
		{"go1.28-devel_3fd7a2c1d0 Mon Nov 9 12:00:00 2026 X:arenas", 28, 0, "devel_3fd7a2c1d0", "arenas", "go1.28.0"},
		{"go1.25.3-vendor", 25, 3, "vendor", "", "go1.25.3"},
		{"go1.24.4 (Red Hat 1.24.4-1.el9)", 24, 4, "(Red", "", "go1.24.4"},
	}
	for _, tt := range tests {
		v, err := ParseVersion(tt.in)
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		if v.Minor != tt.minor || v.Patch != tt.patch || v.Pre != tt.pre || strings.Join(v.Experiments, ",") != tt.x || v.String() != tt.name {
			t.Errorf("%q: %+v, called %s", tt.in, v, v)
		}
	}
	for _, in := range []string{"", "devel", "devel +abcdef", "1.26", "go2.0", "go1.", "go1.x", "go1.26.", "go1.99999999999", "gccgo (GCC) 14"} {
		if v, err := ParseVersion(in); err == nil {
			t.Errorf("%q: %+v, want an error", in, v)
		}
	}
}
