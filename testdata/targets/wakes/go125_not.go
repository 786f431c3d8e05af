//go:build !go1.25

package main

func waitGroupGo() []shape { return nil }
