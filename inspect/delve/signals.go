package delve

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// holdSignals keeps SIGINT, SIGTERM and SIGHUP from ending this process while
// it attaches: a thread whose SIGSTOP Delve has not waited for by then would
// stop the target when the kernel releases it. Instead they end the context
// returned. release stops that and raises the signal that came again, unless
// it ended ctx: then the caller handles signals itself.
func holdSignals(ctx context.Context) (held context.Context, release func()) {
	var sigs []os.Signal
	for _, sig := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(sig) {
			sigs = append(sigs, sig)
		}
	}
	if len(sigs) == 0 {
		return ctx, func() {}
	}
	held, cancel := context.WithCancelCause(ctx)
	arrived := make(chan os.Signal, 1)
	came := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(arrived, sigs...)
	go func() {
		defer close(came)
		select {
		case sig := <-arrived:
			came <- sig
			cancel(fmt.Errorf("%v", sig))
			<-done
		case <-done:
		}
	}()
	return held, func() {
		signal.Stop(arrived)
		close(done)
		sig, ok := <-came
		if !ok {
			select {
			case sig = <-arrived:
			default:
			}
		}
		if n, isSignal := sig.(syscall.Signal); isSignal && ctx.Err() == nil {
			_ = syscall.Kill(os.Getpid(), n)
		}
		cancel(nil)
	}
}
