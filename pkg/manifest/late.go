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

// lateWrites is the class of each rotator. One that is not here is LateConfirmed: it is the class that assumes least.
var lateWrites = map[string]LateWrite{
	Random:       LateHarmless, // nobody but its consumers knows it
	AWSAccessKey: LateHarmless, // a key has an id of its own
	HTTP:         LateHarmless, // so has a token
	Postgres:     LateFenced,   // the role's comment has the rotation's time
	MySQL:        LateConfirmed,
	Manual:       LateHarmless, // rotary sends nothing to its target
	Never:        LateHarmless,
	Managed:      LateHarmless,
}

// LateWrite returns what becomes of a late request at the target of s.
func (s Source) LateWrite() LateWrite {
	if class, known := lateWrites[s.Rotate.With]; known {
		return class
	}
	return LateConfirmed
}
