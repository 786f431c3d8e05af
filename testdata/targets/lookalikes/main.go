// Lookalikes is healthy in a way that looks ill, or ill in a way that looks
// healthy:
//
//	-like=clients  60 connections to an idle server, each with a deadline and a
//	               goroutine that reads it; requests have come and gone
//	-like=pumps    the same, each with another goroutine that writes what it gets
//	               from a channel in a list
//	-like=pairs    60 workers started at once, each with a helper; now and then
//	               somebody has work for them
//	-like=ticking  60 goroutines left behind one at a time by a loop that starts
//	               nothing else
//	-like=hub      60 clients in a list, each with a goroutine that writes what it
//	               gets from a channel; the one that started it has ended
//	-like=chat     the same, each with another that reads
package main

import (
	"flag"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"rtdbgtargets/internal/truth"
)

const many = 60

var likes = map[string]func(){"clients": clients, "pumps": pumps, "pairs": pairs, "ticking": ticking, "hub": hub, "chat": chat}

// serve reads a connection until its end.
func serve(id chan int64, c net.Conn) {
	id <- truth.Goid()
	truth.Check(c.SetReadDeadline(time.Now().Add(time.Hour)))
	for b := make([]byte, 1); ; {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

func clients() { accept(func(id chan int64, c net.Conn) { go serve(id, c) }) }

func pumps() {
	accept(func(id chan int64, c net.Conn) {
		registered = append(registered, make(chan int))
		own := make(chan int64)
		go pump(own, registered[len(registered)-1])
		<-own
		go serve(id, c)
	})
}

// accept connects to a server of its own, which has handle start what serves each
// connection.
func accept(handle func(id chan int64, c net.Conn)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	truth.Check(err)
	id := make(chan int64)
	go func() {
		for {
			c, err := l.Accept()
			truth.Check(err)
			handle(id, c)
		}
	}()
	for i := 0; i < many; i++ {
		c, err := net.Dial("tcp", l.Addr().String())
		truth.Check(err)
		kept = append(kept, c)
		truth.Await(<-id, "IO wait")
		comeAndGo(4)
	}
}

// comeAndGo starts n goroutines, which end.
func comeAndGo(n int) {
	done := make(chan int)
	for i := 0; i < n; i++ {
		go func() { done <- 1 }()
	}
	for i := 0; i < n; i++ {
		<-done
	}
}

// helper is beside a worker as long as that lives.
func helper(end chan int) { <-end }

func worker(id chan int64, work chan int) {
	end := make(chan int)
	go helper(end)
	id <- truth.Goid()
	for range work {
	}
	close(end)
}

func pairs() {
	id, work := make(chan int64), make(chan int)
	for i := 0; i < many; i++ {
		go worker(id, work)
		truth.Await(<-id, "chan receive")
	}
	go func() {
		for range time.NewTicker(time.Hour).C {
			work <- 1
		}
	}()
}

func result(id chan int64, out chan int) {
	id <- truth.Goid()
	out <- 1
}

func ticking() {
	id := make(chan int64)
	for i := 0; i < many; i++ {
		go result(id, make(chan int))
		truth.Await(<-id, "chan send")
		runtime.GC()
	}
}

// registered are the channels of clients.
var registered, stops []chan int

func pump(id chan int64, messages chan int) {
	id <- truth.Goid()
	<-messages
}

// client starts a goroutine that writes, and one that reads if it is to.
func client(id chan int64, messages, stopped chan int, reads bool) {
	go pump(id, messages)
	if reads {
		go helper(stopped)
	}
}

func clientsOfAHub(reads bool) {
	id := make(chan int64)
	for i := 0; i < many; i++ {
		registered, stops = append(registered, make(chan int)), append(stops, make(chan int))
		go client(id, registered[i], stops[i], reads)
		truth.Await(<-id, "chan receive")
	}
	go func() {
		for range time.NewTicker(time.Hour).C {
			for i, c := range registered {
				c <- 1
				close(stops[i])
			}
		}
	}()
}

func hub()  { clientsOfAHub(false) }
func chat() { clientsOfAHub(true) }

var kept []net.Conn

func main() {
	like := flag.String("like", "", "what it is like")
	flag.Parse()
	truth.Limit()
	f := likes[*like]
	if f == nil {
		truth.Fatal("nothing is like %q", *like)
	}
	f()
	runtime.GC()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	me := truth.Goid()
	go func() {
		truth.Await(me, "chan receive")
		truth.Ready()
	}()
	<-stop
	runtime.KeepAlive(kept)
}
