//go:build go1.21

package main

import (
	"context"
	"fmt"
	"time"
)

func init() {
	parts = append(parts, func() {
		ctx, cancel := context.WithCancelCause(context.WithoutCancel(context.Background()))
		stop := context.AfterFunc(ctx, func() {})
		ctx, expire := context.WithTimeoutCause(ctx, time.Second, context.Canceled)
		cancel(nil)
		expire()
		fmt.Println(stop(), context.Cause(ctx))
	})
}
