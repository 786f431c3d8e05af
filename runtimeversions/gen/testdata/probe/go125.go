//go:build go1.25

package main

import (
	"testing"
	"testing/synctest"
)

func init() {
	parts = append(parts, func() {
		synctest.Test(new(testing.T), func(*testing.T) { synctest.Wait() })
	})
}
