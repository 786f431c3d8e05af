package mem

import (
	"reflect"
	"testing"
)

func TestParseSyscall(t *testing.T) {
	for _, tt := range []struct {
		text string
		want KernelWait
		ok   bool
	}{
		{"running\n", KernelWait{}, false},
		{"-1 0x7ffd51a0 0x7f12\n", KernelWait{}, false},
		{"", KernelWait{}, false},
		{"x 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8\n", KernelWait{}, false},
		{"0 0x3 0xc000 0x200 0x0 0x0 0xffffffffffffffff 0x7ffd51a0 0x7f12\n",
			KernelWait{Number: 0, Args: [6]uint64{3, 0xc000, 0x200, 0, 0, 1<<64 - 1}, SP: 0x7ffd51a0, PC: 0x7f12}, true},
	} {
		if got, ok := parseSyscall(tt.text); ok != tt.ok || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("parseSyscall(%q) = %+v, %v", tt.text, got, ok)
		}
	}
}

func TestParseKernelStack(t *testing.T) {
	got := parseKernelStack("[<0>] futex_wait_queue+0x62/0x90\n[<0>] do_futex+0x105/0x1d0\nnonsense\n")
	if want := []string{"futex_wait_queue", "do_futex"}; !reflect.DeepEqual(got, want) {
		t.Errorf("parseKernelStack = %v, want %v", got, want)
	}
}
