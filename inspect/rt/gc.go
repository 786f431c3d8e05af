package rt

// gcWorkers are the words for the modes of the collector's workers (mgc.go).
var gcWorkers = [...]struct{ name, word string }{
	{"runtime.gcMarkWorkerDedicatedMode", "dedicated"},
	{"runtime.gcMarkWorkerFractionalMode", "fractional"},
	{"runtime.gcMarkWorkerIdleMode", "idle"},
}

// GCWorker returns the word for what the collector's worker on p is, "" if it
// has none at present.
func (r *Runtime) GCWorker(p *P) string {
	for _, w := range gcWorkers {
		if n, ok := r.constant(w.name); ok && n == p.GCMarkWorkerMode {
			return w.word
		}
	}
	return ""
}
