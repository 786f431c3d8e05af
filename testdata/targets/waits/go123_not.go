//go:build !go1.23

package main

func waits123() []wait { return nil }
