package cstack

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"sort"

	"rtdbg/inspect/mem"
)

// indexed is an FDE in an index made here.
type indexed struct {
	begin uint64
	at    mem.Addr
}

// find returns the address of the FDE that the image has for pc, by the sorted
// table that linkers write, or else, as static executables may have none, by all
// entries.
func (t *Tables) find(img *mem.Loaded, pc uint64) (mem.Addr, error) {
	for _, s := range img.Segments {
		if s.Type != elf.PT_GNU_EH_FRAME {
			continue
		}
		if at, err := t.searchTable(img, mem.Addr(s.Vaddr+img.Bias), s.Memsz, pc); !errors.Is(err, errDamaged) {
			return at, err
		}
	}
	return t.searchIndex(img, pc)
}

// searchIndex returns the address of the FDE that the index has for pc.
func (t *Tables) searchIndex(img *mem.Loaded, pc uint64) (mem.Addr, error) {
	index := t.indexOf(img)
	i := sort.Search(len(index), func(i int) bool { return index[i].begin > pc }) - 1
	if i < 0 {
		return 0, fmt.Errorf("%w for %#x in %s", ErrNoTable, pc, img.Path)
	}
	return index[i].at, nil
}

// indexOf returns the FDEs of the image's section, ascending.
func (t *Tables) indexOf(img *mem.Loaded) []indexed {
	t.indexMu.Lock()
	defer t.indexMu.Unlock()
	index, ok := t.indexes[img]
	if !ok {
		index = t.makeIndex(img)
		t.indexes[img] = index
	}
	return index
}

func (t *Tables) makeIndex(img *mem.Loaded) []indexed {
	if img.File == nil {
		return nil
	}
	section, ok := img.File.Section(".eh_frame")
	if !ok || section.Addr == 0 {
		return nil
	}
	var index []indexed
	at := mem.Addr(section.Addr + img.Bias)
	for end := at + mem.Addr(section.Size); at < end; {
		r, err := t.entry(at)
		if err != nil {
			break // the terminator, or what is behind cannot be found
		}
		if f, err := t.fdeAt(at); err == nil && f.size > 0 {
			index = append(index, indexed{f.begin, at})
		}
		at += mem.Addr(4 + len(r.b))
	}
	slices.SortFunc(index, func(x, y indexed) int { return cmp.Compare(x.begin, y.begin) })
	return index
}
