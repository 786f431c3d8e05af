//go:build cgo

package main

/*
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile int64_t thread, handled;
static char handlersStack[1 << 16];

static void handler(int sig) {
	handled = 1;
	for (;;)
		pause();
}

static void __attribute__((noinline)) interrupted(void) {
	thread = syscall(SYS_gettid);
	for (volatile int i = 0;; i++)
		;
}

static void *spins(void *arg) {
	stack_t s = {.ss_sp = handlersStack, .ss_size = sizeof handlersStack};
	sigaltstack(&s, 0);
	interrupted();
	return arg;
}

static int64_t startInterrupted(void) {
	struct sigaction a = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	pthread_t t;
	if (sigaction(SIGUSR2, &a, 0) != 0 || pthread_create(&t, 0, spins, 0) != 0)
		return -1;
	while (thread == 0)
		usleep(1000);
	pthread_kill(t, SIGUSR2);
	while (handled == 0)
		usleep(1000);
	return thread;
}
*/
import "C"

import "rtdbgtargets/internal/truth"

func threads() {
	thread := C.startInterrupted()
	if thread < 0 {
		truth.Fatal("sigaction or pthread_create")
	}
	truth.Set("stuck.thread", int64(thread))
}
