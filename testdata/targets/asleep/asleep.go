//go:build cgo

package main

/*
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int64_t thread, child;

// sleeps returns when the child is no more. That shares the memory until then.
static void sleeps(void) {
	thread = syscall(SYS_gettid);
	if (vfork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		child = syscall(SYS_getpid);
		for (;;)
			pause();
	}
}

static int64_t awaitChild(void) {
	while (child == 0)
		usleep(1000);
	return child;
}

static int64_t sleeper(void) { return thread; }
*/
import "C"

import "rtdbgtargets/internal/truth"

func sleeps() chan struct{} {
	woken := make(chan struct{})
	go func() {
		C.sleeps()
		close(woken)
	}()
	truth.Set("child", int64(C.awaitChild()))
	truth.Set("thread", int64(C.sleeper()))
	return woken
}
