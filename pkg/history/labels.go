package history

import (
	"strconv"
	"strings"
	"time"
)

// The staging labels that rotary reads and moves. A label is on one version of a secret at a time.
const (
	AWSCurrent  = "AWSCURRENT"
	AWSPrevious = "AWSPREVIOUS"
	AWSPending  = "AWSPENDING"

	Live     = "LIVE-"     // + start of the version id: the target may accept this source version's credential
	Held     = "HELD-"     // + start of the version id: somebody may still start on this bucket version
	Past     = "PAST-"     // + unix time, + "-" + start of the version id: since then it was seen not to be current
	Gone     = "GONE-"     // + unix time, + "-" + that of its PAST, + "-" + start of the id: then a bucket version was withdrawn
	Taken    = "TAKEN-"    // + start of the version id: buckets are computed from this source version
	Ask      = "ASK-"      // + unix time, + "-" + start of the version id: when its target is asked again about it
	Seen     = "SEEN"      // up to this source version every version is known
	Retain   = "RETAIN"    // a person's veto on retiring this source version
	Retained = "RETAINED-" // + unix time, + "-" + who, + "-" + start of the version id: a note about RETAIN
	Rollback = "ROLLBACK"  // a rollback to this source version is in progress
	Making   = "MAKING-"   // + start of the version id: an Unrepeatable rotator was asked to make it
	Failed   = "FAILED-"   // + count, times and the last error: the retirement of this source version failed; plan.Failure
	Deadline = "DEADLINE-" // + unix time or "none", + "-" + start of the version id: see Emergency
	Declared = "DECLARED-" // + start of the version id: its rotation may move what nobody can look for
	Used     = "USED-"     // + count, times and what was seen: its target sees this owed version's credential used; plan.Use
	Sessions = "SESSIONS-" // + unix time, + "-" + start of the version id: a person has accepted whoever uses it then
)

// MakingLabel returns the label that records that a rotator was asked to make version id.
func MakingLabel(id string) string { return Making + id[:min(labelIDLength, len(id))] }

// DeclaredLabel returns the label with which a person says of the rotation to version id that nothing but the declared
// keys of the source holds its credential. It is on the current version until the rotation has begun.
func DeclaredLabel(id string) string { return Declared + id[:min(labelIDLength, len(id))] }

// Emergency is a rotation that may start while an older version is owed, which S5 (docs/safety.md) forbids any other.
// Its label is put on the current version before it begins, goes over to the version it makes together with the value,
// and on to what follows that. Whatever is older than the version that carries it dies by Until.
type Emergency struct {
	Label string
	On    Version   // where the label is
	Until time.Time // zero: there is no deadline, only consumers decide
	start string    // of the id of the version that it was begun for
}

// DeadlineLabel is the label of an emergency's rotation to version id; a zero time is no deadline.
func DeadlineLabel(until time.Time, id string) string {
	at := "none"
	if !until.IsZero() {
		at = strconv.FormatInt(until.Unix(), 10)
	}
	return Deadline + at + "-" + id[:min(labelIDLength, len(id))]
}

// Emergencies returns the emergencies that are not over, in the order of the versions that carry their labels.
func (h History) Emergencies() []Emergency {
	var all []Emergency
	for _, m := range h.Placements(Deadline) {
		at, start, _ := strings.Cut(strings.TrimPrefix(m.Label, Deadline), "-")
		e := Emergency{Label: m.Label, start: start}
		e.On, _ = h.Version(m.Version)
		if unix, err := strconv.ParseInt(at, 10, 64); err == nil {
			e.Until = time.Unix(unix, 0).UTC()
		}
		all = append(all, e)
	}
	return all
}

// EmergencyOf returns the emergency whose rotation makes version id.
func (h History) EmergencyOf(id string) (Emergency, bool) {
	for _, e := range h.Emergencies() {
		if e.Begins(id) {
			return e, true
		}
	}
	return Emergency{}, false
}

// Begins reports whether e was begun for the rotation that makes version id.
func (e Emergency) Begins(id string) bool { return e.start != "" && strings.HasPrefix(id, e.start) }

// Dies returns when an emergency ends v, whoever still uses it; the first of several.
func (h History) Dies(v Version) (at time.Time, some bool) {
	for _, e := range h.Emergencies() {
		older := v.Created.Before(e.On.Created) && v.ID != e.On.ID
		if older && !e.Until.IsZero() && (!some || e.Until.Before(at)) {
			at, some = e.Until, true
		}
	}
	return at, some
}

