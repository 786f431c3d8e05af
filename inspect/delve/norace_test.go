//go:build !race

package delve

const raceEnabled = false
