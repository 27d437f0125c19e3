package leak

import "math/bits"

// windows are all windows of one size.
type windows struct {
	names  map[uint64]string   // to which value a window belongs
	public map[uint64]struct{} // windows that are no leak
	filter filter
}

// eachWindow calls do with every window of a text and the place where it ends. The bytes of a window are the lower ones
// of a number.
func eachWindow(text string, size int, do func(w uint64)) {
	var w uint64
	for i := range len(text) {
		w = w<<8 | uint64(text[i])
		if i >= size-1 {
			do(w & windowMask(size))
		}
	}
}

func windowMask(size int) uint64 { return ^uint64(0) >> (64 - 8*size) }

// add adds the windows of a value, and reports whether one of them is new.
func (w *windows) add(name, value string, size int) (added bool) {
	if w.names == nil {
		w.names = map[uint64]string{}
	}
	eachWindow(value, size, func(one uint64) {
		_, public := w.public[one]
		if _, known := w.names[one]; known || public {
			return
		}
		w.names[one], added = name, true
		w.filter.add(one, w.names)
	})
	return added
}

func (w *windows) allow(text string, size int) {
	if w.public == nil {
		w.public = map[uint64]struct{}{}
	}
	eachWindow(text, size, func(one uint64) {
		w.public[one] = struct{}{}
		delete(w.names, one)
	})
}

// scan calls found for every window of a text that belongs to a value.
func (w *windows) scan(text []byte, size int, found func(name string, at int)) {
	if len(w.names) == 0 {
		return
	}
	var one uint64
	f, lower := w.filter, windowMask(size)
	for i, b := range text {
		one = (one<<8 | uint64(b)) & lower
		if f.passes(one) && i >= size-1 {
			if name, is := w.names[one]; is {
				found(name, i-size+1)
			}
		}
	}
}

// filter lets all windows pass that were added, and few others: each has two bits in one word.
type filter struct {
	words []uint64
	shift int // leaves of a hash the number of a word
}

func (f *filter) passes(w uint64) bool {
	h := w * 0x9e3779b97f4a7c15
	two := bitsOf(h)
	return f.words[h>>f.shift]&two == two
}

func bitsOf(h uint64) uint64 { return 1<<(h>>20&63) | 1<<(h>>26&63) }

func (f *filter) set(w uint64) {
	h := w * 0x9e3779b97f4a7c15
	f.words[h>>f.shift] |= bitsOf(h)
}

// add grows the filter, if that is due, to at least 16 bits for each window.
func (f *filter) add(w uint64, all map[uint64]string) {
	if len(all) <= 4*len(f.words) {
		f.set(w)
		return
	}
	words := max(64, 4*len(f.words))
	f.words, f.shift = make([]uint64, words), 64-bits.TrailingZeros(uint(words))
	for one := range all {
		f.set(one)
	}
}
