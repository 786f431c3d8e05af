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
	origin  *class[*inspect.Origin]

	root      *class[inspect.Root]
	deadlock  *class[*inspect.Deadlock]
	waitStep  *class[inspect.WaitStep]
	leak      *class[*inspect.Leak]
	graph     *class[*inspect.WaitGraph]
	graphNode *class[inspect.GraphNode]
	graphEdge *class[inspect.GraphEdge]

	waitedChan *class[*inspect.ChanRecord]
	waitedLock *class[*inspect.LockRecord]
	timer      *class[*inspect.TimerRecord]
	descriptor *class[*inspect.NetpollRecord]
}

func newClasses() *classes {
	return &classes{
		g: gClass(), m: mClass(), p: pClass(), sched: schedClass(),
		channel: chanClass(), sudog: sudogClass(), frame: frameClass(),
		waitsOn: waitsOnClass(), memory: memoryClass(), evaled: evaluatedClass(),
		waiters: waitersClass(), waiter: waiterClass(),
		runq: runqClass(), runqP: runqPClass(),
		wakers: wakersClass(), waker: wakerClass(),
		why: whyClass(), group: groupClass(), bucket: bucketClass(), origin: originClass(),
		root: rootClass(), deadlock: deadlockClass(), waitStep: waitStepClass(), leak: leakClass(),
		graph: graphClass(), graphNode: graphNodeClass(), graphEdge: graphEdgeClass(),
		waitedChan: waitedChanClass(), waitedLock: waitedLockClass(),
		timer: timerClass(), descriptor: descriptorClass(),
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
		c.why.of(nil, nil), c.group.of(nil, inspect.Group{}), c.bucket.of(nil, nil), c.origin.of(nil, nil),
		c.root.of(nil, inspect.Root{}), c.deadlock.of(nil, nil), c.waitStep.of(nil, inspect.WaitStep{}), c.leak.of(nil, nil),
		c.graph.of(nil, nil), c.graphNode.of(nil, inspect.GraphNode{}), c.graphEdge.of(nil, inspect.GraphEdge{}),
		c.waitedChan.of(nil, nil), c.waitedLock.of(nil, nil), c.timer.of(nil, nil), c.descriptor.of(nil, nil),
	}
}
