package mem

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// The notes of a capture, by which a core of rtdbg's own is told from others.
// Their types are no other note's, since some readers look at the type alone.
const (
	// CaptureNote is the owner of the notes.
	CaptureNote = "RTDBG"
	// CaptureNoteInstant is the type of the note that holds an Instant as JSON.
	CaptureNoteInstant = 0x52544201
	// CaptureNoteFiles is that of a list like NT_FILE's, of the files other than
	// the executable: Delve takes every file of NT_FILE for the executable.
	CaptureNoteFiles = 0x52544202
)

// Instant is what a capture knows of itself beyond the target's memory and
// registers.
type Instant struct {
	// NanoTime is the target's nanotime when it was stopped, Wall the Unix time,
	// Pause how long it stood, all in ns.
	NanoTime int64 `json:"nanotime"`
	Wall     int64 `json:"wall"`
	Pause    int64 `json:"pause_ns"`
	// Exe is the path of the executable in its own mount namespace, BuildID its
	// Go build id, or else the GNU one, "" without.
	Exe     string `json:"exe"`
	BuildID string `json:"build_id"`
	// LeftOut is how many bytes of the heap were not copied.
	LeftOut uint64 `json:"left_out_bytes"`
	// Kernel is what the kernel said of the threads in system calls, by thread
	// id, before it was stopped.
	Kernel map[uint64]KernelWait `json:"kernel_waits,omitempty"`
}

// UnmarshalText reads what MarshalText wrote.
func (a *Addr) UnmarshalText(b []byte) error {
	n, err := strconv.ParseUint(string(b), 0, 64)
	*a = Addr(n)
	return err
}

// addCapture reads a note of a capture.
func (n *notes) addCapture(typ uint32, d []byte) error {
	switch typ {
	case CaptureNoteInstant:
		n.instant = new(Instant)
		if err := json.Unmarshal(d, n.instant); err != nil {
			return fmt.Errorf("is damaged: its capture note: %w", err)
		}
	case CaptureNoteFiles:
		files, err := parseMappedFiles(d)
		if err != nil {
			return err
		}
		n.files = append(n.files, files...)
	}
	return nil
}

// Instant is what the capture says of itself; nil for a core of another
// program's.
func (c *Core) Instant() *Instant { return c.notes.instant }
