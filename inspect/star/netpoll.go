package star

import (
	"fmt"

	"go.starlark.net/starlark"

	"rtdbg/inspect"
)

func descriptorClass() *class[*inspect.NetpollRecord] {
	type D = *inspect.NetpollRecord
	return (&class[D]{
		name: "Descriptor",
		doc:  "a file descriptor for which goroutines wait",
		str:  func(_ *Interp, d D) string { return fmt.Sprintf("file descriptor %d %s", d.FD, peer(d)) },
		key:  func(d D) uint64 { return uint64(d.PollDesc) },
		attrs: []attr[D]{
			{"fd", "its number, -1 if it is unknown", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(integer(d.FD)) }},
			{"polldesc", "address of the runtime.pollDesc, None if it was not found", address, func(_ *Interp, d D) (starlark.Value, error) { return ok(addrOrNone(d.PollDesc)) }},
			{"net", "tcp, udp, unix, … or file; \"\" if it is unknown", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(text(d.Net)) }},
			{"local", "address of this end", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(text(d.Local)) }},
			{"remote", "address of the other end", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(text(d.Remote)) }},
			{"name", "name of a file", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(text(d.Name)) }},
			{"readers", "ids of the goroutines that wait to read or accept", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(goids(d.Readers)) }},
			{"writers", "ids of the goroutines that wait to write or connect", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(goids(d.Writers)) }},
			{"read_in_ns", "ns left until the deadline for reading, None for none", duration, func(_ *Interp, d D) (starlark.Value, error) { return ok(optional(d.ReadInNS, integer)) }},
			{"write_in_ns", "ns left until the deadline for writing, None for none", duration, func(_ *Interp, d D) (starlark.Value, error) { return ok(optional(d.WriteInNS, integer)) }},
			{"closing", "it is being closed", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(starlark.Bool(d.Closing)) }},
			{"note", "what is unreadable", plain, func(_ *Interp, d D) (starlark.Value, error) { return ok(text(d.Note)) }},
		},
	}).finish()
}

// peer says what a descriptor is connected to.
func peer(d *inspect.NetpollRecord) string {
	switch {
	case d.Note != "":
		return d.Note
	case d.Name != "":
		return d.Name
	case d.Net == "":
		return "-"
	case d.Remote == "":
		return d.Net + " " + d.Local
	}
	return fmt.Sprintf("%s %s → %s", d.Net, orWord(d.Local, "?"), d.Remote)
}

func netpollBuiltins() []Builtin {
	return []Builtin{{
		Name:    "netpoll",
		Doc:     "The file descriptors for which goroutines wait, by number, and who polls them.",
		Example: "[d.fd for d in netpoll()]",
		call: func(in *Interp, _ args) (starlark.Value, error) {
			n, err := in.p.Netpoll(in.ctx)
			if err != nil {
				return nil, err
			}
			return &listing[inspect.NetpollRecord]{
				in: in, class: in.classes.descriptor, name: "netpoll", v: n.Descriptors,
				head:    []string{count(len(n.Descriptors), "descriptor") + " waited for", "poller: " + n.Poller},
				columns: []string{">FD", "WHAT", "READERS", "WRITERS", "DEADLINE"},
				row:     in.descriptorRow,
			}, nil
		},
	}}
}

func (in *Interp) descriptorRow(d *inspect.NetpollRecord) []string {
	who := func(ids []uint64) string { return orWord(joinIDs(ids, shownIDs, len(ids)), "-") }
	deadline := ""
	for _, x := range [...]struct {
		what string
		when *int64
	}{{"read", d.ReadDeadlineNS}, {"write", d.WriteDeadlineNS}} {
		if x.when == nil {
			continue
		}
		if deadline != "" {
			deadline += ", "
		}
		deadline += x.what
		if left, how, ok := in.p.Now().Until(*x.when); ok {
			deadline += " " + timeLeft(left, how)
		}
	}
	what := peer(d)
	if d.Closing {
		what += ", closing"
	}
	return []string{fmt.Sprint(d.FD), what, who(d.Readers), who(d.Writers), orWord(deadline, "-")}
}
