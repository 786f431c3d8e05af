package star

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"testing/quick"

	"rtdbg/inspect"
)

// TestRecordsAreWhatEncodingJSONMakesOfThem guards against a field that the
// appender does not know.
func TestRecordsAreWhatEncodingJSONMakesOfThem(t *testing.T) {
	same := func(r inspect.GoroutineRecord) bool {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
		got := goroutineRecord(r).AppendJSON(nil)
		if string(got)+"\n" != want.String() {
			t.Logf("got  %s\nwant %s", got, want.String())
			return false
		}
		return true
	}
	if err := quick.Check(same, &quick.Config{MaxCount: 300}); err != nil {
		t.Error(err)
	}
	if !same(inspect.GoroutineRecord{}) {
		t.Error("the zero record differs")
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
