package main

import "sync"

// brokers are goroutines that pass messages on to those who asked for them.
func brokers() []shape {
	return []shape{
		{"broker", brokerOfMaps},
		{"broker-goroutine", brokerGoroutine},
		{"observers", observers},
		{"chat-hub", chatHub},
	}
}

// topics keeps subscribers in a map of maps of channels.
type topics struct {
	mu   sync.RWMutex
	subs map[string]map[int]chan string
	next int
}

func (t *topics) subscribe(topic string) (int, <-chan string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.subs[topic] == nil {
		t.subs[topic] = make(map[int]chan string)
	}
	t.next++
	c := make(chan string, 1)
	t.subs[topic][t.next] = c
	return t.next, c
}

func (t *topics) cancel(topic string, id int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.subs[topic][id]; c != nil {
		delete(t.subs[topic], id)
		close(c)
	}
}

func (t *topics) publish(topic, text string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, c := range t.subs[topic] {
		select {
		case c <- text:
		default:
		}
	}
}

func brokerOfMaps() {
	t := &topics{subs: make(map[string]map[int]chan string)}
	for i := 0; i < 4; i++ {
		topic := []string{"news", "sport"}[i%2]
		go func() {
			for {
				id, c := t.subscribe(topic)
				for j := 0; j < 5; j++ {
					<-c
				}
				t.cancel(topic, id)
			}
		}()
	}
	for _, topic := range []string{"news", "sport"} {
		topic := topic
		go func() {
			for {
				pause(8)
				t.publish(topic, "text")
			}
		}()
	}
}

// brokerGoroutine owns its subscribers in a goroutine.
func brokerGoroutine() {
	subscribe := make(chan chan int)
	publish := make(chan int)
	go func() {
		subs := make(map[chan int]bool)
		for {
			select {
			case c := <-subscribe:
				subs[c] = true
			case v := <-publish:
				for c := range subs {
					c <- v
				}
			}
		}
	}()
	for i := 0; i < 3; i++ {
		go func() {
			c := make(chan int)
			subscribe <- c
			for range c {
				compute()
			}
		}()
	}
	for i := 0; ; i++ {
		pause(9)
		publish <- i
	}
}

// observers calls functions that send.
func observers() {
	var mu sync.Mutex
	var handlers []func(int)
	for i := 0; i < 3; i++ {
		c := make(chan int)
		mu.Lock()
		handlers = append(handlers, func(v int) { c <- v })
		mu.Unlock()
		go func() {
			for range c {
				pause(2)
			}
		}()
	}
	for i := 0; ; i++ {
		pause(10)
		mu.Lock()
		list := append([]func(int){}, handlers...)
		mu.Unlock()
		for _, h := range list {
			h(i)
		}
	}
}

// member is a client of a chat: its writer drains what the hub sends.
type member struct {
	hub  *hub
	send chan []byte
}

// hub is the chat server of many web-socket tutorials.
type hub struct {
	members          map[*member]bool
	broadcast        chan []byte
	register, remove chan *member
}

func (h *hub) run() {
	for {
		select {
		case m := <-h.register:
			h.members[m] = true
		case m := <-h.remove:
			if h.members[m] {
				delete(h.members, m)
				close(m.send)
			}
		case text := <-h.broadcast:
			for m := range h.members {
				select {
				case m.send <- text:
				default:
					close(m.send)
					delete(h.members, m)
				}
			}
		}
	}
}

func (m *member) writePump() {
	for range m.send {
		compute()
	}
}

func (m *member) readPump() {
	defer func() { m.hub.remove <- m }()
	for i := 0; i < 5; i++ {
		pause(20)
		m.hub.broadcast <- []byte("hello")
	}
}

func chatHub() {
	h := &hub{
		members: make(map[*member]bool), broadcast: make(chan []byte),
		register: make(chan *member), remove: make(chan *member),
	}
	go h.run()
	for i := 0; i < 3; i++ {
		go func() {
			for {
				m := &member{hub: h, send: make(chan []byte, 4)}
				h.register <- m
				go m.writePump()
				m.readPump()
			}
		}()
	}
}
