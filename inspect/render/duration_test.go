package render

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for _, tc := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"},
		{999 * time.Nanosecond, "999ns"},
		{843210 * time.Nanosecond, "840µs"},
		{-12384567 * time.Nanosecond, "-12.38ms"},
		{1499 * time.Millisecond, "1.5s"},
		{59994 * time.Millisecond, "59.99s"},
		{192400 * time.Millisecond, "3m12s"},
		{49 * time.Hour, "49h0m0s"},
	} {
		if got := Duration(tc.d); got != tc.want {
			t.Errorf("%d ns: %s, want %s", tc.d, got, tc.want)
		}
	}
}
