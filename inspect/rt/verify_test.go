package rt

import (
	"strings"
	"testing"

	"rtdbg/inspect/mem"
)

func TestTheMajorityDecidesWhetherAnInvariantHolds(t *testing.T) {
	for _, tt := range []struct {
		held, broke int
		fits        bool
	}{{0, 0, true}, {1, 0, true}, {0, 1, false}, {1, 1, false}, {2, 1, true}, {500, 12, true}, {12, 500, false}} {
		v := vote{what: "things that are not"}
		for range tt.held {
			v.add(true, "thing %d", 0)
		}
		for i := range tt.broke {
			v.add(false, "thing %d", i+1)
		}
		if err := v.err(); (err == nil) != tt.fits {
			t.Errorf("%d held, %d broke: %v", tt.held, tt.broke, err)
		} else if err != nil && !strings.Contains(err.Error(), "(thing 1)") {
			t.Errorf("the error %q has not the first example", err)
		}
	}
}

func TestAMaskHasABitForEachWordUpToTheLastPointer(t *testing.T) {
	for _, tt := range []struct {
		n    int32
		size uint64
		want bool
	}{{0, 0, true}, {1, 0, false}, {4, 32, true}, {5, 32, false}, {2, 32, true}, {-1, 32, false}, {5, 33, true}} {
		if got := fitsMask(tt.n, 0x1000, 0x1000+mem.Addr(tt.size)); got != tt.want {
			t.Errorf("%d bits for %d bytes: %v", tt.n, tt.size, got)
		}
	}
}
