package rt

import "math"

// The parameters of the pacer (mgcpacer.go): the same since Go 1.19, but for
// the headroom below the memory limit, which was 1 MiB before Go 1.21 and is 3 %,
// at least 1 MiB, since.
const (
	minRunway           = 64 << 10
	defaultHeapMinimum  = 4 << 20
	triggerRatioDen     = 64
	minTriggerRatioNum  = 45
	maxTriggerRatioNum  = 61
	minLimitHeadroom    = 1 << 20
	limitHeadroomPer100 = 3
	noTrigger           = math.MaxUint64
)

// HeapGoal returns the size of the heap at which the collection should end, as
// runtime.gcControllerState.heapGoalInternal works it out; minor is N of Go 1.N.
func (c *GCController) HeapGoal(minor int) uint64 {
	goal, _ := c.heapGoal(minor)
	return goal
}

func (c *GCController) heapGoal(minor int) (goal, minTrigger uint64) {
	if minor < 19 {
		return c.Goal, 0
	}
	goal = c.GCPercentHeapGoal
	if limit := c.limitGoal(minor); limit < goal {
		return limit, 0
	}
	goal = max(goal, c.SweepDistMinTrigger)
	if c.Triggered != noTrigger {
		goal = max(goal, c.Triggered+minRunway)
	}
	return goal, c.SweepDistMinTrigger
}

// limitGoal mirrors runtime.gcControllerState.memoryLimitHeapGoal.
func (c *GCController) limitGoal(minor int) uint64 {
	alloc := c.TotalAlloc - c.TotalFree
	limit := uint64(c.MemoryLimit)
	used := c.MappedReady - c.HeapFree - alloc
	if c.MappedReady > limit {
		used += c.MappedReady - limit
	}
	if used >= limit {
		return c.HeapMarked
	}
	goal := limit - used
	headroom := uint64(minLimitHeadroom)
	if minor >= 21 {
		headroom = max(headroom, goal/100*limitHeadroomPer100)
	}
	if goal < 2*headroom {
		goal = headroom
	} else {
		goal -= headroom
	}
	return max(goal, c.HeapMarked)
}

// NextTrigger returns the live heap at which the next collection begins, as
// runtime.gcControllerState.trigger works it out; Go 1.18 keeps it ready.
func (c *GCController) NextTrigger(minor int) uint64 {
	if minor < 19 {
		return c.Trigger
	}
	goal, low := c.heapGoal(minor)
	if c.HeapMarked >= goal {
		return goal
	}
	step := (goal - c.HeapMarked) / triggerRatioDen
	low = max(low, c.HeapMarked, step*minTriggerRatioNum+c.HeapMarked)
	high := step*maxTriggerRatioNum + c.HeapMarked
	if goal > defaultHeapMinimum {
		high = max(high, goal-defaultHeapMinimum)
	}
	high = max(high, low)
	trigger := low
	if c.Runway <= goal {
		trigger = goal - c.Runway
	}
	return min(max(trigger, low), high)
}
