package star

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// TestEncodedRecordsAreTheRecords compares the two ways to encode goroutines.
func TestEncodedRecordsAreTheRecords(t *testing.T) {
	in, _ := open(t)
	r := in.Report(t.Context(), "gs()", eval(t, in, "gs(True)"))
	var want, got []byte
	for rec, err := range r.Records {
		if err != nil {
			t.Fatal(err)
		}
		want = append(rec.(goroutineRecord).AppendJSON(want), '\n')
	}
	for lines, err := range r.Encoded {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, lines...)
	}
	if len(want) == 0 || !bytes.Equal(got, want) {
		t.Errorf("encoded\n%s\nrecords\n%s", got, want)
	}
}

// TestOrderedIsInOrder yields the parts of several workers in order, and ends
// where the caller does.
func TestOrderedIsInOrder(t *testing.T) {
	next := 0
	for v, err := range ordered(t.Context(), 1000, 7, func(from, to int) [2]int { return [2]int{from, to} }) {
		if err != nil || v[0] != next || v[1] != min(next+7, 1000) {
			t.Fatalf("part %v after %d: %v", v, next, err)
		}
		if next = v[1]; next > 900 {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range ordered(ctx, 1000, 1, func(from, _ int) int { return from }) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("cancelled: %v", last)
	}
}
