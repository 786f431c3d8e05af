//go:build go1.19

package main

import (
	"unsafe"

	"rtdbgtargets/internal/truth"
)

//go:linkname nextTrigger runtime.(*gcControllerState).trigger
func nextTrigger(c unsafe.Pointer) (trigger, goal uint64)

// controller returns the address of runtime.gcController.
func controller() unsafe.Pointer

func sayTrigger() {
	trigger, goal := nextTrigger(controller())
	truth.Set("trigger", trigger)
	truth.Set("trigger.goal", goal)
}
