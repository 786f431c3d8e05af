//go:build !go1.23

package main

func ranges(func(string, func(*things))) {}
