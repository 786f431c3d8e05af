//go:build !go1.21

package main

import "context"

func newer(background context.Context) {}
