package render

import "time"

// Duration writes a duration for people, to as many digits as they want to read:
// 840µs, 12.38ms, 1.5s, 3m12s, 49h0m0s.
func Duration(d time.Duration) string {
	switch a := d.Abs(); {
	case a >= time.Minute:
		d = d.Round(time.Second)
	case a >= time.Second:
		d = d.Round(10 * time.Millisecond)
	case a >= 100*time.Microsecond:
		d = d.Round(10 * time.Microsecond)
	}
	return d.String()
}
