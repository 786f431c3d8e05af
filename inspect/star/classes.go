package star

import (
	"rtdbg/inspect"
	"rtdbg/inspect/rt"
	"rtdbg/inspect/wait"
	"rtdbg/inspect/wake"
)

// classes are the types of values. They are made once for each Interp rather
// than being variables of the package, because they refer to each other.
type classes struct {
	g       *class[*inspect.Goroutine]
	m       *class[*rt.M]
	p       *class[*rt.P]
	sched   *class[*rt.Sched]
	channel *class[*rt.Hchan]
	sudog   *class[*rt.Sudog]
	frame   *class[frame]
	waitsOn *class[wait.On]
	memory  *class[memory]
	evaled  *class[*evaluated]

	waiters *class[*inspect.Waiters]
	waiter  *class[inspect.Waiter]
	runq    *class[*inspect.RunQ]
	runqP   *class[inspect.RunQP]
	wakers  *class[*wakers]
	waker   *class[wake.Waker]
	why     *class[*inspect.Diagnosis]
	group   *class[inspect.Group]
	bucket  *class[*inspect.Bucket]
}

func newClasses() *classes {
	return &classes{
		g: gClass(), m: mClass(), p: pClass(), sched: schedClass(),
		channel: chanClass(), sudog: sudogClass(), frame: frameClass(),
		waitsOn: waitsOnClass(), memory: memoryClass(), evaled: evaluatedClass(),
		waiters: waitersClass(), waiter: waiterClass(),
		runq: runqClass(), runqP: runqPClass(),
		wakers: wakersClass(), waker: wakerClass(),
		why: whyClass(), group: groupClass(), bucket: bucketClass(),
	}
}

// all returns an empty value of each class, for help.
func (c *classes) all() []value {
	return []value{
		c.g.of(nil, nil), c.m.of(nil, nil), c.p.of(nil, nil), c.sched.of(nil, nil),
		c.channel.of(nil, nil), c.sudog.of(nil, nil), c.frame.of(nil, frame{}),
		c.waitsOn.of(nil, wait.On{}), c.memory.of(nil, memory{}), c.evaled.of(nil, nil),
		c.waiters.of(nil, nil), c.waiter.of(nil, inspect.Waiter{}),
		c.runq.of(nil, nil), c.runqP.of(nil, inspect.RunQP{}),
		c.wakers.of(nil, nil), c.waker.of(nil, wake.Waker{}),
		c.why.of(nil, nil), c.group.of(nil, inspect.Group{}), c.bucket.of(nil, nil),
	}
}
