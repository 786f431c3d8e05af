package main

// #include <stdlib.h>
// #include <string.h>
// static void *code(void) { return (void *)qsort; }
// static void *localFunc(void) { return (void *)code; }
import "C"

// extra shows code of the C library and of this program's C part: mappings
// of two files.
func extra() {
	show("libc", C.code(), 64)
	show("ccode", C.localFunc(), 8)
}
