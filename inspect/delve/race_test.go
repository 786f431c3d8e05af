//go:build race

package delve

// raceEnabled says that the race detector is on. Delve's server has a race of
// its own between clients that set the API version (rpccommon.SetApiVersion).
const raceEnabled = true
