// Server is an executable as large as an ordinary server's, about 23 MB with
// its debugging information, and its goroutines wait for HTTP requests and for
// each other. It prints "ready" and waits for SIGABRT, of which the kernel dumps
// core.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/debugger"
	"github.com/go-delve/delve/service/rpccommon"
	"github.com/spf13/cobra"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

func main() {
	n := flag.Int("n", 1000, "number of goroutines")
	heavy := flag.String("debug", "", "debug this program, which is not why the server is there")
	flag.Parse()
	if err := serve(*n, *heavy); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func serve(n int, heavy string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if heavy != "" {
		return weigh(l, heavy)
	}
	go http.Serve(l, nil)
	jobs := make(chan int)
	var started, idle sync.WaitGroup
	for range n {
		started.Add(1)
		idle.Go(func() {
			started.Done()
			<-jobs
		})
	}
	started.Wait()
	time.Sleep(100 * time.Millisecond)
	if err := leaveAbort(); err != nil {
		return err
	}
	os.Stdout.WriteString("ready\n")
	idle.Wait()
	return nil
}

// weigh keeps the linker from leaving large packages out.
func weigh(l net.Listener, program string) error {
	c := &cobra.Command{Use: "debug", RunE: func(*cobra.Command, []string) error {
		if _, err := starlark.ExecFileOptions(new(syntax.FileOptions), new(starlark.Thread), program, nil, nil); err != nil {
			return err
		}
		s := rpccommon.NewServer(&service.Config{Listener: l, APIVersion: 2, ProcessArgs: []string{program},
			Debugger: debugger.Config{Backend: "default"}})
		return s.Run()
	}}
	return c.Execute()
}

// leaveAbort gives SIGABRT back to the kernel, whose default is to dump core.
func leaveAbort() error {
	// The kernel's struct sigaction on amd64 and arm64; its zero is SIG_DFL.
	var action [4]uint64
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGABRT),
		uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	if errno != 0 {
		return fmt.Errorf("rt_sigaction: %w", errno)
	}
	return nil
}
