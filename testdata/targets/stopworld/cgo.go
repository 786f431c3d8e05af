//go:build cgo

package main

/*
#include <stdint.h>
#include <unistd.h>

extern void goParks(void);

// As runtime.SetCgoTraceback wants them.
struct tracebackArg { uintptr_t context, sigContext; uintptr_t *buf; uintptr_t max; };
struct contextArg { uintptr_t context; };

static int described;

static void sleepForever(void) {
	for (;;)
		pause();
}

static void cTraceback(void *p) {
	struct tracebackArg *arg = p;
	arg->buf[0] = 0;
	if (__atomic_load_n(&described, __ATOMIC_ACQUIRE))
		sleepForever();
}

static void cContext(void *p) {
	struct contextArg *arg = p;
	if (arg->context == 0)
		arg->context = 1;
}

static void describe(void) { __atomic_store_n(&described, 1, __ATOMIC_RELEASE); }
static void callBack(void) { goParks(); }
static void *tracebackFunc(void) { return (void *)cTraceback; }
static void *contextFunc(void) { return (void *)cContext; }
*/
import "C"

import (
	"runtime"
	"unsafe"

	"rtdbgtargets/internal/truth"
)

var inCallback = make(chan int64)

//export goParks
func goParks() {
	inCallback <- truth.Goid()
	select {}
}

// stuckInC has the runtime ask C for the frames of a goroutine that C called
// back, while the world is stopped; C does not answer.
func stuckInC(before func()) {
	runtime.SetCgoTraceback(0, unsafe.Pointer(C.tracebackFunc()), unsafe.Pointer(C.contextFunc()), nil)
	go C.callBack()
	truth.Await(<-inCallback)
	C.describe()
	before()
	runtime.Stack(make([]byte, 1<<20), true)
}
