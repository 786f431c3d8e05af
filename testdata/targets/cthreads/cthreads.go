//go:build cgo

package main

/*
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void goParks(int64_t thread);

static volatile int64_t stuckThread;

static void sleepInC(void) {
	for (;;)
		pause();
}

static void *never(void *arg) {
	stuckThread = syscall(SYS_gettid);
	sleepInC();
	return arg;
}

static void *callsGo(void *arg) {
	goParks(syscall(SYS_gettid));
	return arg;
}

static int64_t startNever(void) {
	pthread_t t;
	if (pthread_create(&t, 0, never, 0) != 0)
		return -1;
	while (stuckThread == 0)
		usleep(1000);
	return stuckThread;
}

static int startCallsGo(void) {
	pthread_t t;
	return pthread_create(&t, 0, callsGo, 0);
}
*/
import "C"

import (
	"runtime"
	"syscall"

	"rtdbgtargets/internal/truth"
)

var parked = make(chan int64)

//export goParks
func goParks(thread C.int64_t) {
	truth.Set("callback.thread", int64(thread))
	id := truth.Goid()
	truth.Set("callback.goid", id)
	parked <- id
	select {}
}

func threads() {
	stuck := C.startNever()
	if stuck < 0 {
		truth.Fatal("pthread_create")
	}
	truth.Set("stuck.thread", int64(stuck))
	if errno := C.startCallsGo(); errno != 0 {
		truth.Fatal("pthread_create: %d", errno)
	}
	truth.Await(<-parked, "select (no cases)")
	go func() {
		runtime.LockOSThread()
		id := truth.Goid()
		truth.Set("call.goid", id)
		truth.Set("call.thread", syscall.Gettid())
		parked <- id
		C.sleepInC()
	}()
	truth.Await(<-parked, "syscall")
}
