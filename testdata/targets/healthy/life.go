package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"rtdbgtargets/internal/scene"
	"rtdbgtargets/internal/truth"
)

func lifeCases() []scene.Case {
	return []scene.Case{
		{Name: "accept", Stage: accept},
		{Name: "http-server", Stage: httpServer},
		{Name: "signals", Stage: signals},
		{Name: "pipe", Stage: pipe},
		{Name: "child-process", Stage: childProcess},
		{Name: "system-call", Stage: systemCall},
	}
}

func accept(s *scene.Scene) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	s.Start("accept", func() { l.Accept() })
}

// httpServer: a server and a client with a request that takes long.
func httpServer(s *scene.Scene) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	entered := make(chan bool)
	wait := make(chan bool)
	s.Start("later", func() {
		behindNetwork(s)
		close(wait)
	})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- true
		select {
		case <-wait:
		case <-r.Context().Done():
		}
	})}
	s.Start("serve", func() { server.Serve(l) })
	s.Start("client", func() {
		r, err := http.Get("http://" + l.Addr().String())
		if err == nil {
			r.Body.Close()
		}
	})
	<-entered
}

// behindNetwork waits for a connection that nobody makes.
func behindNetwork(*scene.Scene) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	l.Accept()
}

func signals(s *scene.Scene) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	s.Start("waiter", func() { <-c })
}

func pipe(s *scene.Scene) {
	r, w, err := os.Pipe()
	truth.Check(err)
	s.Start("reader", func() {
		io.Copy(io.Discard, r)
		w.Close()
	})
}

// childProcess: one waits for a process, which waits for the end of its input.
func childProcess(s *scene.Scene) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	truth.Check(err)
	var out countingWriter
	cmd.Stdout = &out
	truth.Check(cmd.Start())
	s.Start("wait", func() {
		cmd.Wait()
		in.Close()
	})
}

type countingWriter struct{ n int }

func (w *countingWriter) Write(b []byte) (int, error) {
	w.n += len(b)
	return len(b), nil
}

// systemCall: a thread waits in the kernel.
func systemCall(s *scene.Scene) {
	var p [2]int
	truth.Check(syscall.Pipe(p[:]))
	c := make(chan int)
	s.Start("reader", func() {
		n, _ := syscall.Read(p[0], make([]byte, 1))
		c <- n
	})
	s.Start("behind", func() { <-c })
}
