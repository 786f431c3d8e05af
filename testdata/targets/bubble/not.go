//go:build !go1.25 && !goexperiment.synctest

package main

import "rtdbgtargets/internal/truth"

func bubbles() { truth.Set("unsupported", "synctest") }
