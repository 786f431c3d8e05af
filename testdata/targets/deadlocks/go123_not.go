//go:build !go1.23
// +build !go1.23

package main

import "rtdbgtargets/internal/scene"

func versionCases() []scene.Case { return nil }
