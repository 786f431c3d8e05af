//go:build !go1.25

// Up to Go 1.24 the goroutine of the finalizers runs cleanups, too.

package main

func cleanups() {}
