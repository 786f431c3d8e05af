//go:build !go1.21

package main

func contextFuncs() []shape { return nil }
