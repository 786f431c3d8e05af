package delve

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"rtdbg/inspect/mem"

	"github.com/go-delve/delve/service/api"
	"github.com/go-delve/delve/service/rpc2"
)

// Scope is the place where an expression is evaluated.
type Scope struct {
	// Goroutine is a goroutine id; 0 means the place where the target
	// stopped, which serves for package variables and costs nothing. Any
	// other one Delve looks for from the first goroutine on, unless it runs:
	// with a million goroutines that can take a minute.
	Goroutine int64
	// Frame is the number of the frame, 0 for the innermost.
	Frame int
}

func (sc Scope) api() api.EvalScope {
	if sc.Goroutine == 0 {
		// What the API calls the selected goroutine. Its 0 is an error while
		// another one is selected (FindGoroutine in pkg/proc/variables.go).
		return api.EvalScope{GoroutineID: -1, Frame: sc.Frame}
	}
	return api.EvalScope{GoroutineID: sc.Goroutine, Frame: sc.Frame}
}

// Load bounds how much of a value is read. The zero Load reads one level of
// fields and elements, at most 64 elements, strings up to 256 bytes, and
// follows pointers.
type Load struct {
	// Depth is how many levels below the value are read; 0 means 1, and -1
	// the value alone.
	Depth int
	// Strings is the most bytes read of a string; 0 means 256.
	Strings int
	// Elems is the most elements read of an array, slice or map; 0 means 64.
	Elems int
	// NoFollow leaves pointers as addresses.
	NoFollow bool
}

func (l Load) api() *api.LoadConfig {
	orDefault := func(n, zero int) int {
		if n == 0 {
			return zero
		}
		return max(n, 0)
	}
	return &api.LoadConfig{
		FollowPointers:     !l.NoFollow,
		MaxVariableRecurse: orDefault(l.Depth, 1),
		MaxStringLen:       orDefault(l.Strings, 256),
		MaxArrayValues:     orDefault(l.Elems, 64),
		MaxStructFields:    -1,
	}
}

// Value is the value of an expression, or a part of one.
type Value struct {
	// Name is the expression, or a field's name; elements have none.
	Name string
	// Type is the Go type with package paths; "" for an untyped constant.
	Type string
	Kind reflect.Kind
	// Addr is where the value lies in the target, 0 if it has no address: a
	// constant, the result of an operation, or a variable in registers.
	Addr mem.Addr
	// Text is a scalar's value as Go writes it, a string's first bytes, a
	// function's name; "" for composite values.
	Text string
	// Len and Cap are the length and capacity of arrays, slices, maps and
	// strings, in elements or bytes; for a struct Len is its number of fields.
	Len, Cap int64
	// Base is what the value refers to: the hchan of a channel, the map, the
	// elements of a slice or array, the bytes of a string, the entry of a
	// function. 0 when nil.
	Base mem.Addr
	// Children are the fields of a struct, the elements of an array or slice,
	// the keys and values of a map by turns, what a pointer points to, the
	// dynamic value of an interface, the hchan's fields of a channel. There
	// are fewer than Len where the Load bounds cut.
	Children []Value
	// Unreadable says why the value could not be read, "" if it was.
	Unreadable string
}

// Eval evaluates a Go expression as Delve knows them: variables of the frame,
// package variables (main.pool.jobs, "net/http".DefaultClient), casts
// ((*"main.T")(0xc000012340)).mu, operators; no function calls. It changes
// nothing in the target. It fails with ErrNoDWARF on an executable without.
func (s *Session) Eval(ctx context.Context, expr string, scope Scope, load Load) (*Value, error) {
	v, err := s.eval(ctx, expr, scope, load.api())
	if err != nil {
		return nil, err
	}
	value := convert(v)
	value.Name = expr
	return &value, nil
}

func (s *Session) eval(ctx context.Context, expr string, scope Scope, cfg *api.LoadConfig) (*api.Variable, error) {
	out, err := call[rpc2.EvalOut](ctx, s, "Eval", rpc2.EvalIn{Scope: scope.api(), Expr: expr, Cfg: cfg})
	switch {
	case errors.Is(err, ErrNoDWARF):
		return nil, fmt.Errorf("evaluate %s: %w (built with -ldflags=-w or -s): give the address instead", expr, err)
	case err != nil && strings.Contains(err.Error(), "unable to find function context"):
		// Package variables are looked up before locals, and found anywhere.
		return nil, fmt.Errorf("evaluate %s: there is no such package variable, and the target stopped in code without Go variables: name a goroutine and a frame for its local ones", expr)
	case err != nil:
		return nil, fmt.Errorf("evaluate %s: %w", expr, err)
	case out.Variable == nil:
		return nil, fmt.Errorf("evaluate %s: Delve answered with nothing", expr)
	}
	return out.Variable, nil
}

// convert makes a Value of Delve's variable. Its depth is that of the reply,
// which the JSON decoder bounds.
func convert(v *api.Variable) Value {
	value := Value{
		Name: v.Name, Type: v.Type, Kind: v.Kind, Text: v.Value,
		Len: v.Len, Cap: v.Cap, Base: mem.Addr(v.Base), Unreadable: oneLine(v.Unreadable),
	}
	if addressable(v) {
		value.Addr = mem.Addr(v.Addr)
	}
	if v.OnlyAddr {
		value.Len, value.Cap = 0, 0
	}
	if len(v.Children) > 0 {
		value.Children = make([]Value, len(v.Children))
		for i := range v.Children {
			value.Children[i] = convert(&v.Children[i])
		}
	}
	return value
}

