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
func (c *Core) Direct(a Addr) []byte {
	i, ok := c.all.find(a)
	if !ok || c.all.list[i].data == nil {
		return nil
	}
	s := &c.all.list[i]
	if s.src == &c.mapped.Bytes[0] {
		c.resident.touch(s.off+uint64(a-s.start), 1)
	}
	return s.data[a-s.start:]
}
