package target

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestCacheKeepsWhatIsInUseAndWhatFits(t *testing.T) {
	const size = 5 << 30
	for _, tc := range []struct {
		name string
		free uint64
		want []string
	}{
		{"room", scarce, []string{"now", "today", "yesterday"}},
		{"room for one less", scarce - 2*size, []string{"now", "today"}},
		{"no room", 0, []string{"now"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			base := t.TempDir()
			for name, unused := range map[string]time.Duration{
				"now": time.Minute, "today": 2 * time.Hour, "yesterday": 30 * time.Hour, "once": 50 * time.Hour,
			} {
				dir := filepath.Join(base, name)
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				used := time.Now().Add(-unused)
				if err := os.Chtimes(dir, used, used); err != nil {
					t.Fatal(err)
				}
			}
			names := func() (names []string) {
				entries, err := os.ReadDir(base)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range entries {
					names = append(names, e.Name())
				}
				return names
			}
			prune(base, func() uint64 { return tc.free + uint64(4-len(names()))*size })
			if got := names(); !slices.Equal(got, tc.want) {
				t.Errorf("kept %v, want %v", got, tc.want)
			}
		})
	}
}
