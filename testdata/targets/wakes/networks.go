package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/rpc"
	"os/exec"
	"time"

	"rtdbgtargets/internal/truth"
)

// networks are clients and servers, over loopback and inside the process.
func networks() []shape {
	return []shape{
		{"tcp-echo", tcpEcho},
		{"http", httpServer},
		{"net-rpc", netRPC},
		{"net-pipe", netPipe},
		{"io-pipe", ioPipe},
		{"udp", udp},
		{"command", command},
		{"read-loop", readLoop},
	}
}

func listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	return l
}

func dial(l net.Listener) net.Conn {
	c, err := net.Dial("tcp", l.Addr().String())
	truth.Check(err)
	return c
}

func tcpEcho() {
	l := listen()
	go func() {
		for {
			c, err := l.Accept()
			truth.Check(err)
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	for i := 0; i < 3; i++ {
		go func() {
			for {
				askEcho(dial(l))
			}
		}()
	}
}

func askEcho(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for i := 0; i < 10; i++ {
		pause(5)
		_, err := c.Write([]byte("hello\n"))
		truth.Check(err)
		_, err = r.ReadString('\n')
		truth.Check(err)
	}
}

// httpServer has clients that keep their connections.
func httpServer() {
	l := listen()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(3 * time.Millisecond):
			io.WriteString(w, "hello")
		case <-r.Context().Done():
		}
	})
	go http.Serve(l, mux)
	client := &http.Client{Timeout: time.Minute}
	for i := 0; i < 3; i++ {
		go func() {
			for {
				pause(10)
				resp, err := client.Get("http://" + l.Addr().String())
				truth.Check(err)
				_, err = io.Copy(io.Discard, resp.Body)
				truth.Check(err)
				resp.Body.Close()
			}
		}()
	}
}

// Arith is a service of net/rpc.
type Arith struct{}

// Double takes its time.
func (Arith) Double(in int, out *int) error {
	pause(4)
	*out = 2 * in
	return nil
}

func netRPC() {
	server := rpc.NewServer()
	truth.Check(server.Register(Arith{}))
	l := listen()
	go server.Accept(l)
	client := rpc.NewClient(dial(l))
	for i := 0; i < 4; i++ {
		go func() {
			for {
				var out int
				truth.Check(client.Call("Arith.Double", 21, &out))
			}
		}()
	}
}

// netPipe talks over a connection without a network.
func netPipe() {
	a, b := net.Pipe()
	go func() {
		buf := make([]byte, 16)
		for {
			n, err := b.Read(buf)
			truth.Check(err)
			pause(5)
			_, err = b.Write(buf[:n])
			truth.Check(err)
		}
	}()
	buf := make([]byte, 16)
	for {
		_, err := a.Write([]byte("ping"))
		truth.Check(err)
		_, err = a.Read(buf)
		truth.Check(err)
	}
}

func ioPipe() {
	r, w := io.Pipe()
	go func() {
		for {
			pause(8)
			_, err := io.WriteString(w, "line\n")
			truth.Check(err)
		}
	}()
	s := bufio.NewScanner(r)
	for s.Scan() {
		compute()
	}
}

func udp() {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	truth.Check(err)
	go func() {
		buf := make([]byte, 64)
		for {
			_, _, err := server.ReadFrom(buf)
			truth.Check(err)
		}
	}()
	c, err := net.Dial("udp", server.LocalAddr().String())
	truth.Check(err)
	for {
		pause(10)
		c.Write([]byte("datagram"))
	}
}

// command runs another program and reads what it prints.
func command() {
	for {
		c := exec.Command("/bin/sleep", "0.02")
		out, err := c.StdoutPipe()
		truth.Check(err)
		truth.Check(c.Start())
		io.Copy(io.Discard, out)
		truth.Check(c.Wait())
	}
}

// readLoop has a goroutine that reads from a connection and hands on what it
// read, and one that writes what others hand it.
func readLoop() {
	l := listen()
	go func() {
		c, err := l.Accept()
		truth.Check(err)
		io.Copy(c, c)
	}()
	c := dial(l)
	out, in := make(chan string), make(chan string)
	go func() {
		for text := range out {
			_, err := io.WriteString(c, text)
			truth.Check(err)
		}
	}()
	go func() {
		for r := bufio.NewReader(c); ; {
			text, err := r.ReadString('\n')
			truth.Check(err)
			in <- text
		}
	}()
	for i := 0; i < 2; i++ {
		go func() {
			for {
				out <- "text\n"
				<-in
				pause(6)
			}
		}()
	}
}
