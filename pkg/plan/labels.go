package plan

import (
	"strings"
	"time"
)

// The staging labels that rotary reads and moves. A label is on one version of a secret at a time.
const (
	AWSCurrent  = "AWSCURRENT"
	AWSPrevious = "AWSPREVIOUS"
	AWSPending  = "AWSPENDING"

	Live      = "LIVE-"    // + start of the version id: the target may accept this source version's credential
	Held      = "HELD-"    // + start of the version id: somebody may still start on this bucket version
	SeenLabel = "SEEN"     // up to this source version every version is known
	Retain    = "RETAIN"   // a person's veto on retiring this source version
	Rollback  = "ROLLBACK" // a rollback to this source version is in progress
)

// MaxLabels is how many labels all versions of one secret may carry together
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html).
const MaxLabels = 20

// MaxWrites is how many versions of a bucket are made within a day. Secrets Manager removes versions beyond a hundred, but
// none that carries a label or is younger than a day, and refuses more; it advises against a sustained rate of more than
// one in ten minutes (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html). With the
// labelled ones, which are MaxLabels at most, a bucket keeps within a hundred.
const MaxWrites = 100 - MaxLabels

const writesWithin = 24 * time.Hour

// short is how much of a version id a label carries, at least.
const short = 8

// LabelFor names the label of one kind (Live or Held) that version id gets: the shortest start of the id, of at
// least eight characters, that no other known version shares. The id itself need not be known yet.
// Same versions, same label: it is repeatable.
func (h History) LabelFor(kind, id string) string {
	if v, known := h.Version(id); known {
		if label, has := v.label(kind); has {
			return label
		}
	}
	n := min(short, len(id))
	for n < len(id) && h.taken(kind, id, n) {
		n++
	}
	return kind + id[:n]
}

// taken says whether another version's id, or a label that another version carries, starts like the first n of id.
func (h History) taken(kind, id string, n int) bool {
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

// label returns the label of one kind (Live or Held) that v carries.
func (v Version) label(kind string) (string, bool) {
	for _, l := range v.Labels {
		if strings.HasPrefix(l, kind) {
			return l, true
		}
	}
	return "", false
}

// room says whether the secret can take this many labels more.
func (h History) room(more int) bool {
	n := 0
	for _, v := range h.Versions {
		n += len(v.Labels)
	}
	return n+more <= MaxLabels
}
