package main

import (
	"sync"

	"rtdbgtargets/internal/truth"
)

// The locks that this file's goroutines wait on.
var (
	mu       sync.Mutex
	rwRead   sync.RWMutex
	rwWrite  sync.RWMutex
	wg       sync.WaitGroup
	condLock sync.Mutex
	cond     = sync.NewCond(&condLock)
	once     sync.Once
	pool     = struct {
		sync.Mutex
		items []int
	}{}
)

func syncWaits() []wait {
	return []wait{
		{holdMutex, recv},
		{waitMutex, truth.MutexLock},
		{holdEmbedded, recv},
		{waitEmbedded, truth.MutexLock},
		{holdRead, recv},
		{waitLockBehindReader, truth.RWMutexLock},
		{waitLockBehindWriter, truth.MutexLock},
		{waitRLockBehindWriter, truth.RWMutexRLock},
		{holdWrite, recv},
		{waitRLock, truth.RWMutexRLock},
		{waitWaitGroup, truth.WaitGroupWait},
		{waitCond, []string{"sync.Cond.Wait"}},
		{onceFirst, recv},
		{waitOnce, truth.MutexLock},
	}
}

func holdMutex() {
	mu.Lock()
	defer mu.Unlock()
	enter("mutex.holder", &mu)
	<-never
}

func waitMutex() {
	enter("mutex", &mu)
	mu.Lock()
	defer mu.Unlock()
}

func holdEmbedded() {
	pool.Lock()
	defer pool.Unlock()
	pool.items = append(pool.items, 1)
	enter("embedded.holder", &pool.Mutex)
	<-never
}

func waitEmbedded() {
	enter("embedded", &pool.Mutex)
	pool.Lock()
	defer pool.Unlock()
}

func holdRead() {
	rwRead.RLock()
	defer rwRead.RUnlock()
	enter("rwread.holder", &rwRead)
	<-never
}

func waitLockBehindReader() {
	enter("rwlockreader", &rwRead)
	rwRead.Lock()
	defer rwRead.Unlock()
}

func waitLockBehindWriter() {
	enter("rwlockwriter", &rwRead)
	rwRead.Lock()
	defer rwRead.Unlock()
}

func waitRLockBehindWriter() {
	enter("rwrlockbehind", &rwRead)
	rwRead.RLock()
	defer rwRead.RUnlock()
}

func holdWrite() {
	rwWrite.Lock()
	defer rwWrite.Unlock()
	enter("rwwrite.holder", &rwWrite)
	<-never
}

func waitRLock() {
	enter("rwrlock", &rwWrite)
	rwWrite.RLock()
	defer rwWrite.RUnlock()
}

func waitWaitGroup() {
	wg.Add(2)
	enter("waitgroup", &wg)
	wg.Wait()
}

func waitCond() {
	cond.L.Lock()
	defer cond.L.Unlock()
	truth.Addr("cond.lock", &condLock)
	enter("cond", cond)
	cond.Wait()
}

func onceFirst() {
	enter("once.holder", &once)
	once.Do(func() { <-never })
}

func waitOnce() {
	enter("once", &once)
	once.Do(func() {})
}
