// Program truth prints what the compiler and reflect say about some types,
// constants, variables and values, for comparison with what package layout
// reads from this program's DWARF and memory.
package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

type named uint16

type pair[K, V any] struct {
	key   K
	value V
}

type inner struct {
	A int8
	B uint32
}

type table [3]struct {
	n   int32
	pad [12]byte
}

type all struct {
	inner
	flag   bool
	n      named
	i      int
	f      float32
	c      complex128
	s      string
	b      []byte
	ptr    *inner
	any    interface{}
	err    error
	fn     func(int) string
	m      map[string]int
	ch     chan int
	recv   <-chan int
	up     unsafe.Pointer
	word   uintptr
	arr    [4]inner
	zero   struct{}
	state  atomic.Uint32
	hidden struct {
		user bool
		list struct{ head, tail *all }
	}
	rows  [2]struct{ x, y uint16 }
	gen   pair[string, *inner]
	t     table
	handy handler
	num   names
	last  byte
}

type handler func()

type names []string

const (
	constSmall = 42
	constNeg   = -7
	constTyped = named(9)
)

var (
	global  = all{inner: inner{A: -3, B: 7}, flag: true, n: 0xBEEF, i: -1, s: "hello", b: []byte{1, 2, 3}}
	anon    struct{ lock, key uint64 }
	reasons = [...]string{"", "first", "second reason"}
)

func main() {
	global.state.Store(0xdeadbeef)
	global.hidden.user = true
	global.word = 0x1234
	seen := map[reflect.Type]bool{}
	for _, v := range []interface{}{
		&global, &sync.Cond{}, &sync.RWMutex{}, &sync.WaitGroup{}, &sync.Once{}, &time.Time{}, &time.Timer{},
		&exec.Cmd{}, &net.TCPAddr{}, &net.TCPConn{}, &os.File{}, &pair[string, *inner]{},
	} {
		describe(reflect.TypeOf(v).Elem(), seen)
	}
	fmt.Println("const main.constSmall", constSmall)
	fmt.Println("const main.constNeg", constNeg)
	fmt.Println("const main.constTyped", constTyped)
	fmt.Printf("var main.global %d %d\n", uintptr(unsafe.Pointer(&global)), unsafe.Sizeof(global))
	fmt.Printf("var main.anon %d %d\n", uintptr(unsafe.Pointer(&anon)), unsafe.Sizeof(anon))
	fmt.Printf("var main.reasons %d %d\n", uintptr(unsafe.Pointer(&reasons)), unsafe.Sizeof(reasons))
	fmt.Println("bytes", hex.EncodeToString(unsafe.Slice((*byte)(unsafe.Pointer(&global)), unsafe.Sizeof(global))))
	for _, s := range reasons {
		fmt.Printf("reason %q\n", s)
	}
	fmt.Println("header", uintptr(unsafe.Pointer(unsafe.StringData(global.s))), uintptr(unsafe.Pointer(&global.b[0])))
	_ = context.Background()
}

// describe prints a struct type with its fields, and those that it holds.
func describe(t reflect.Type, seen map[reflect.Type]bool) {
	if t.Kind() == reflect.Array {
		describe(t.Elem(), seen)
		return
	}
	if t.Kind() != reflect.Struct || t.Name() == "" || seen[t] {
		return
	}
	seen[t] = true
	fmt.Printf("struct %d %s\n", t.Size(), spell(t, ""))
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		fmt.Printf("field %d %d %s %s\n", f.Offset, f.Type.Size(), f.Name, spell(f.Type, spell(t, "")+"."+f.Name))
	}
	for i := 0; i < t.NumField(); i++ {
		describe(t.Field(i).Type, seen)
	}
}

// spell writes a type with full package paths; an anonymous struct is called
// owner.
func spell(t reflect.Type, owner string) string {
	switch {
	case t.Kind() == reflect.UnsafePointer:
		return "unsafe.Pointer"
	case t.Name() != "" && t.PkgPath() != "":
		return t.PkgPath() + "." + strings.TrimPrefix(t.Name(), "main.")
	case t.Name() != "":
		return t.Name()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + spell(t.Elem(), owner)
	case reflect.Slice:
		return "[]" + spell(t.Elem(), owner)
	case reflect.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), spell(t.Elem(), owner))
	case reflect.Struct:
		return owner
	case reflect.Map:
		return "map[" + spell(t.Key(), owner) + "]" + spell(t.Elem(), owner)
	}
	return "other"
}
