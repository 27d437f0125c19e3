package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Dismissal is a person's word that a stranger is none of rotary's business until a time: no gate objects because of it
// until then. It is a tag of each secret that the stranger may hold.
//
//	tag                       value
//	rotary:dismissed:WHO      UNTIL SINCE CALLER      times in seconds since 1970
//
// WHO is escaped, and where it would be too long its end is a hash. A value that cannot be read dismisses nobody.
type Dismissal struct {
	Who    string // as NormalizeStranger returns it; where that was too long for the key, WHO
	Until  time.Time
	Since  time.Time
	Caller string // the ARN of who dismissed it
}

// MaxDismissal is how long a dismissal lasts at most.
const MaxDismissal = 90 * 24 * time.Hour

// dismissedKey begins the key of the tag of a dismissal.
const dismissedKey = history.TagPrefix + "dismissed:"

// hashMark parts the beginning of a name that is too long for a key from its hash. No escaped text holds it.
const hashMark = "=."

// hashBytes is how many bytes of the hash a key has.
const hashBytes = 8

// punctuation is what WHO and CALLER may hold besides letters, digits, _ . and -.
const punctuation = ":/@+"

// NormalizeStranger returns the name under which a stranger is dismissed: the names at GitHub are the same in lower
// and upper case.
//
//	ecs:CLUSTER/SERVICE         a service
//	ecs-family:CLUSTER/FAMILY   tasks of a family that belong to no service
//	github:OWNER/REPOSITORY     a repository; with :ENVIRONMENT one of its environments
//	github-org:OWNER            an organization
//	arn:…:iam::…:role/…         whoever the trail names: a role, a user, an account's root
//	service:HOST                a service of AWS, as the trail names it
//	TYPE:ACCOUNT                whoever else the trail names, by the type of its identity
//	…=.HASH                     whoever it was whose name is too long for a tag, as it stands there
func NormalizeStranger(who string) string {
	if strings.HasPrefix(who, "github:") || strings.HasPrefix(who, "github-org:") {
		return strings.ToLower(who)
	}
	return who
}

// isCutName reports whether a name is what a tag has of one that was too long for its key: as people see it in a report
// where the rest is not known.
func isCutName(who string) bool {
	at := len(who) - len(hashMark) - hex.EncodedLen(hashBytes)
	return len(dismissedKey)+len(who) == history.MaxTagKey && at > 0 && strings.LastIndex(who, hashMark) == at
}

// formatDismissedKey returns the key of the tag that dismisses a stranger. A name that was cut has the key of the whole.
func formatDismissedKey(who string) string {
	if isCutName(who) {
		return dismissedKey + who
	}
	who = NormalizeStranger(who)
	key := dismissedKey + history.EscapeTag(who, punctuation)
	if len(key) <= history.MaxTagKey {
		return key
	}
	sum := sha256.Sum256([]byte(who))
	end := hashMark + hex.EncodeToString(sum[:hashBytes])
	return key[:history.MaxTagKey-len(end)] + end
}

// FormatDismissal returns the tag of a dismissal. What does not fit of the caller is cut off.
func FormatDismissal(d Dismissal) (key, value string) {
	value = strconv.FormatInt(d.Until.Unix(), 10) + " " + strconv.FormatInt(d.Since.Unix(), 10) + " "
	caller := history.EscapeTag(d.Caller, punctuation)
	return formatDismissedKey(d.Who), value + caller[:min(len(caller), history.MaxTagValue-len(value))]
}

// ParseDismissals returns the dismissals in the tags of a secret, over or not, sorted by who. It passes over what it
// cannot read.
func ParseDismissals(tags map[string]string) []Dismissal {
	var all []Dismissal
	for key, value := range tags {
		if d, ok := parseDismissal(key, value); ok {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b Dismissal) int { return cmp.Or(cmp.Compare(a.Who, b.Who), a.Until.Compare(b.Until)) })
	return all
}

func parseDismissal(key, value string) (d Dismissal, ok bool) {
	escaped, is := strings.CutPrefix(key, dismissedKey)
	words := strings.Fields(value)
	if !is || escaped == "" || len(words) < 2 || len(words) > 3 {
		return d, false
	}
	if d.Who, ok = history.UnescapeTag(escaped); !ok {
		d.Who = escaped // its end is a hash
	}
	until, badUntil := strconv.ParseInt(words[0], 10, 64)
	since, badSince := strconv.ParseInt(words[1], 10, 64)
	if badUntil != nil || badSince != nil {
		return d, false
	}
	d.Until, d.Since = time.Unix(until, 0).UTC(), time.Unix(since, 0).UTC()
	if len(words) == 3 {
		if d.Caller, ok = history.UnescapeTag(words[2]); !ok {
			d.Caller = words[2] // cut within a byte
		}
	}
	return d, true
}

// dismissedDuringLook is how much longer than MaxDismissal a dismissal may last from the time of a look on: it may have
// been made while the look was under way.
const dismissedDuringLook = time.Hour

// IsInForce reports whether the dismissal holds at a time. One that was written to last longer than MaxDismissal holds
// for nobody: somebody else than rotary wrote it.
func (d Dismissal) IsInForce(now time.Time) bool {
	return now.Before(d.Until) && !d.Until.After(now.Add(MaxDismissal+dismissedDuringLook))
}

// FindDismissal returns the dismissal of a stranger that is in force at a time, of the tags of one secret.
func FindDismissal(tags map[string]string, who string, now time.Time) (Dismissal, bool) {
	key := formatDismissedKey(who)
	value, has := tags[key]
	d, ok := parseDismissal(key, value)
	if !has || !ok || !d.IsInForce(now) {
		return Dismissal{}, false
	}
	d.Who = NormalizeStranger(who)
	return d, true
}

// Dismiss returns what makes a secret remember a dismissal, in the place of one of the same stranger. fits is false where
// the secret has no room for another tag.
func Dismiss(h history.History, d Dismissal) (tag Tag, fits bool) {
	key, value := FormatDismissal(d)
	tag = Tag{Secret: h.Secret, Set: map[string]string{key: value}}
	return tag, Bucket{History: h}.countTags(tag) <= history.MaxTags
}

// Readmit returns what ends the dismissal of a stranger, in force or not. has is false where the secret has none.
func Readmit(h history.History, who string) (tag Tag, has bool) {
	key := formatDismissedKey(who)
	_, has = h.Tags[key]
	return Tag{Secret: h.Secret, Remove: []string{key}}, has
}

// dropDismissals plans to take the dismissals off that are over, and those that dismiss nobody.
func (p *Plan) dropDismissals(s State, name string, h history.History) {
	if s.Mode == manifest.Observe {
		return
	}
	tag := Tag{Secret: h.Secret, Bucket: name}
	for _, key := range slices.Sorted(maps.Keys(h.Tags)) {
		if !strings.HasPrefix(key, dismissedKey) {
			continue
		}
		if d, ok := parseDismissal(key, h.Tags[key]); !ok || !d.IsInForce(s.Now) {
			tag.Remove = append(tag.Remove, key)
		}
	}
	if len(tag.Remove) > 0 {
		p.Tags = append(p.Tags, tag)
	}
}
