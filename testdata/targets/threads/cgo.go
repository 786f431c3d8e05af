//go:build cgo

package main

/*
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void goReturns(void);

static volatile int64_t returned;

static void *callsGo(void *arg) {
	goReturns();
	returned = syscall(SYS_gettid);
	for (;;)
		pause();
	return arg;
}

static int64_t start(void) {
	pthread_t t;
	if (pthread_create(&t, 0, callsGo, 0) != 0)
		return -1;
	while (returned == 0)
		usleep(1000);
	return returned;
}
*/
import "C"

import "rtdbgtargets/internal/truth"

//export goReturns
func goReturns() {}

func returnToC() {
	thread := C.start()
	if thread < 0 {
		truth.Fatal("pthread_create")
	}
	truth.Set("returned.thread", int64(thread))
}
