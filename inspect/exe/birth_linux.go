package exe

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// birthTime returns when the file was created, the zero time where the file
// system does not record that.
func birthTime(f *os.File) time.Time {
	var st unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st)
	if err != nil || st.Mask&unix.STATX_BTIME == 0 {
		return time.Time{}
	}
	return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))
}
