package history

// Taken returns the version of a source that buckets are computed from, where a label names it: the current one if it
// carries TAKEN, or else the newest one that does and whose credential is not retired. A label that landed late on a
// version that is pending or retired counts for nothing.
func (h History) Taken() (taken Version, some bool) {
	for _, v := range h.Versions {
		if _, marked := v.Label(Taken); !marked {
			continue
		}
		if v.Has(AWSCurrent) {
			return v, true
		}
		if _, live := v.Label(Live); live && !v.Has(AWSPending) {
			taken, some = v, true
		}
	}
	return taken, some
}

// InUse returns the version whose credential consumers get: the taken one, or the current one where no label names one.
func (h History) InUse() (Version, bool) {
	if v, some := h.Taken(); some {
		return v, true
	}
	return h.Current()
}

// TakesCurrent reports whether buckets are computed from the current version, as far as labels show: it carries TAKEN, or
// nothing does and its target has not refused it.
func (h History) TakesCurrent() bool {
	current, _ := h.Current()
	taken, some := h.Taken()
	_, asked := current.TimeOf(Ask)
	return some && taken.ID == current.ID || !some && !asked
}
