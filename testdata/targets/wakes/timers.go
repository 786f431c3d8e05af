package main

import "time"

// timers are goroutines that time wakes.
func timers() []shape {
	return []shape{
		{"sleep", sleeps},
		{"ticker", tickers},
		{"timer-reset", timerReset},
		{"after-in-select", afterInSelect},
		{"after-func", afterFunc},
		{"watchdog", watchdog},
		{"debounce", debounce},
	}
}

func sleeps() {
	for i := 0; i < 5; i++ {
		go func() {
			for {
				pause(10)
			}
		}()
	}
}

func tickers() {
	for i := 1; i < 4; i++ {
		t := time.NewTicker(time.Duration(4*i) * time.Millisecond)
		go func() {
			for range t.C {
				compute()
			}
		}()
	}
}

func timerReset() {
	t := time.NewTimer(time.Millisecond)
	for {
		<-t.C
		compute()
		t.Reset(7 * time.Millisecond)
	}
}

// afterInSelect has a loop that mostly times out.
func afterInSelect() {
	c := make(chan int)
	go func() {
		for {
			pause(25)
			c <- 1
		}
	}()
	for {
		select {
		case <-c:
		case <-time.After(6 * time.Millisecond):
		}
	}
}

// afterFunc waits for what a function does that a timer starts.
func afterFunc() {
	for {
		fired := make(chan struct{})
		time.AfterFunc(8*time.Millisecond, func() { close(fired) })
		<-fired
	}
}

// watchdog is kept quiet by another goroutine, most of the time.
func watchdog() {
	beat := make(chan struct{})
	go func() {
		for {
			pause(8)
			beat <- struct{}{}
		}
	}()
	t := time.NewTimer(10 * time.Millisecond)
	for {
		select {
		case <-beat:
			if !t.Stop() {
				select {
				case <-t.C:
				default:
				}
			}
			t.Reset(10 * time.Millisecond)
		case <-t.C:
			t.Reset(10 * time.Millisecond)
		}
	}
}

// debounce hands on the last of a burst once it is over.
func debounce() {
	in, out := make(chan int), make(chan int)
	go func() {
		for {
			for i := 0; i < 3; i++ {
				in <- i
				pause(1)
			}
			pause(20)
		}
	}()
	go func() {
		var last int
		var due <-chan time.Time
		for {
			select {
			case last = <-in:
				due = time.After(5 * time.Millisecond)
			case <-due:
				out <- last
				due = nil
			}
		}
	}()
	for range out {
	}
}
