//go:build !go1.25

package main

func waits125() []wait { return nil }
