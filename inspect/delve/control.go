package delve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"sync"
	"time"
)

// A server answers the calls of one connection in order, and those that read
// wait while any client lets the target run. Who waits for watchStep asks
// whether that is so; seen watchLooks times in a row it is no mere change of
// the selected goroutine, during which a server says that the target runs as
// well. An answer to such a question is waited for stateStep before it is asked
// again: a server that is about to resume the target answers when it stops.
const (
	watchStep  = 250 * time.Millisecond
	watchLooks = 3
	stateStep  = time.Second
)

// control is a second connection to a server that has other clients, for what
// must not wait behind a read: asking for the state, halting and resuming.
type control struct {
	dial func(context.Context) (net.Conn, error)

	mu     sync.Mutex
	client *rpc.Client
}

// get returns the connection, which it makes if there is none.
func (c *control) get(ctx context.Context) (*rpc.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		return c.client, nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.client = jsonrpc.NewClient(conn)
	return c.client, nil
}

// drop closes the connection, which is lost or blocked; the next call makes
// another.
func (c *control) drop(client *rpc.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if client != nil && client == c.client {
		c.client = nil
		_ = client.Close()
	}
}

// close closes the connection for good.
func (c *control) close() {
	c.mu.Lock()
	client := c.client
	c.mu.Unlock()
	c.drop(client)
}

// callControl makes one call that does not wait behind the session's reads,
// where the server has a second connection for it.
func callControl[T any](ctx context.Context, s *Session, method string, args any) (*T, error) {
	if s.control == nil {
		return callAnyState[T](ctx, s, method, args)
	}
	reply, err := controlOnce[T](ctx, s, method, args)
	if errors.Is(err, ErrLost) && ctx.Err() == nil && s.usable() != ErrClosed {
		return controlOnce[T](ctx, s, method, args)
	}
	return reply, err
}

func controlOnce[T any](ctx context.Context, s *Session, method string, args any) (*T, error) {
	client, err := s.control.get(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: second connection: %w", s.where, err)
	}
	reply, err := exchange[T](ctx, s, sender(client), method, args, false)
	if errors.Is(err, ErrLost) || err != nil && ctx.Err() != nil && method != "State" {
		// Unanswered, it may be blocked; State is answered beside other calls.
		s.control.drop(client)
	}
	return reply, err
}

// sender makes calls of the API on a connection.
func sender(client *rpc.Client) func(method string, args, reply any) error {
	return func(method string, args, reply any) error { return client.Call("RPCServer."+method, args, reply) }
}

// watch waits until the target of a shared server is seen to run, and returns
// ErrRunning; or until ctx ends, whose error it returns.
func (s *Session) watch(ctx context.Context) error {
	for looks := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchStep):
		}
		state, err := s.serverState(ctx)
		switch {
		case err == nil && state == StateExited:
			return ErrExited
		case err == nil && state == StateRunning:
			looks++
		default:
			looks = 0
		}
		if looks == watchLooks {
			s.setRunning(true)
			return fmt.Errorf("another client lets it run: %w", ErrRunning)
		}
	}
}
