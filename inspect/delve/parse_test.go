package delve

import (
	"testing"

	"rtdbg/inspect/arch"

	"github.com/go-delve/delve/service/api"
)

func TestParseRegsByArchitecture(t *testing.T) {
	for _, tc := range []struct {
		name    string
		list    api.Registers
		want    arch.Regs
		wantErr bool
	}{
		{"amd64", api.Registers{
			{Name: "Rip", Value: "0x000000000040866e"}, {Name: "Rsp", Value: "0x10"}, {Name: "Rbp", Value: "0x20"},
			{Name: "R14", Value: "0x30"}, {Name: "Fs_base", Value: "0x40"}, {Name: "Rflags", Value: "0x216\t[PF AF]"},
		}, arch.Regs{PC: 0x40866e, SP: 0x10, FP: 0x20, G: 0x30, TLS: 0x40,
			General: [64]uint64{0x40866e, 0x10, 0x20, 0x30, 0x40, 0x216}}, false},
		{"arm64", api.Registers{
			{Name: "PC", Value: "0x1"}, {Name: "SP", Value: "0x2"}, {Name: "X29", Value: "0x3"},
			{Name: "X30", Value: "0x4"}, {Name: "X28", Value: "0x5"}, {Name: "X14", Value: "0x6"},
		}, arch.Regs{PC: 1, SP: 2, FP: 3, LR: 4, G: 5, General: [64]uint64{1, 2, 3, 4, 5, 6}}, false},
		{"unknown architecture", api.Registers{{Name: "Pswa", Value: "0x1"}}, arch.Regs{}, true},
		{"nothing", nil, arch.Regs{}, true},
		{"damaged value", api.Registers{{Name: "Rip", Value: "four"}}, arch.Regs{}, true},
	} {
		got, err := parseRegs(tc.list)
		if got != tc.want || (err != nil) != tc.wantErr {
			t.Errorf("%s: %+v, %v; want %+v", tc.name, got, err, tc.want)
		}
	}
}

func TestQuotePackage(t *testing.T) {
	for in, want := range map[string]string{
		"runtime.allgs":            "runtime.allgs",
		"internal/poll.ErrX":       `"internal/poll".ErrX`,
		"example.com/a.b/c.v.f":    `"example.com/a.b/c".v.f`,
		`"net/http".DefaultClient`: `"net/http".DefaultClient`,
		"a/b":                      "a/b",
		"":                         "",
	} {
		if got := quotePackage(in); got != want {
			t.Errorf("quotePackage(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestProducerVersion(t *testing.T) {
	for in, want := range map[string]string{
		"Go cmd/compile go1.26.8; regabi":         "go1.26.8",
		"Go cmd/compile go1.22.12":                "go1.22.12",
		"Go cmd/compile devel go1.28-abc Mon":     "go1.28-abc",
		"":                                        "",
		"GNU C17 13.2.0 -mtune=generic":           "",
		"Go cmd/compile go1.27rc1; -N -l; regabi": "go1.27rc1",
	} {
		if got := producerVersion(in); got != want {
			t.Errorf("producerVersion(%q) = %q, want %q", in, got, want)
		}
	}
}
