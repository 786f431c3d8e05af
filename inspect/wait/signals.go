package wait

import (
	"fmt"

	"rtdbg/inspect/mem"
)

// signalHandlers is the map of channels that signals are sent to
// (os/signal.handlers.m), by channel the names of the signals.
type signalHandlers map[mem.Addr][]string

// Signals returns the names of the signals that os/signal sends to the channel
// at c ("SIGTERM"), nil if it sends none or that is not known.
func (r *Resolver) Signals(c mem.Addr) []string {
	handlers, _ := r.handlers.get(r.readHandlers)
	return handlers[c]
}

// readHandlers reads os/signal's map of handlers: by its symbol or, in a
// stripped program, as the variable before whose mutex and behind whose map a
// count of each signal stands.
func (r *Resolver) readHandlers() (signalHandlers, error) {
	mapOffset, ok := r.rt.SignalMapOffset()
	if !ok {
		return nil, nil // the program does not import os/signal
	}
	if r.symbol != nil {
		if a, ok := r.symbol("os/signal.handlers"); ok {
			m, err := r.rt.ReadWord(a + mapOffset)
			if err != nil {
				return nil, err
			}
			return r.readHandlerMap(mem.Addr(m))
		}
	}
	return r.searchHandlers()
}

// searchHandlers looks among the package-level variables for a map whose keys
// are channels of os.Signal.
func (r *Resolver) searchHandlers() (signalHandlers, error) {
	for i := range r.rt.Modules {
		for _, v := range r.rt.Modules[i].PointerVariables() {
			for _, w := range r.words(v.Start, v.End) {
				if !plausible(w) || r.rt.InModules(w) {
					continue
				}
				if n, err := r.rt.MapLen(w); err != nil || n == 0 || n > maxSignalChans {
					continue
				}
				if h, err := r.readHandlerMap(w); err == nil && len(h) > 0 {
					return h, nil
				}
			}
		}
	}
	return nil, nil
}

// maxSignalChans bounds the channels that a program has signals sent to.
const maxSignalChans = 4096

// readHandlerMap reads a map from channels of os.Signal to masks of signals; it
// fails on one that is no such map.
func (r *Resolver) readHandlerMap(m mem.Addr) (signalHandlers, error) {
	found := make(signalHandlers)
	var bad error
	err := r.rt.PointerMap(m, func(key, elem mem.Addr) {
		if bad != nil {
			return
		}
		c, err := r.rt.Chan(key)
		if err != nil {
			bad = err
			return
		}
		if r.rt.ChanType(&c) != "chan os.Signal" {
			bad = fmt.Errorf("%v is no channel of signals", key)
			return
		}
		found[key] = r.signalNames(elem)
	})
	if bad != nil {
		return nil, bad
	}
	return found, err
}

// signalNames returns the names of the signals in the mask of the handler at a
// (os/signal.handler: three words of 32 bits). A mask of all of them is one
// word.
func (r *Resolver) signalNames(a mem.Addr) []string {
	b, err := r.rt.Mem.View(a, 12)
	if err != nil {
		return []string{"unreadable"}
	}
	names, all := []string{}, true
	for n := 1; n < 65; n++ {
		if r.rt.Arch.Order.Uint32(b[n/32*4:])>>(n%32)&1 == 0 {
			all = all && n >= 32
			continue
		}
		names = append(names, signalName(n))
	}
	if all {
		return []string{"all signals"}
	}
	return names
}

// signalName is the name of a signal on linux.
func signalName(n int) string {
	names := [...]string{1: "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
		"SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
		"SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS"}
	if n < len(names) {
		return names[n]
	}
	return fmt.Sprintf("signal %d", n)
}
