package stack

// infoCache is a hash table from pcKey to PCInfo with open addressing.
type infoCache struct {
	keys []uint64
	vals []*PCInfo
	n    int
}

func (c *infoCache) slot(key uint64) int {
	mask := uint64(len(c.keys) - 1)
	for i := key * 0x9e3779b97f4a7c15 >> 20; ; i++ {
		if k := c.keys[i&mask]; k == key || k == 0 {
			return int(i & mask)
		}
	}
}

func (c *infoCache) get(key uint64) *PCInfo {
	if len(c.keys) == 0 || key == 0 {
		return nil
	}
	return c.vals[c.slot(key)]
}

func (c *infoCache) put(key uint64, p *PCInfo) {
	if key == 0 {
		return
	}
	if 2*c.n >= len(c.keys) {
		old := *c
		size := max(1024, 2*len(old.keys))
		*c = infoCache{keys: make([]uint64, size), vals: make([]*PCInfo, size)}
		for i, k := range old.keys {
			if k != 0 {
				c.put(k, old.vals[i])
			}
		}
	}
	i := c.slot(key)
	if c.keys[i] == 0 {
		c.n++
	}
	c.keys[i], c.vals[i] = key, p
}
