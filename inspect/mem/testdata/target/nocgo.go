//go:build !cgo

package main

func extra() {}
