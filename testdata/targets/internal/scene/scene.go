// Package scene stages small concurrency cases side by side in one program and
// prints what is true of each: which goroutines are stuck, in which cycle, and
// which only look like it. It must build with Go 1.18 and later.
package scene

import (
	"fmt"
	"runtime"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"rtdbgtargets/internal/truth"
)

// patience limits every wait for another goroutine.
const patience = 30 * time.Second

// Scene is one case. Its methods are called by the goroutine that stages it.
type Scene struct {
	name  string
	goids map[string]int64
	roles []string // in order of their start
	// cycle lists the roles of the cycle, each with its alternatives.
	cycle [][]string
	// undetected says why the runtime's leak detector does not find it.
	undetected string
}

// Case is a named case; Stage sets it up and returns.
type Case struct {
	Name  string
	Stage func(s *Scene)
}

// Start runs f in a goroutine with the given role and returns when it has
// begun.
func (s *Scene) Start(role string, f func()) {
	if _, twice := s.goids[role]; twice {
		truth.Fatal("%s: role %s is given twice", s.name, role)
	}
	s.roles = append(s.roles, role)
	s.goids[role] = begin(f)
}

// Also gives a role to a goroutine that nobody started by Start.
func (s *Scene) Also(role string, goid int64) {
	s.roles = append(s.roles, role)
	s.goids[role] = goid
}

// Begin runs f in a goroutine that is in no scene, and returns a function that
// returns once it is parked.
func Begin(f func()) (isBlocked func()) {
	goid := begin(f)
	return func() { blocked("a goroutine", goid) }
}

// begin starts f and returns the goroutine's id. What carries the id is
// forgotten when it returns.
func begin(f func()) int64 {
	id := make(chan int64)
	go func() {
		id <- truth.Goid()
		f()
	}()
	return <-id
}

// Blocked returns once the goroutines of the given roles are parked, neither
// running nor asleep for a moment.
func (s *Scene) Blocked(roles ...string) {
	for _, role := range roles {
		blocked(s.name+" "+role, s.goids[role])
	}
}

func blocked(what string, goid int64) {
	var last string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		switch last = truth.Status(goid); last {
		case "", "running", "runnable", "sleep":
			continue
		}
		return
	}
	truth.Fatal("%s: goroutine %d is %q, not blocked", what, goid, last)
}

// Cycle says that the roles wait for each other, each for the next and the
// last for the first. "a|b" stands for either of two.
func (s *Scene) Cycle(roles ...string) {
	for _, r := range roles {
		s.cycle = append(s.cycle, strings.Split(r, "|"))
	}
}

// Global says that package-level variables lead to the objects of the case, so
// that who looks only at what can be reached, as the runtime's leak detector
// does, cannot know that it is stuck.
func (s *Scene) Global() { s.undetected = "global" }

// Coroutine says that a goroutine of the case waits for a coroutine, which the
// runtime's leak detector does not judge.
func (s *Scene) Coroutine() { s.undetected = "coroutine" }

// Barrier returns a function that returns once n goroutines have called it. It
// parks nobody but for moments of sleep.
func Barrier(n int32) func() {
	var arrived int32
	return func() {
		atomic.AddInt32(&arrived, 1)
		for atomic.LoadInt32(&arrived) < n {
			time.Sleep(time.Millisecond)
		}
	}
}

// Stage sets the cases up in turn.
func Stage(cases []Case) []*Scene {
	scenes := make([]*Scene, len(cases))
	for i, c := range cases {
		scenes[i] = &Scene{name: c.Name, goids: map[string]int64{}}
		c.Stage(scenes[i])
	}
	return scenes
}

// PrintStuck prints NAME.stuck for each scene, the ids of its goroutines, and
// for those that have one NAME.cycle: ids in order, alternatives separated by
// "|". NAME.undetected says why the runtime's leak detector does not find it.
// "cases" lists the names.
func PrintStuck(scenes []*Scene) {
	for _, s := range scenes {
		for _, role := range s.roles {
			s.Blocked(role)
		}
		s.print("stuck")
		var steps []string
		for _, alternatives := range s.cycle {
			var ids []string
			for _, role := range alternatives {
				ids = append(ids, fmt.Sprint(s.ID(role)))
			}
			steps = append(steps, strings.Join(ids, "|"))
		}
		if len(steps) > 0 {
			truth.Set(s.name+".cycle", strings.Join(steps, ","))
		}
		if s.undetected != "" {
			truth.Set(s.name+".undetected", s.undetected)
		}
	}
	printNames(scenes)
}

// PrintAlike prints NAME.goids for each scene: goroutines that only look stuck.
func PrintAlike(scenes []*Scene) {
	for _, s := range scenes {
		for _, role := range s.roles {
			if truth.Status(s.goids[role]) == "" {
				truth.Fatal("%s: the goroutine of role %s has ended", s.name, role)
			}
			truth.Await(s.goids[role])
		}
		s.print("goids")
	}
	printNames(scenes)
}

func printNames(scenes []*Scene) {
	var names []string
	for _, s := range scenes {
		names = append(names, s.name)
	}
	truth.Set("cases", strings.Join(names, ","))
}

// ID returns the id of the goroutine that has a role.
func (s *Scene) ID(role string) int64 {
	id, ok := s.goids[role]
	if !ok {
		truth.Fatal("%s has no role %s", s.name, role)
	}
	return id
}

func (s *Scene) print(key string) {
	var ids []int64
	for _, id := range s.goids {
		ids = append(ids, id)
	}
	sort.Slice(ids, func(i, j int) bool { return ids[i] < ids[j] })
	truth.List(s.name+"."+key, ids)
}

// Life keeps the rest of the program alive as a server's is: a goroutine that
// ticks, one that sleeps, and garbage collections so that what is dead is gone.
func Life() {
	go func() {
		for range time.NewTicker(50 * time.Millisecond).C {
			runtime.Gosched()
		}
	}()
	go func() {
		for {
			time.Sleep(time.Hour)
		}
	}()
	runtime.GC()
}
