package manifest

// LateWrite classifies a target by what it does with a request of a stopped rotation that lands after a newer rotation
// has made its credential there.
type LateWrite string

// The three classes of targets.
const (
	// LateHarmless: each credential is one of its own. What lands late makes or ends another one, an orphan at most.
	LateHarmless LateWrite = "harmless"
	// LateFenced: the target keeps the time of the newest rotation, and refuses what is older.
	LateFenced LateWrite = "fenced"
	// LateConfirmed: nothing at the target refuses it. The current credential is tested, and set again where it is
	// refused, until nothing can land any more.
	LateConfirmed LateWrite = "confirmed"
)

// LateWrite returns what becomes of a late request at the target of s. Where a person replaces the value, rotary sends
// nothing to its target.
func (s Source) LateWrite() LateWrite {
	if kind := s.Rotate.chosenKind(); kind != nil {
		return kind.lateWrite()
	}
	return LateHarmless
}
