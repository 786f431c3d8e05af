package mem

import (
	"debug/elf"

	"rtdbg/inspect/exe"
)

// vdsoPath is how the kernel names the code that it maps into every process.
const vdsoPath = "[vdso]"

// Loaded is an executable or shared object in the target's memory.
type Loaded struct {
	// Path is the file as the process had it mapped, "[vdso]", or "image at ADDRESS"
	// where the core does not say which file it is.
	Path string
	// Bias is what has to be added to an address of the file to get the address
	// in the process.
	Bias uint64
	// Segments are the program headers, unrelocated.
	Segments []exe.Segment
	// File is the file itself, nil if this host has none that provably is the
	// same.
	File *exe.File
}

// Contains reports whether a lies in one of the image's segments.
func (l *Loaded) Contains(a Addr) bool {
	for _, s := range l.Segments {
		if s.Type == elf.PT_LOAD && uint64(a)-(s.Vaddr+l.Bias) < s.Memsz {
			return true
		}
	}
	return false
}

// Loaded lists the ELF files that the process had mapped: the executable first,
// as far as it is at hand, the libraries and the vDSO. A file that this host does
// not have is listed if the core has its first page. The slice belongs to the
// Core.
func (c *Core) Loaded() []Loaded { return c.loaded() }

func (c *Core) findLoaded() []Loaded {
	var list []Loaded
	exePath := c.exePath()
	own, ok := c.executable()
	if ok {
		list = append(list, Loaded{Path: c.exe.Path, Bias: own.bias, Segments: c.exe.Segments(), File: c.exe})
		if exePath != "" {
			list[0].Path = exePath
		}
	}
	seen := map[string]bool{exePath: ok}
	for _, f := range c.notes.files {
		if f.off != 0 || seen[f.path] || len(list) == maxImages {
			continue
		}
		seen[f.path] = true
		if lib, ok := c.library(f.path); ok {
			list = append(list, Loaded{Path: f.path, Bias: lib.bias, Segments: lib.file.Segments(), File: lib.file})
		} else if l, ok := c.loadedAt(f.path, f.start); ok {
			list = append(list, l)
		}
	}
	if len(c.notes.files) == 0 {
		list = append(list, c.unnamed()...)
	}
	if vdso, ok := c.Aux(AuxVDSO); ok {
		if l, ok := c.loadedAt(vdsoPath, Addr(vdso)); ok {
			l.File = c.vdso(Addr(vdso))
			list = append(list, l)
		}
	}
	return list
}

// unnamed lists the images whose first page is in a core that does not say which
// files were mapped, as Delve's cores do not, but has all their pages.
func (c *Core) unnamed() []Loaded {
	var list []Loaded
	own, ok := c.executable()
	for _, r := range c.ranges {
		if ok && uint64(r.Start) == imageStart(own.file.Segments())+own.bias || len(list) == maxImages {
			continue
		}
		if l, ok := c.loadedAt("image at "+r.Start.String(), r.Start); ok {
			list = append(list, l)
		}
	}
	return list
}

// library returns the file at path, which completes the core or is opened now; it is
// none if the core has the executable there.
func (c *Core) library(path string) (image, bool) {
	lib, ok := c.libs[path]
	if ok || path == c.exePath() {
		return lib, ok
	}
	if lib, ok = c.openLibrary(path); ok {
		c.images = append(c.images, lib.file)
	}
	return lib, ok
}

// vdso returns the vDSO, which is all in memory, section headers included; nil if
// the core does not have it.
func (c *Core) vdso(base Addr) *exe.File {
	for _, r := range c.ranges {
		if r.Start != base || r.Size() > maxVDSO {
			continue
		}
		b, err := c.own.view(base, int(r.Size()))
		if err != nil {
			return nil
		}
		if f, err := exe.FromMemory(vdsoPath, b); err == nil {
			c.images = append(c.images, f)
			return f
		}
	}
	return nil
}

// maxVDSO is more than any kernel's vDSO has, in bytes.
const maxVDSO = 1 << 20

// loadedAt is an image by its first page in the core.
func (c *Core) loadedAt(path string, base Addr) (Loaded, bool) {
	img, ok := c.imageInCore(base)
	if !ok {
		return Loaded{}, false
	}
	return Loaded{Path: path, Bias: uint64(base) - imageStart(img.segments), Segments: img.segments}, true
}
