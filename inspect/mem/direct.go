package mem

// Direct is a Memory whose bytes lie in this process's own memory, as those
// of a mapped core file do.
type Direct interface {
	// Direct returns the bytes at a and behind it, without a copy and as far
	// as they lie in one piece: nil where there are none. They are read-only
	// and stay valid until the Memory is closed.
	Direct(a Addr) []byte
}

// DirectOf returns m as Direct, nil if it is not.
func DirectOf(m Reader) Direct {
	d, _ := m.(Direct)
	return d
}

// Direct implements Direct.
func (c *Core) Direct(a Addr) []byte { return c.all.direct(a) }

// direct returns the bytes of the span that holds a, from a on.
func (s *spans) direct(a Addr) []byte {
	i, ok := s.find(a)
	if !ok || s.list[i].data == nil {
		return nil
	}
	return s.list[i].data[a-s.list[i].start:]
}
