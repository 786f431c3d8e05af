package main

import (
	"compress/gzip"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/gob"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"rtdbgtargets/internal/truth"
)

// libraries are the goroutines of the standard library, at work for ours.
func libraries() []shape {
	return []shape{
		{"sql", sqlPool},
		{"http2", http2},
		{"reverse-proxy", reverseProxy},
		{"gob-stream", gobStream},
		{"gzip-pipe", gzipPipe},
		{"http-stream", httpStream},
	}
}

// slowDriver is a database whose statements take a while.
type slowDriver struct{}

func (slowDriver) Connect(context.Context) (driver.Conn, error) { return slowConn{}, nil }
func (slowDriver) Driver() driver.Driver                        { return nil }

type slowConn struct{}

func (slowConn) Prepare(string) (driver.Stmt, error) { return slowStmt{}, nil }
func (slowConn) Close() error                        { return nil }
func (slowConn) Begin() (driver.Tx, error)           { return slowConn{}, nil }
func (slowConn) Commit() error                       { return nil }
func (slowConn) Rollback() error                     { return nil }

type slowStmt struct{}

func (slowStmt) Close() error                                   { return nil }
func (slowStmt) NumInput() int                                  { return -1 }
func (slowStmt) Query(args []driver.Value) (driver.Rows, error) { return nil, io.EOF }
func (slowStmt) Exec(args []driver.Value) (driver.Result, error) {
	pause(4)
	return driver.RowsAffected(1), nil
}

// sqlPool has more users than connections.
func sqlPool() {
	db := sql.OpenDB(slowDriver{})
	db.SetMaxOpenConns(2)
	for i := 0; i < 5; i++ {
		go func() {
			for {
				ctx, cancel := context.WithCancel(context.Background())
				tx, err := db.BeginTx(ctx, nil)
				truth.Check(err)
				_, err = tx.Exec("update t")
				truth.Check(err)
				truth.Check(tx.Commit())
				cancel()
			}
		}()
	}
}

func hello(w http.ResponseWriter, r *http.Request) {
	pause(4)
	io.WriteString(w, "hello")
}

func get(client *http.Client, url string) {
	resp, err := client.Get(url)
	truth.Check(err)
	_, err = io.Copy(io.Discard, resp.Body)
	truth.Check(err)
	truth.Check(resp.Body.Close())
}

// http2 has its clients share one encrypted connection.
func http2() {
	s := httptest.NewUnstartedServer(http.HandlerFunc(hello))
	s.EnableHTTP2 = true
	s.StartTLS()
	client := s.Client()
	for i := 0; i < 4; i++ {
		go func() {
			for {
				get(client, s.URL)
				pause(5)
			}
		}()
	}
}

func reverseProxy() {
	back := httptest.NewServer(http.HandlerFunc(hello))
	to, err := url.Parse(back.URL)
	truth.Check(err)
	front := httptest.NewServer(httputil.NewSingleHostReverseProxy(to))
	for i := 0; i < 2; i++ {
		go func() {
			for {
				get(front.Client(), front.URL)
				pause(8)
			}
		}()
	}
}

// gobStream sends values over a connection inside the process.
func gobStream() {
	a, b := net.Pipe()
	go func() {
		e := gob.NewEncoder(a)
		for i := 0; ; i++ {
			pause(7)
			truth.Check(e.Encode(i))
		}
	}()
	d := gob.NewDecoder(b)
	for {
		var i int
		truth.Check(d.Decode(&i))
	}
}

// gzipPipe compresses in one goroutine and expands in another.
func gzipPipe() {
	r, w := io.Pipe()
	go func() {
		z := gzip.NewWriter(w)
		for {
			pause(5)
			_, err := z.Write([]byte("some text"))
			truth.Check(err)
			truth.Check(z.Flush())
		}
	}()
	z, err := gzip.NewReader(r)
	truth.Check(err)
	_, err = io.Copy(io.Discard, z)
	truth.Check(err)
}

// httpStream has a server send events as they come, and a client that sends
// its body through a pipe.
func httpStream() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < 5; i++ {
			pause(6)
			io.WriteString(w, "event\n")
			w.(http.Flusher).Flush()
		}
		io.Copy(io.Discard, r.Body)
	}))
	for {
		r, w := io.Pipe()
		go func() {
			defer w.Close()
			for i := 0; i < 5; i++ {
				pause(4)
				io.WriteString(w, "part\n")
			}
		}()
		resp, err := http.Post(s.URL, "text/plain", r)
		truth.Check(err)
		_, err = io.Copy(io.Discard, resp.Body)
		truth.Check(err)
		truth.Check(resp.Body.Close())
	}
}
