// Network is a server with clients that are stuck on each other over TCP, and
// listeners, deadlines and closed peers beside them. Of each waiting
// goroutine NAME it prints NAME.goid, NAME.fd and the addresses.
package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"

	"rtdbgtargets/internal/truth"
)

// far is longer than any test looks at the program.
const far = 10 * time.Hour

var entered = make(chan int64)

// kept holds what must not be finalized.
var kept []interface{}

func enter(name string) {
	id := truth.Goid()
	truth.Set(name+".goid", id)
	entered <- id
}

func describe(name string, c *net.TCPConn) {
	raw, err := c.SyscallConn()
	truth.Check(err)
	truth.Check(raw.Control(func(fd uintptr) { truth.Set(name+".fd", fd) }))
	truth.Set(name+".local", c.LocalAddr())
	truth.Set(name+".remote", c.RemoteAddr())
}

func listen(name string) *net.TCPListener {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	truth.Check(err)
	raw, err := l.SyscallConn()
	truth.Check(err)
	truth.Check(raw.Control(func(fd uintptr) { truth.Set(name+".fd", fd) }))
	truth.Set(name+".local", l.Addr())
	return l
}

func dial(l *net.TCPListener) (client, server *net.TCPConn) {
	client, err := net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr))
	truth.Check(err)
	server, err = l.AcceptTCP()
	truth.Check(err)
	return client, server
}

func start(f func(), statuses ...string) {
	go f()
	truth.Await(<-entered, statuses...)
}

// request is one half of a conversation in which both sides wait for the
// other to speak: that is the bug.
func request(name string, c *net.TCPConn) {
	describe(name, c)
	enter(name)
	bufio.NewReader(c).ReadString('\n')
}

// both reads and writes one connection from two goroutines, of which each is
// stuck: a full duplex descriptor with two waiters.
func both(name string, c *net.TCPConn) {
	start(func() { request(name+".reader", c) }, "IO wait")
	start(func() { flood(name+".writer", c) }, "IO wait")
}

func flood(name string, c *net.TCPConn) {
	describe(name, c)
	enter(name)
	buf := make([]byte, 1<<20)
	for {
		if _, err := c.Write(buf); err != nil {
			truth.Fatal("write: %v", err)
		}
	}
}

func readDeadline(c *net.TCPConn) {
	truth.Check(c.SetReadDeadline(time.Now().Add(far)))
	request("readdeadline", c)
}

func writeDeadline(c *net.TCPConn) {
	truth.Check(c.SetWriteDeadline(time.Now().Add(far)))
	flood("writedeadline", c)
}

func bothDeadlines(c *net.TCPConn) {
	truth.Check(c.SetDeadline(time.Now().Add(far)))
	request("bothdeadlines", c)
}

// never is sent to by nobody.
var never = make(chan struct{})

// closeLater would end the wait of closing.reader.
func closeLater(c *net.TCPConn) {
	enter("closing.closer")
	<-never
	c.Close()
}

func accept(l *net.TCPListener) {
	enter("accept")
	l.Accept()
}

// serve has net/http wait for connections and for a request that a client
// does not finish.
func serve(l net.Listener) {
	enter("http.serve")
	http.Serve(l, http.NotFoundHandler())
}

// wrapped has the methods of a connection through an interface: the compiler
// makes a wrapper of each.
type wrapped struct{ net.Conn }

func readPromoted(r io.Reader) {
	enter("promoted")
	r.Read(make([]byte, 8))
}

func main() {
	truth.Limit()
	l := listen("listener")
	for _, name := range []string{"pair0", "pair1", "pair2"} {
		name := name
		c, s := dial(l)
		start(func() { request(name+".client", c) }, "IO wait")
		start(func() { request(name+".server", s) }, "IO wait")
	}
	c, s := dial(l)
	both("duplex", c)
	kept = append(kept, s)
	c, s = dial(l)
	kept = append(kept, s)
	start(func() { request("closing.reader", c) }, "IO wait")
	start(func() { closeLater(c) }, "chan receive")
	for _, f := range []func(*net.TCPConn){readDeadline, writeDeadline, bothDeadlines} {
		f := f
		c, s := dial(l)
		kept = append(kept, s)
		start(func() { f(c) }, "IO wait")
	}
	c, s = dial(l)
	kept = append(kept, s)
	start(func() { readPromoted(&wrapped{c}) }, "IO wait")
	start(func() { accept(l) }, "IO wait")

	hl := listen("http")
	start(func() { serve(hl) }, "IO wait")
	half, err := net.DialTCP("tcp", nil, hl.Addr().(*net.TCPAddr))
	truth.Check(err)
	_, err = half.Write([]byte("GET / HTTP/1.1\r\nHost:"))
	truth.Check(err)
	start(func() { request("http.client", half) }, "IO wait")
	truth.AwaitIn("net/http.(*conn).serve", "IO wait")
	truth.Park()
}