// Placement is a label and the id of the version that carries it.
type Placement struct{ Label, Version string }

// Placements returns where the labels of one kind are: every label that starts with kind, oldest version first.
func (h History) Placements(kind string) []Placement {
	var all []Placement
	for _, v := range h.Versions {
		for _, l := range v.Labels {
			if strings.HasPrefix(l, kind) {
				all = append(all, Placement{l, v.ID})
			}
		}
	}
	return all
}

// MaxLabels is how many labels all versions of one secret may carry together
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const MaxLabels = 20

// labelIDLength is how much of a version id a label carries, at least.
const labelIDLength = 8

// LabelFor names the label of one kind (Live or Held) that version id gets: the shortest start of the id, of at
// least eight characters, that no other known version shares. The id itself need not be known yet.
// Same versions, same label: it is repeatable.
func (h History) LabelFor(kind, id string) string {
	if v, known := h.Version(id); known {
		if label, has := v.Label(kind); has {
			return label
		}
	}
	n := min(labelIDLength, len(id))
	for n < len(id) && h.isTaken(kind, id, n) {
		n++
	}
	return kind + id[:n]
}

// OwedLabels returns the labels by which v is owed, in the order in which they come off once its credential is dead: LIVE,
// then PAST.
func (v Version) OwedLabels() []string {
	var labels []string
	for _, kind := range []string{Live, Past} {
		if label, has := v.Label(kind); has {
			labels = append(labels, label)
		}
	}
	return labels
}

// TimedLabel names the label of a kind with a time (Past, Gone, Ask) that version id gets at this time, to the second.
func (h History) TimedLabel(kind string, at time.Time, id string) string {
	return kind + strconv.FormatInt(at.Unix(), 10) + "-" + strings.TrimPrefix(h.LabelFor(Held, id), Held)
}

// PastLabel names the PAST label of the version whose id starts so, uniquely among its secret's, as of this time.
func PastLabel(at time.Time, start string) string {
	return Past + strconv.FormatInt(at.Unix(), 10) + "-" + start
}

// GoneLabel names the GONE label of a version that was withdrawn at this time, in the place of its PAST label.
func GoneLabel(at time.Time, past string) string {
	return Gone + strconv.FormatInt(at.Unix(), 10) + "-" + strings.TrimPrefix(past, Past)
}

// PastSince returns since when v was seen not to be current: the time of its PAST, or the one that its
// GONE keeps, or else that of its GONE.
func (v Version) PastSince() (at time.Time, has bool) {
	if at, has = v.TimeOf(Past); has {
		return at, true
	}
	label, has := v.Label(Gone)
	if parts := strings.SplitN(strings.TrimPrefix(label, Gone), "-", 3); has && len(parts) == 3 {
		if unix, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
			return time.Unix(unix, 0).UTC(), true
		}
	}
	return v.TimeOf(Gone)
}

// TimeOf returns the time in the label of a kind with a time (Past, Gone, Ask) that v carries; of several the latest. A
// label that holds no time counts as none.
func (v Version) TimeOf(kind string) (at time.Time, has bool) {
	for _, l := range v.Labels {
		text, is := strings.CutPrefix(l, kind)
		text, _, _ = strings.Cut(text, "-")
		unix, err := strconv.ParseInt(text, 10, 64)
		if t := time.Unix(unix, 0).UTC(); is && err == nil && t.After(at) {
			at, has = t, true
		}
	}
	return at, has
}

// isTaken reports whether another version's id, or a label that another version carries, starts like the first n of id.
func (h History) isTaken(kind, id string, n int) bool {
	for _, v := range h.Versions {
		if v.ID == id {
			continue
		}
		if strings.HasPrefix(v.ID, id[:n]) || v.Has(kind+id[:n]) {
			return true
		}
	}
	return false
}

// Label returns the label of one kind (Live or Held) that v carries.
func (v Version) Label(kind string) (string, bool) {
	for _, l := range v.Labels {
		if strings.HasPrefix(l, kind) {
			return l, true
		}
	}
	return "", false
}

// HasRoom reports whether the secret can take this many labels more.
func (h History) HasRoom(more int) bool {
	n := 0
	for _, v := range h.Versions {
		n += len(v.Labels)
	}
	return n+more <= MaxLabels
}
