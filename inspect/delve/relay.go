package delve

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/rpc"
	"net/rpc/jsonrpc"
	"strings"
	"sync"
	"time"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"
)

// relay is the server to which Delve's own terminal is connected. It makes the
// terminal's calls on the connection of the session: a server without
// --accept-multiclient has no second one. What the terminal cannot know is
// settled here: an interruption ends calls or stops the target, and that the
// target ran is remembered.
type relay struct {
	s     *Session
	codec rpc.ServerCodec

	mu sync.Mutex // guards the writing of answers, ctx and spent
	// ctx is that of the command in progress.
	ctx context.Context
	// spent says that the end of ctx has done what it was to do: it has
	// stopped the target. The command then says where that was.
	spent bool
}

// errInterrupted is the answer to calls of a command whose context ended.
var errInterrupted = errors.New("interrupted")

// newRelay returns the connection for a client of Delve.
func newRelay(s *Session) (*relay, net.Conn) {
	client, server := net.Pipe()
	r := &relay{s: s, codec: jsonrpc.NewServerCodec(server), ctx: context.Background()}
	go r.serve()
	return r, client
}

// begin makes ctx the one whose end interrupts the calls that follow.
func (r *relay) begin(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ctx, r.spent = ctx, false
}

// context returns that of the command in progress, and whether calls must be
// refused because it has ended.
func (r *relay) context() (ctx context.Context, refuse bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ctx, r.ctx.Err() != nil && !r.spent
}

// spend says that the end of the context has had its effect.
func (r *relay) spend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spent = true
}

// serve answers calls, several at a time: while the target runs the client
// asks for events. It ends when the client closes the connection.
func (r *relay) serve() {
	defer r.codec.Close()
	for {
		var req rpc.Request
		if err := r.codec.ReadRequestHeader(&req); err != nil {
			return
		}
		var args json.RawMessage
		if err := r.codec.ReadRequestBody(&args); err != nil {
			r.answer(&req, nil, err)
			continue
		}
		go func() {
			result, err := r.call(strings.TrimPrefix(req.ServiceMethod, "RPCServer."), args)
			r.answer(&req, result, err)
		}()
	}
}

func (r *relay) answer(req *rpc.Request, result json.RawMessage, err error) {
	resp := rpc.Response{ServiceMethod: req.ServiceMethod, Seq: req.Seq}
	var body any = result
	if err != nil {
		// As Delve's own server has it: the body is not looked at.
		resp.Error, body = err.Error(), struct{}{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// It fails where the client is gone, and serve ends.
	_ = r.codec.WriteResponse(&resp, body)
}

// call makes one call for the terminal.
func (r *relay) call(method string, args json.RawMessage) (json.RawMessage, error) {
	ctx, refuse := r.context()
	switch {
	case refuse:
		return nil, errInterrupted
	case method == "Detach":
		return nil, errSessionLasts
	}
	effect := effectOf(method, args)
	if effect != reads && r.s.kind != KindCore {
		r.s.moved.Add(1)
	}
	if effect == resumes && r.s.kind == KindServer {
		r.s.setRunning(true)
		defer r.s.setRunning(false)
	}
	result := new(json.RawMessage)
	done := make(chan error, 1)
	go func() { done <- r.s.client.CallAPI(method, args, result) }()
	select {
	case err := <-done:
		return *result, err
	case <-ctx.Done():
	}
	for r.stop(method, effect) {
		select {
		case err := <-done:
			return *result, err
		case <-time.After(stopAgain):
			// A halt that comes just before the target runs can be lost.
		}
	}
	r.s.abandoned.Add(1)
	go func() {
		<-done
		r.s.abandoned.Add(-1)
	}()
	return nil, errInterrupted
}

// stopAgain is how long a call that was told to end may take before it is told
// again.
const stopAgain = 200 * time.Millisecond

// stop has the server end the call in progress in its own way, and reports
// whether there is one: a target that runs is halted, a core dump is cancelled.
func (r *relay) stop(method string, effect effect) bool {
	switch {
	case effect == resumes:
		r.spend()
		// Halting what has stopped meanwhile would leave a signal pending.
		var st rpc2.StateOut
		if err := r.s.client.CallAPI("State", rpc2.StateIn{NonBlocking: true}, &st); err == nil && st.State != nil && st.State.Running {
			_ = r.s.client.CallAPI("Command", api.DebuggerCommand{Name: api.Halt}, &rpc2.CommandOut{})
		}
	case method == "GetEvents": // ends when the target has stopped
	case method == "DumpWait":
		r.spend()
		_ = r.s.client.CallAPI("DumpCancel", rpc2.DumpCancelIn{}, &rpc2.DumpCancelOut{})
	default:
		return false
	}
	return true
}

// effect is what a call does to the target.
type effect uint8

const (
	reads effect = iota
	// writes changes its memory or registers.
	writes
	// resumes lets it run.
	resumes
)

// effectOf tells the effect of a call from its name and arguments. "Command"
// resumes unless it is one of those that debugger.Command does not resume for.
func effectOf(method string, args json.RawMessage) effect {
	switch method {
	case "Command":
		var c api.DebuggerCommand
		if err := json.Unmarshal(args, &c); err == nil {
			switch c.Name {
			case api.SwitchThread, api.SwitchGoroutine, api.Halt:
				return reads
			}
		}
		return resumes
	case "Restart":
		return resumes
	case "Set", "SetExecutionPoint":
		return writes
	}
	return reads
}
