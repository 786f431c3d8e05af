//go:build !cgo

package main

func returnToC() {}
