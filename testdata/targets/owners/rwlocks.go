package main

import (
	"sync"

	"rtdbgtargets/internal/truth"
)

func holdWrite(rw *sync.RWMutex) {
	rw.Lock()
	defer rw.Unlock()
	enter()
	<-never
}

func holdWritePlain(rw *sync.RWMutex) {
	rw.Lock()
	block()
	rw.Unlock()
}

func holdRead(rw *sync.RWMutex) {
	rw.RLock()
	defer rw.RUnlock()
	enter()
	<-never
}

func holdReadPlain(rw *sync.RWMutex) {
	rw.RLock()
	block()
	rw.RUnlock()
}

// table has a read-write lock in a field.
type table struct {
	m  map[string]int
	mu sync.RWMutex
}

func (t *table) holdRead() {
	t.mu.RLock()
	defer t.mu.RUnlock()
	enter()
	<-never
}

func (t *table) holdWrite() {
	t.mu.Lock()
	defer t.mu.Unlock()
	enter()
	<-never
}

var globalRW sync.RWMutex

func holdGlobalRead() {
	globalRW.RLock()
	defer globalRW.RUnlock()
	enter()
	<-never
}

// written has a writer hold a lock: other writers wait for the Mutex inside,
// readers for the writer.
func written(name, style string, rw *sync.RWMutex, hold func()) {
	owner := start(hold)
	truth.Addr(name, rw)
	readers := []int64{start(func() { enter(); rw.RLock() }, truth.RWMutexRLock...)}
	writers := []int64{start(func() { enter(); rw.Lock() }, truth.MutexLock...)}
	say(name+".readers", style, rw, []int64{owner}, readers)
	say(name+".writers", style, rw, []int64{owner}, writers)
}

// read has readers hold a lock: a writer waits for them all, further writers
// and readers wait for that writer.
func read(name, style string, rw *sync.RWMutex, n int, hold func()) {
	var owners []int64
	for i := 0; i < n; i++ {
		owners = append(owners, start(hold))
	}
	writer := []int64{start(func() { enter(); lockAndUnlock(rw) }, truth.RWMutexLock...)}
	writers := []int64{start(func() { enter(); lockAndUnlock(rw) }, truth.MutexLock...)}
	readers := []int64{start(func() { enter(); rw.RLock(); rw.RUnlock() }, truth.RWMutexRLock...)}
	say(name+".writer", style, rw, owners, writer)
	say(name+".writers", "protocol", rw, writer, writers)
	say(name+".readers", "protocol", rw, writer, readers)
}

func lockAndUnlock(rw *sync.RWMutex) {
	rw.Lock()
	defer rw.Unlock()
}

func readersWriters() {
	rw := new(sync.RWMutex)
	written("write", "defer", rw, func() { holdWrite(rw) })
	p := new(sync.RWMutex)
	written("plainwrite", "plain", p, func() { holdWritePlain(p) })
	t := new(table)
	written("fieldwrite", "defer", &t.mu, t.holdWrite)
	r := new(sync.RWMutex)
	read("read", "defer", r, 1, func() { holdRead(r) })
	r3 := new(sync.RWMutex)
	read("read3", "defer", r3, 3, func() { holdRead(r3) })
	rp := new(sync.RWMutex)
	read("plainread", "plain", rp, 2, func() { holdReadPlain(rp) })
	rt := new(table)
	read("fieldread", "defer", &rt.mu, 2, rt.holdRead)
	read("globalread", "defer", &globalRW, 2, holdGlobalRead)
	rl := new(sync.RWMutex)
	read("rlocker", "defer", rl, 1, func() { holdLocker(rl.RLocker()) })
}
