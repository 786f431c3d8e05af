//go:build !go1.19

package main

// Go 1.18 keeps the trigger in a field and has no function for it.
func sayTrigger() {}
