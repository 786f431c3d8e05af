//go:build cgo

package main

/*
#include <pthread.h>
#include <unistd.h>

extern void goCallback(int);

static void sleepInC(void) {
	for (;;)
		pause();
}

static void callBack(int which) { goCallback(which); }

static void *thread(void *arg) {
	goCallback(*(int *)arg);
	return 0;
}

static int fromThread = 1;

static int startThread(void) {
	pthread_t t;
	return pthread_create(&t, 0, thread, &fromThread);
}
*/
import "C"

import "rtdbgtargets/internal/truth"

var entered = make(chan int64)

// callbackNames are the waits of goCallback, by its argument.
var callbackNames = []string{"callback", "thread"}

func enter(name string) {
	id := truth.Goid()
	truth.Set(name+".goid", id)
	entered <- id
}

func waits() {
	go inC()
	truth.Await(<-entered, "syscall")
	go throughC()
	truth.Await(<-entered, "chan receive")
	if errno := C.startThread(); errno != 0 {
		truth.Fatal("pthread_create: %d", errno)
	}
	truth.Await(<-entered, "chan receive")
}

// inC waits in pause(2), called from C.
func inC() {
	enter("inc")
	C.sleepInC()
}

// throughC waits in Go that C calls back.
func throughC() { C.callBack(0) }

//export goCallback
func goCallback(which C.int) {
	c := make(chan int)
	truth.Addr(callbackNames[which], c)
	enter(callbackNames[which])
	<-c
}
