//go:build !go1.23

package main

import "rtdbgtargets/internal/truth"

func coroutines() { truth.Set("coroutines", "none") }
