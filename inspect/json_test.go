package inspect_test

import (
	"encoding/json"
	"testing"

	"rtdbg/inspect/mem"
)

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func addr(a uint64) mem.Addr { return mem.Addr(a) }
