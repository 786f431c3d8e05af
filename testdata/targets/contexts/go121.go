//go:build go1.21

package main

import "context"

// newer has the contexts that came with Go 1.21.
func newer(background context.Context) {
	outer, cancel := context.WithTimeout(background, far)
	kept = append(kept, cancel)
	without := context.WithoutCancel(outer)
	ctx, causes := context.WithCancelCause(without)
	kept = append(kept, causes)
	describe("without", ctx, 0, without, outer, background)
	waits("without", ctx)

	parent, cancel := context.WithCancel(background)
	kept = append(kept, cancel, context.AfterFunc(parent, func() {}))
	describe("afterfunc", parent, 1, background)
	waits("afterfunc", parent)
}
