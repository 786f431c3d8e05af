// Program probe is built, never run: it uses the packages whose types the
// layout tables hold, so that the linker keeps these types in its DWARF.
package main

import (
	"container/list"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

// parts are the parts that need a later Go version; each file of one appends.
var parts []func()

type key struct{}

func main() {
	contexts()
	locks()
	network()
	processes()
	timers()
	rest()
	for _, part := range parts {
		part()
	}
}

func contexts() {
	ctx, cancel := context.WithCancel(context.WithValue(context.TODO(), key{}, 1))
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	ctx, expire := context.WithTimeout(ctx, time.Second)
	pprof.Do(ctx, pprof.Labels("k", "v"), func(ctx context.Context) { <-ctx.Done() })
	expire()
	stop()
	cancel()
	fmt.Println(ctx.Err(), context.Background())
}

func locks() {
	var mu sync.Mutex
	var rw sync.RWMutex
	var wg sync.WaitGroup
	var once sync.Once
	var m sync.Map
	var v atomic.Value
	pool := sync.Pool{New: func() interface{} { return new(int) }}
	cond := sync.NewCond(&mu)
	wg.Add(1)
	go func() {
		defer wg.Done()
		mu.Lock()
		defer mu.Unlock()
		cond.Wait()
		rw.RLock()
		rw.RUnlock()
		rw.Lock()
		rw.Unlock()
	}()
	cond.Broadcast()
	once.Do(func() { m.Store(1, pool.Get()) })
	m.LoadOrStore(1, 2)
	m.Delete(1)
	m.Range(func(k, v interface{}) bool { return true })
	v.Store(1)
	pool.Put(v.Load())
	wg.Wait()
}

func network() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	c, err := l.Accept()
	if err != nil {
		return
	}
	c.SetDeadline(time.Now().Add(time.Second))
	io.Copy(os.Stdout, c)
	net.DialTCP("tcp", nil, &net.TCPAddr{})
	net.ListenUDP("udp", &net.UDPAddr{})
	net.ListenUnix("unix", &net.UnixAddr{})
	net.DialUnix("unix", nil, &net.UnixAddr{})
	net.ListenIP("ip", &net.IPAddr{})
	net.LookupHost("localhost")
	a, b := net.Pipe()
	fmt.Println(c.RemoteAddr(), a, b)
	r, w := io.Pipe()
	go w.Write(nil)
	io.ReadAll(r)
}

func processes() {
	cmd := exec.CommandContext(context.Background(), "true")
	out, _ := cmd.StdoutPipe()
	cmd.Start()
	io.ReadAll(out)
	fmt.Println(cmd.Wait(), cmd.ProcessState, cmd.Process.Signal(os.Kill))
	r, w, _ := os.Pipe()
	w.Close()
	r.SetReadDeadline(time.Now())
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt)
	<-ch
}

func timers() {
	t := time.NewTimer(time.Second)
	t.Reset(time.Minute)
	tick := time.NewTicker(time.Second)
	time.AfterFunc(time.Second, func() { tick.Stop() })
	select {
	case <-t.C:
	case <-tick.C:
	case <-time.After(time.Hour):
	}
	time.Sleep(time.Second)
	fmt.Println(time.Now().Local())
}

func rest() {
	l := list.New()
	l.PushBack(1)
	x := new([4]int)
	runtime.SetFinalizer(x, func(*[4]int) {})
	runtime.LockOSThread()
	runtime.GC()
	debug.FreeOSMemory()
	debug.WriteHeapDump(1)
	debug.ReadBuildInfo()
	trace.Start(io.Discard)
	pprof.StartCPUProfile(io.Discard)
	for _, p := range pprof.Profiles() {
		p.WriteTo(os.Stdout, 2)
	}
	ch := make(chan interface{})
	reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ch)}})
	t := reflect.TypeOf(ch)
	f := reflect.MakeFunc(reflect.FuncOf([]reflect.Type{t}, nil, false), func([]reflect.Value) []reflect.Value { return nil })
	fmt.Println(t.Elem(), f, reflect.MapOf(t, t), reflect.StructOf(nil), reflect.ArrayOf(2, t), reflect.New(t).Method(0))
	m := map[interface{}]func(){}
	for k, v := range m {
		v()
		delete(m, k)
	}
}
