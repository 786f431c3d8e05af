// Target is the program whose memory the tests of package mem read. It prints
// the addresses and contents of some of its variables, one per line as
// "name address hex-bytes", then "ready", and waits.
package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

var (
	data = [16]byte{'i', 'n', 'i', 't', 'i', 'a', 'l', 'i', 's', 'e', 'd', ' ', 'd', 'a', 't', 'a'}
	bss  [16]byte
	heap []byte
	// untouched is large enough to have pages that nothing ever writes.
	untouched [1 << 20]byte
)

const text = "a string constant in read-only memory"

func show(name string, p unsafe.Pointer, n int) {
	fmt.Printf("%s %#x %x\n", name, uintptr(p), unsafe.Slice((*byte)(p), n))
}

func main() {
	limit := syscall.Rlimit{Cur: 1 << 62, Max: 1 << 62}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &limit); err != nil {
		// Not allowed to raise the hard limit: take what there is.
		_ = syscall.Getrlimit(syscall.RLIMIT_CORE, &limit)
		limit.Cur = limit.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &limit); err != nil || limit.Max == 0 {
			fmt.Println("nocore")
		}
	}
	data[0] = 'I'
	copy(bss[:], "written at start")
	heap = make([]byte, 300<<10) // several pages, a span of its own
	for i := range heap {
		heap[i] = byte(i * i >> 3)
	}
	var stack [64]byte
	copy(stack[:], "on the stack of main")
	mainPC := **(**uintptr)(unsafe.Pointer(&[]func(){main}[0]))
	s := text

	show("data", unsafe.Pointer(&data), len(data))
	show("bss", unsafe.Pointer(&bss), len(bss))
	show("heap", unsafe.Pointer(&heap[0]), len(heap))
	show("stack", unsafe.Pointer(&stack), len(stack))
	show("rodata", *(*unsafe.Pointer)(unsafe.Pointer(&s)), len(s))
	show("text", *(*unsafe.Pointer)(unsafe.Pointer(&mainPC)), 64)
	extra()
	fmt.Println("ready")

	var b [1]byte
	if _, err := os.Stdin.Read(b[:]); err != nil {
		fmt.Println(err)
	}
	runtime.KeepAlive(&stack)
	runtime.KeepAlive(&untouched)
}
