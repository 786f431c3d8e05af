package delve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Option changes how OpenCore and Attach open a target.
type Option func(*Session)

// Listen has the session's own Delve server listen at addr for others to join,
// as dlv does with "dlv connect ADDR": [HOST:]PORT, where no HOST is this host
// alone, or unix:PATH. A client that joined may do to the target what dlv can
// do, resume it too, until the session is closed; but it cannot end the session,
// nor kill a target that this session only visits. "" listens nowhere.
func Listen(addr string) Option { return func(s *Session) { s.listenAt = addr } }

// Listening returns the address at which others can join, "" for none.
func (s *Session) Listening() string {
	if s.door == nil {
		return ""
	}
	return s.door.name()
}

// Exposed reports whether others can join from other hosts. Whoever does
// controls the target: Delve asks for no password.
func (s *Session) Exposed() bool { return s.door != nil && !loopback(s.door.Addr()) }

// acceptStep is how long a listener that cannot accept connections rests.
const acceptStep = 100 * time.Millisecond

// door is where the connections of a Delve server in this process come from:
// those of the session itself, which are made in memory, and those of guests,
// who have joined from outside.
type door struct {
	outside net.Listener
	arrived chan net.Conn
	// shut is closed when guests are not let in any more, end when the server
	// is done.
	shut, end chan struct{}
	shutOnce  sync.Once
	endOnce   sync.Once

	mu     sync.Mutex
	guests map[*guest]struct{}
}

func openDoor(addr string) (*door, error) {
	network, address := listenAddress(addr)
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, listenError(addr, err)
	}
	if network == "unix" {
		if err := os.Chmod(address, 0o600); err != nil {
			l.Close()
			return nil, fmt.Errorf("listen %s: %w", addr, err)
		}
	}
	d := &door{
		outside: l, arrived: make(chan net.Conn), shut: make(chan struct{}), end: make(chan struct{}),
		guests: make(map[*guest]struct{}),
	}
	go d.admit()
	return d, nil
}

// listenAddress is network with the loopback address where no host is named.
func listenAddress(addr string) (string, string) {
	network, address := network(addr)
	if network == "unix" {
		return network, address
	}
	if _, err := strconv.ParseUint(address, 10, 16); err == nil {
		address = ":" + address
	}
	if strings.HasPrefix(address, ":") {
		address = "127.0.0.1" + address
	}
	return network, address
}

func listenError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listen %s: the address is in use: choose another, or port 0 for a free one", addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("listen %s: this host does not have that address", addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("listen %s: not permitted: ports below 1024 need root", addr)
	}
	return fmt.Errorf("listen %s: want [HOST:]PORT or unix:PATH: %w", addr, err)
}

// name is the address as dlv and Connect take it.
func (d *door) name() string {
	if a := d.Addr(); a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return d.Addr().String()
}

// Addr is the address at which guests join.
func (d *door) Addr() net.Addr { return d.outside.Addr() }

// Accept returns the next connection. It never fails, since Delve would panic.
func (d *door) Accept() (net.Conn, error) {
	select {
	case c := <-d.arrived:
		return c, nil
	case <-d.end:
		runtime.Goexit() // this goroutine of Delve does nothing else
		return nil, net.ErrClosed
	}
}

// Close ends the server's wait for connections.
func (d *door) Close() error {
	d.evict()
	d.endOnce.Do(func() { close(d.end) })
	return nil
}

// dial connects the session to its own server.
func (d *door) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case d.arrived <- there:
		return here, nil
	case <-d.end:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// admit lets guests in until the door is shut.
func (d *door) admit() {
	for {
		c, err := d.outside.Accept()
		if err == nil {
			go d.greet(c)
			continue
		}
		select {
		case <-d.shut:
			return
		case <-time.After(acceptStep): // it lacks file descriptors, maybe
		}
	}
}

// greet hands a guest to the server, if it is this host's own user where only
// this host is let in.
func (d *door) greet(c net.Conn) {
	g := &guest{Conn: c, door: d, requests: json.NewDecoder(bufio.NewReader(c))}
	d.mu.Lock()
	d.guests[g] = struct{}{}
	d.mu.Unlock()
	if loopback(d.Addr()) && !sameUser(c) {
		g.Close()
		return
	}
	select {
	case d.arrived <- g:
	case <-d.shut:
		g.Close()
	}
}

// evict lets nobody in any more and sends the guests away.
func (d *door) evict() {
	d.shutOnce.Do(func() {
		close(d.shut)
		d.outside.Close()
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	for g := range d.guests {
		g.Conn.Close()
	}
}

// guest is the connection of a client that joined from outside.
type guest struct {
	net.Conn
	door     *door
	requests *json.Decoder
	// pending is what the server has not read yet of a request.
	pending []byte
	// writing is held while an answer is written whole.
	writing sync.Mutex
}

// Read reads requests for the server.
func (g *guest) Read(b []byte) (int, error) {
	for len(g.pending) == 0 {
		var request json.RawMessage
		if err := g.requests.Decode(&request); err != nil {
			g.Close() // the server may forget to
			return 0, err
		}
		refused, err := g.refuse(request)
		if err != nil {
			return 0, err
		}
		if !refused {
			g.pending = append(request, '\n')
		}
	}
	n := copy(b, g.pending)
	g.pending = g.pending[n:]
	return n, nil
}

// refuse answers a request that a guest may not make.
func (g *guest) refuse(request []byte) (bool, error) {
	var r struct {
		Method string          `json:"method"`
		ID     json.RawMessage `json:"id"`
	}
	// What is no request is Delve's to refuse.
	if json.Unmarshal(request, &r) != nil || !bytes.EqualFold([]byte(r.Method), []byte("RPCServer.Detach")) {
		return false, nil
	}
	answer, err := json.Marshal(map[string]any{
		"id": r.ID, "result": nil,
		"error": "rtdbg serves this target and keeps it: it is neither detached nor killed; leave with: quit, and the answer n",
	})
	if err != nil {
		return true, err
	}
	_, err = g.Write(append(answer, '\n'))
	return true, err
}

// Write writes one answer.
func (g *guest) Write(b []byte) (int, error) {
	g.writing.Lock()
	defer g.writing.Unlock()
	return g.Conn.Write(b)
}

// Close closes the connection.
func (g *guest) Close() error {
	g.door.mu.Lock()
	delete(g.door.guests, g)
	g.door.mu.Unlock()
	return g.Conn.Close()
}
