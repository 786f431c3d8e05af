// Delvelist asks Delve for all goroutines of a core, as its ListGoroutines
// does, and prints how many there are:
//
//	delvelist EXE CORE
package main

import (
	"fmt"
	"os"

	"github.com/go-delve/delve/service"
	"github.com/go-delve/delve/service/debugger"
	"github.com/go-delve/delve/service/rpc2"
	"github.com/go-delve/delve/service/rpccommon"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: delvelist EXE CORE")
		os.Exit(2)
	}
	n, err := list(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "delvelist:", err)
		os.Exit(1)
	}
	fmt.Println(n, "goroutines")
}

func list(exe, core string) (int, error) {
	l, conn := service.ListenerPipe()
	defer conn.Close()
	s := rpccommon.NewServer(&service.Config{Listener: l, APIVersion: 2, ProcessArgs: []string{exe},
		Debugger: debugger.Config{CoreFile: core, Backend: "core"}})
	if err := s.Run(); err != nil {
		return 0, err
	}
	gs, _, err := rpc2.NewClientFromConn(conn).ListGoroutines(0, 0)
	return len(gs), err
}
