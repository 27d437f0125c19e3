// Package history reads the versions and labels of one secret: which credential may be accepted, what is owed, which
// label comes next, which emergency is under way. It is pure; pkg/store fills it.
package history

import (
	"slices"
	"time"
)

// Outlast is how long what a rotation or a retirement has sent can still land at its target, once AWSPENDING came off
// or a veto went on: it runs for two minutes at most (rotate.Timeout), and what it sent last takes four at most.
const Outlast = 6 * time.Minute

// History holds the versions and labels of one secret, as Secrets Manager lists them.
type History struct {
	Secret          string // its name
	ARN             string
	Changed         time.Time
	RotationEnabled bool
	Versions        []Version         // oldest first
	Tags            map[string]string // those whose keys begin with TagPrefix
	OtherTags       int               // how many others there are
}

// Version is one version of a secret.
type Version struct {
	ID      string
	Created time.Time
	Labels  []string
	Empty   bool // it has no value yet
}

// Has reports whether v carries label.
func (v Version) Has(label string) bool { return slices.Contains(v.Labels, label) }

// Version returns the version with this id.
func (h History) Version(id string) (Version, bool) {
	i := slices.IndexFunc(h.Versions, func(v Version) bool { return v.ID == id })
	if i < 0 {
		return Version{}, false
	}
	return h.Versions[i], true
}

// Labelled returns the version that carries label; a label is on one version at most.
func (h History) Labelled(label string) (Version, bool) {
	i := slices.IndexFunc(h.Versions, func(v Version) bool { return v.Has(label) })
	if i < 0 {
		return Version{}, false
	}
	return h.Versions[i], true
}

// Current returns the version under AWSCURRENT.
func (h History) Current() (Version, bool) { return h.Labelled(AWSCurrent) }

// Owed returns the versions whose retirement is owed: replaced, and not the one that buckets are computed from, oldest
// first.
func (h History) Owed() []Version {
	taken, _ := h.Taken()
	return slices.DeleteFunc(h.Replaced(), func(v Version) bool { return v.ID == taken.ID })
}

// Replaced returns the versions that are live, and neither current nor pending, oldest first.
func (h History) Replaced() []Version {
	var replaced []Version
	for _, v := range h.Versions {
		if _, live := v.Label(Live); live && !v.Has(AWSCurrent) && !v.Has(AWSPending) {
			replaced = append(replaced, v)
		}
	}
	return replaced
}

// SeenPast is when v was first seen not to be current: the time of its PAST. Where there was no room for that label, it is
// when the secret last changed.
func (h History) SeenPast(v Version) time.Time {
	if past, marked := v.TimeOf(Past); marked {
		return past
	}
	return h.Changed
}

// OwedSince is when a version stopped being the one to use, as far as can be told: when the next newer one was made.
func (h History) OwedSince(v Version) time.Time {
	for _, other := range h.Versions {
		if other.Created.After(v.Created) && !other.Empty && !other.Has(AWSPending) {
			return other.Created
		}
	}
	return h.Changed // something older is current again
}

// A secret that rotary has never seen is searched firstLook versions back, for those that carry a label or were made
// within firstDay of the newest: what an older version holds was replaced before rotary came.
const (
	firstLook = 8
	firstDay  = 24 * time.Hour
)

// Unseen returns the versions that have to be marked as live before anything else happens, oldest first: the
// current one, and every one with a value that is newer than the version under SEEN, if they carry no LIVE.
// People put versions by hand, twice in a row, and move labels back: none of that may hide a credential.
func (h History) Unseen() []Version {
	var unseen []Version
	for _, v := range h.newerThanSeen() {
		if _, live := v.Label(Live); !live && !v.Empty && !v.isCopy() {
			unseen = append(unseen, v)
		}
	}
	return unseen
}

// isCopy reports whether v is pending without LIVE: not a rotation of rotary's, whose value comes together with LIVE,
// but the copy that Secrets Manager makes to test a rotation function, and deletes again
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html, RotateImmediately).
func (v Version) isCopy() bool {
	_, live := v.Label(Live)
	return v.Has(AWSPending) && !v.Has(AWSCurrent) && !live
}

// newerThanSeen returns the current version and those that are newer than SEEN, oldest first.
func (h History) newerThanSeen() []Version {
	seen, known := h.Labelled(Seen)
	var out []Version
	for i, v := range h.Versions {
		after := known && v.ID != seen.ID && h.isAfterSeen(v, seen)
		first := !known && i >= len(h.Versions)-firstLook && (len(v.Labels) > 0 || h.isRecent(v))
		if after || first || v.Has(AWSCurrent) {
			out = append(out, v)
		}
	}
	return out
}

// isRecent reports whether v was made within a day of the newest version.
func (h History) isRecent(v Version) bool {
	return h.Versions[len(h.Versions)-1].Created.Sub(v.Created) < firstDay
}

// isAfterSeen reports whether v is newer than the version under SEEN. One of the same instant counts as newer as long
// as it could have been listed late, and not for ever: nothing is retired before that, and what is must not be marked
// again.
func (h History) isAfterSeen(v, seen Version) bool {
	return v.Created.After(seen.Created) || v.Created.Equal(seen.Created) && h.Changed.Sub(v.Created) < LateWrite
}

// Newest returns the newest of these versions that has a value of its own: as far as SEEN may move.
func Newest(versions []Version) (Version, bool) {
	for _, v := range slices.Backward(versions) {
		if !v.Empty && !v.isCopy() {
			return v, true
		}
	}
	return Version{}, false
}

// Doubtful returns the ids of the versions that may be without a value and for which that matters: newer than
// SEEN, or not seen yet, and vouched for by no label that only a version with a value gets.
func (h History) Doubtful() []string {
	var ids []string
	for _, v := range h.newerThanSeen() {
		if _, live := v.Label(Live); !live && !v.Has(AWSCurrent) && !v.Has(AWSPrevious) {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// WithEmpty returns the history with these versions noted as empty; h itself stays as it is.
func (h History) WithEmpty(ids ...string) History {
	h.Versions = slices.Clone(h.Versions)
	for i := range h.Versions {
		h.Versions[i].Empty = h.Versions[i].Empty || slices.Contains(ids, h.Versions[i].ID)
	}
	return h
}

// Alive reports whether v's credential may be accepted by its target: it is live, current or pending.
func (v Version) Alive() bool {
	_, live := v.Label(Live)
	return live || v.Has(AWSCurrent) || v.Has(AWSPending)
}

// Claimed reports whether somebody counts on v: it is current or comes to be, buckets are computed from it, or a person
// or a rollback keeps it.
func (v Version) Claimed() bool {
	_, taken := v.Label(Taken)
	return taken || slices.ContainsFunc([]string{AWSCurrent, AWSPending, Retain, Rollback}, v.Has)
}

// Written reports whether rotary has written this bucket: it carries a HELD label.
func (h History) Written() bool {
	return slices.ContainsFunc(h.Versions, func(v Version) bool { _, held := v.Label(Held); return held })
}

// Short shortens a version id for people: its last eight characters.
func Short(version string) string { return version[max(0, len(version)-8):] }
