package rt

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"rtdbg/inspect/layout"
	"rtdbg/inspect/mem"
)

// netPlans are the decoders of what packages net and os keep around a file
// descriptor. A program that does not use them has none.
type netPlans struct {
	netFD  *layout.Plan[netFD]
	osFile *layout.Plan[osFile]
	ip     *layout.Plan[ipAddr]
	unix   *layout.Plan[unixAddr]
}

func (p *netPlans) compile(t *layout.Table) error {
	return firstError(
		bindOptional(&p.netFD, t, "net.netFD"),
		bindOptional(&p.osFile, t, "os.file"),
		bindOptional(&p.ip, t, anyOf(t, "net.TCPAddr", "net.UDPAddr")),
		bindOptional(&p.unix, t, "net.UnixAddr"),
	)
}

// anyOf returns the first of the names that t has a structure for.
func anyOf(t *layout.Table, names ...string) string {
	for _, n := range names {
		if t.Structs[n] != nil {
			return n
		}
	}
	return names[0]
}

// netFD is a network connection or listener (net.netFD, fd_posix.go).
type netFD struct {
	PFD    fdWords       `rt:"pfd"`
	Family int64         `rt:"family"`
	SoType int64         `rt:"sotype"`
	Net    layout.String `rt:"net"`
	Local  layout.Iface  `rt:"laddr"`
	Remote layout.Iface  `rt:"raddr"`
}

// osFile is a file (os.file, file_unix.go).
type osFile struct {
	PFD  fdWords       `rt:"pfd"`
	Name layout.String `rt:"name"`
}

// fdWords is the start of an internal/poll.FD.
type fdWords struct {
	Sysfd int64 `rt:"Sysfd"`
}

// ipAddr is a net.TCPAddr or a net.UDPAddr, which are alike.
type ipAddr struct {
	IP   layout.Slice  `rt:"IP"`
	Port int64         `rt:"Port"`
	Zone layout.String `rt:"Zone"`
}

// unixAddr is a net.UnixAddr.
type unixAddr struct {
	Name layout.String `rt:"Name"`
}

// Descriptor is what a program knows of an open file descriptor.
type Descriptor struct {
	// FD is the address of the internal/poll.FD, Sysfd its number.
	FD    mem.Addr
	Sysfd int64
	// Net is the network as package net names it ("tcp", "udp", "unix"),
	// "file" for a file, "" where it is not known.
	Net string
	// Local and Remote are the addresses of a connection, "" for none.
	Local, Remote string
	// Name is the name of a file.
	Name string
}

// networks are the values of net.netFD.net.
var networks = map[string]bool{
	"tcp": true, "tcp4": true, "tcp6": true, "udp": true, "udp4": true, "udp6": true,
	"unix": true, "unixgram": true, "unixpacket": true, "ip": true, "ip4": true, "ip6": true, "mptcp": true,
}

// Descriptor reads what the program knows of the descriptor whose
// internal/poll.FD lies at a. An FD is the first field of what package net or os
// keeps; which of the two it is, is checked. What could be read is returned
// with an error.
func (r *Runtime) Descriptor(a mem.Addr) (Descriptor, error) {
	fd, err := r.ReadFD(a)
	d := Descriptor{FD: a, Sysfd: fd.Sysfd}
	if err != nil {
		return d, err
	}
	if fd.IsFile {
		var f osFile
		if err := read(r, r.plans.net.osFile, "os.file", a, &f); err != nil {
			return d, err
		}
		d.Net = "file"
		d.Name, err = r.shortString(f.Name)
		return d, err
	}
	var n netFD
	if err := read(r, r.plans.net.netFD, "net.netFD", a, &n); err != nil {
		return d, err
	}
	network, err := r.shortString(n.Net)
	if err != nil || !networks[network] && !isRawIP(network) {
		return d, &NotAnObjectError{Kind: "net.netFD", Addr: a, Why: fmt.Sprintf("its network is %q", network)}
	}
	d.Net = network
	d.Local, err = r.NetAddr(n.Local)
	remote, rerr := r.NetAddr(n.Remote)
	d.Remote = remote
	return d, firstError(err, rerr)
}

// isRawIP reports whether a network is one of raw IP, "ip4:icmp".
func isRawIP(network string) bool { return len(network) > 2 && network[:2] == "ip" }

// shortString reads a string that names something.
func (r *Runtime) shortString(s layout.String) (string, error) {
	const longest = 4096
	if s.Len > longest {
		return "", fmt.Errorf("corrupt string: %d bytes at %v", s.Len, mem.Addr(s.Ptr))
	}
	return r.ReadString(s)
}

// NetAddr returns the net.Addr in an interface as its String method writes it,
// "" for nil.
func (r *Runtime) NetAddr(i layout.Iface) (string, error) {
	if i.Tab == 0 || i.Data == 0 {
		return "", nil
	}
	typ, err := r.ItabTypeName(mem.Addr(i.Tab))
	if err != nil {
		return "", err
	}
	switch typ {
	case "*net.TCPAddr", "*net.UDPAddr":
		return r.ipAddr(mem.Addr(i.Data))
	case "*net.UnixAddr":
		var u unixAddr
		if err := read(r, r.plans.net.unix, "net.UnixAddr", mem.Addr(i.Data), &u); err != nil {
			return "", err
		}
		return r.shortString(u.Name)
	}
	return typ, nil
}

func (r *Runtime) ipAddr(a mem.Addr) (string, error) {
	var w ipAddr
	if err := read(r, r.plans.net.ip, "net.TCPAddr", a, &w); err != nil {
		return "", err
	}
	if w.IP.Len > net.IPv6len || w.IP.Len > w.IP.Cap {
		return "", fmt.Errorf("corrupt IP address of %d bytes at %v", w.IP.Len, a)
	}
	b := make([]byte, w.IP.Len)
	if len(b) > 0 {
		if err := r.Mem.ReadAt(b, mem.Addr(w.IP.Ptr)); err != nil {
			return "", err
		}
	}
	host := ""
	if ip, ok := netip.AddrFromSlice(b); ok {
		host = ip.Unmap().String()
		if zone, err := r.shortString(w.Zone); err == nil && zone != "" {
			host += "%" + zone
		}
	}
	return net.JoinHostPort(host, strconv.FormatInt(w.Port, 10)), nil
}
