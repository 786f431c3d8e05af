//go:build !go1.27
// +build !go1.27

package main

func detect() {}