func addressable(v *api.Variable) bool {
	return v.Flags&(api.VariableFakeAddress|api.VariableCPURegister|api.VariableConstant) == 0
}

// Address evaluates an expression that denotes an object and returns the
// object's address: for a channel its hchan, for a map its header, for a
// pointer what it points to, for an interface the same of its dynamic value,
// for an integer without an address (a constant, uintptr arithmetic) the
// integer, for anything else the address of the variable. A nil channel,
// pointer, map or interface is an error, as is a variable in registers.
func (s *Session) Address(ctx context.Context, expr string, scope Scope) (mem.Addr, error) {
	v, err := s.eval(ctx, expr, scope, &api.LoadConfig{})
	if err != nil {
		return 0, err
	}
	addr, err := addressOf(v)
	if err != nil {
		return 0, fmt.Errorf("evaluate %s: %w", expr, err)
	}
	return addr, nil
}

// maxIfaceDepth bounds the interfaces within interfaces that addressOf looks
// through; Go allows one level, a damaged target may show more.
const maxIfaceDepth = 8

func addressOf(v *api.Variable) (mem.Addr, error) {
	for range maxIfaceDepth {
		if v.Unreadable != "" {
			return 0, fmt.Errorf("it cannot be read: %s", oneLine(v.Unreadable))
		}
		if v.Kind != reflect.Interface {
			break
		}
		if len(v.Children) != 1 || v.Children[0].Kind == reflect.Invalid {
			return 0, fmt.Errorf("it is a nil %s", v.Type)
		}
		v = &v.Children[0]
	}
	switch v.Kind {
	case reflect.Chan, reflect.Map:
		if v.Base == 0 {
			return 0, fmt.Errorf("it is a nil %s", v.Type)
		}
		return mem.Addr(v.Base), nil
	case reflect.Pointer, reflect.UnsafePointer:
		if len(v.Children) != 1 || v.Children[0].Addr == 0 {
			return 0, fmt.Errorf("it is a nil %s", v.Type)
		}
		return mem.Addr(v.Children[0].Addr), nil
	}
	if v.Addr != 0 && addressable(v) {
		return mem.Addr(v.Addr), nil
	}
	if n, err := strconv.ParseUint(v.Value, 0, 64); err == nil && integer(v.Kind) && v.Addr == 0 {
		return mem.Addr(n), nil
	}
	return 0, fmt.Errorf("it has no address (a %s in registers, or the result of an operation)", v.Kind)
}

func integer(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uintptr }

// Symbol returns the address of a package variable ("runtime.allgs",
// "internal/runtime/maps.x") or the entry of a function ("runtime.gopark",
// "main.(*T).Run"). Variables need DWARF (Delve ignores the ELF symbol table);
// functions are found by the pclntab as well. Function names are those of the
// linker.
func (s *Session) Symbol(ctx context.Context, name string) (mem.Addr, error) {
	v, err := s.eval(ctx, "&"+quotePackage(name), Scope{}, &api.LoadConfig{})
	if err == nil && v.Kind == reflect.Pointer && len(v.Children) == 1 && v.Children[0].Addr != 0 {
		return mem.Addr(v.Children[0].Addr), nil
	}
	if err != nil && !s.faulty(err) {
		return 0, err
	}
	fn, ferr := s.function(ctx, name)
	switch {
	case ferr == nil:
		return fn, nil
	case !s.faulty(ferr):
		return 0, ferr
	case errors.Is(err, ErrNoDWARF):
		return 0, fmt.Errorf("symbol %s: no such function, and without DWARF Delve knows no variables: %w", name, ErrNoDWARF)
	}
	return 0, fmt.Errorf("symbol %s: no such package variable or function", name)
}

// function returns the entry of the function called exactly name.
func (s *Session) function(ctx context.Context, name string) (mem.Addr, error) {
	out, err := call[rpc2.FindLocationOut](ctx, s, "FindLocation", rpc2.FindLocationIn{
		Scope: Scope{}.api(), Loc: name, IncludeNonExecutableLines: true,
	})
	if err != nil {
		return 0, err
	}
	for _, loc := range out.Locations {
		if loc.Function != nil && loc.Function.Name() == name && loc.Function.Value != 0 {
			return mem.Addr(loc.Function.Value), nil
		}
	}
	return 0, fmt.Errorf("no function %s", name)
}

// quotePackage puts the package path of a variable's name into quotes, as
// Delve wants it where the path has more than one element.
func quotePackage(name string) string {
	slash := strings.LastIndexByte(name, '/')
	dot := strings.IndexByte(name[slash+1:], '.')
	if slash < 0 || dot < 0 || strings.HasPrefix(name, `"`) {
		return name
	}
	dot += slash + 1
	return strconv.Quote(name[:dot]) + name[dot:]
}

// Functions returns the names of the functions that match the regular
// expression filter, sorted; "" matches all.
func (s *Session) Functions(ctx context.Context, filter string) ([]string, error) {
	out, err := call[rpc2.ListFunctionsOut](ctx, s, "ListFunctions", rpc2.ListFunctionsIn{Filter: filter})
	if err != nil {
		return nil, fmt.Errorf("list the functions that match %q: %w", filter, err)
	}
	return out.Funcs, nil
}
