package delve

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rtdbg/inspect/arch"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"
)

// Threads returns the stopped threads in ascending order of thread id. It
// makes one call per thread. On arm64 TLS stays 0: Delve does not list
// TPIDR_EL0.
func (s *Session) Threads(ctx context.Context) ([]arch.Thread, error) {
	list, err := call[rpc2.ListThreadsOut](ctx, s, "ListThreads", rpc2.ListThreadsIn{})
	if err != nil {
		return nil, fmt.Errorf("list the threads: %w", err)
	}
	threads := make([]arch.Thread, 0, len(list.Threads))
	for _, th := range list.Threads {
		if th == nil {
			continue
		}
		out, err := call[rpc2.ListRegistersOut](ctx, s, "ListRegisters", rpc2.ListRegistersIn{ThreadID: th.ID})
		if err != nil {
			return nil, fmt.Errorf("read the registers of thread %d: %w", th.ID, err)
		}
		regs, err := parseRegs(out.Regs)
		if err != nil {
			return nil, fmt.Errorf("read the registers of thread %d: %w", th.ID, err)
		}
		threads = append(threads, arch.Thread{TID: th.ID, Regs: regs})
	}
	slices.SortFunc(threads, func(a, b arch.Thread) int { return a.TID - b.TID })
	return threads, nil
}

// pcNames are the names of the program counter by GOARCH; each is a register
// of that architecture alone, and so tells which one the target has.
var pcNames = [...]struct{ goarch, pc string }{{"amd64", "Rip"}, {"arm64", "PC"}}

// parseRegs reads the registers from Delve's list, in which values are
// hexadecimal and may have a description after them.
func parseRegs(list api.Registers) (arch.Regs, error) {
	var regs arch.Regs
	a := archOf(list)
	if a == nil {
		return regs, fmt.Errorf("unknown architecture: %d registers and no Rip or PC among them", len(list))
	}
	for i, reg := range list {
		text, _, _ := strings.Cut(reg.Value, "\t")
		v, err := strconv.ParseUint(strings.TrimSpace(text), 0, 64)
		if a.SetByName(&regs, reg.Name, v) && err != nil {
			return arch.Regs{}, fmt.Errorf("register %s has the value %q", reg.Name, reg.Value)
		}
		if err == nil && i < len(regs.General) {
			regs.General[i] = v
		}
	}
	return regs, nil
}

func archOf(list api.Registers) *arch.Arch {
	for _, n := range pcNames {
		for _, reg := range list {
			if reg.Name == n.pc {
				a, _ := arch.ByName(n.goarch)
				return a
			}
		}
	}
	return nil
}
