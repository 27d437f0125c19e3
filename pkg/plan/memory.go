package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Relation is a consumer that has got, or gets, something of a bucket, or a source whose values it has or had. The tags
// of the bucket's secret remember its relations, so that a manifest may forget one, or move it, and nothing dies of it.
//
//	tag                         value
//	rotary:reader:CONSUMER      LOCATION[@LEFT] …     a word for each place
//	rotary:source:SOURCE        SECRET[@LEFT] …       the names of secrets
//	rotary:relations:N          KIND:NAME:LOCATION[@LEFT] …   instead of all of those, where there are too many
//	rotary:readers              COUNT-HASH of all these relations, or lost-SINCE: see Bucket.lostMemory
//	rotary:forgotten:NAME       CALLER TIME: a person took the tag of NAME off
//	rotary:dismissed:WHO        a stranger that a person has dismissed: see Dismissal
//
// Times are in seconds since 1970. A value of = is no relation: its tag is about to come off.
type Relation struct {
	Kind     string // Reads or Feeds
	Name     string // of the consumer or source in the manifest
	Location string // of a consumer: manifest.Consumer.Location; of a source: the name of its secret, escaped
	// Left is when a pass first saw that the manifest does not have it there any more; zero while it has.
	Left time.Time
}

// The kinds of relations.
const (
	Reads = "reader"
	Feeds = "source"
)

// The keys of a bucket's tags.
const (
	compactKey   = history.TagPrefix + "relations:"
	checkKey     = history.TagPrefix + "readers"
	forgottenKey = history.TagPrefix + "forgotten:"
)

const (
	noRelation = "="     // the value of a tag that is about to come off
	lostMark   = "lost-" // begins the value of checkKey where the memory is lost
)

// SourceRelation returns the relation of a bucket with a source that has this secret.
func SourceRelation(source, secret string) Relation {
	return Relation{Kind: Feeds, Name: source, Location: history.EscapeTag(secret, "/")}
}

// Secret returns the name of the secret of a source.
func (r Relation) Secret() string {
	name, _ := history.UnescapeTag(r.Location)
	return name
}

// Place returns where a relation is, for people: the location of a consumer, or the name of a source's secret.
func (r Relation) Place() string {
	if r.Kind == Feeds {
		return r.Secret()
	}
	return r.Location
}

// Label names a relation that the manifest does not have, for people: a consumer may be at several places.
func (r Relation) Label() string { return r.Name + " (" + r.Location + ")" }

// isSame reports whether both are the same consumer at the same place, or the same source with the same secret.
func (r Relation) isSame(other Relation) bool {
	return r.Kind == other.Kind && r.Name == other.Name && r.Location == other.Location
}

func compareRelations(a, b Relation) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Location, b.Location),
		a.Left.Compare(b.Left))
}

// ParseMemory returns the relations that the tags of a bucket's secret remember, sorted. It passes over what it cannot
// read, and hasLostMemory reports.
func ParseMemory(tags map[string]string) []Relation {
	var all []Relation
	for key, value := range tags {
		for word := range strings.FieldsSeq(value) {
			if isSingleKey(key) {
				word = strings.TrimPrefix(key, history.TagPrefix) + ":" + word
			} else if !strings.HasPrefix(key, compactKey) {
				continue
			}
			if r, ok := parseRelation(word); ok {
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, compareRelations)
	return slices.CompactFunc(all, Relation.isSame) // of the same place with several times, the first
}

// isSingleKey reports whether a tag is of one consumer or source.
func isSingleKey(key string) bool {
	return strings.HasPrefix(key, history.TagPrefix+Reads+":") || strings.HasPrefix(key, history.TagPrefix+Feeds+":")
}

func isMemoryKey(key string) bool { return isSingleKey(key) || strings.HasPrefix(key, compactKey) }

// parseRelation reads KIND:NAME:LOCATION[@LEFT].
func parseRelation(word string) (r Relation, ok bool) {
	parts := strings.SplitN(word, ":", 3)
	if len(parts) != 3 || parts[0] != Reads && parts[0] != Feeds {
		return r, false
	}
	r.Kind = parts[0]
	r.Name, ok = history.UnescapeTag(parts[1])
	location, left, has := strings.Cut(parts[2], "@")
	r.Location = location
	if has {
		unix, err := strconv.ParseInt(left, 10, 64)
		r.Left, ok = time.Unix(unix, 0).UTC(), ok && err == nil
	}
	return r, ok && r.Name != "" && location != "" && location != noRelation
}

// formatPlace returns LOCATION[@LEFT].
func (r Relation) formatPlace() string {
	if r.Left.IsZero() {
		return r.Location
	}
	return r.Location + "@" + strconv.FormatInt(r.Left.Unix(), 10)
}

// formatWord returns what parseRelation reads.
func (r Relation) formatWord() string {
	return r.Kind + ":" + history.EscapeTag(r.Name, "") + ":" + r.formatPlace()
}

// formatCheck returns the value of checkKey for sorted relations.
func formatCheck(relations []Relation) string {
	hash := sha256.New()
	for _, r := range relations {
		fmt.Fprintln(hash, r.formatWord())
	}
	return strconv.Itoa(len(relations)) + "-" + hex.EncodeToString(hash.Sum(nil)[:8])
}

// FormatMemory returns the tags that remember these relations, in room tags at most, besides that of checkKey: a tag for
// each consumer and source where these fill half the room at most, and otherwise as many to a tag as go in. ok is false
// where they do not fit.
func FormatMemory(relations []Relation, room int) (tags map[string]string, ok bool) {
	relations = slices.SortedFunc(slices.Values(relations), compareRelations)
	tags = formatSingly(relations)
	if len(tags) > room/2 || slices.ContainsFunc(slices.Collect(maps.Values(tags)), isTooLong) || anyKeyTooLong(tags) {
		tags = formatCompactly(relations)
	}
	return tags, len(tags) <= room && !slices.ContainsFunc(slices.Collect(maps.Values(tags)), isTooLong)
}

func isTooLong(value string) bool { return len(value) > history.MaxTagValue }

func anyKeyTooLong(tags map[string]string) bool {
	for key := range tags {
		if len(key) > history.MaxTagKey {
			return true
		}
	}
	return false
}

func formatSingly(relations []Relation) map[string]string {
	tags := map[string]string{}
	for _, r := range relations {
		key := history.TagPrefix + r.Kind + ":" + history.EscapeTag(r.Name, "")
		tags[key] = strings.TrimSpace(tags[key] + " " + r.formatPlace())
	}
	return tags
}

func formatCompactly(relations []Relation) map[string]string {
	tags, n := map[string]string{}, 0
	for _, r := range relations {
		key := compactKey + strconv.Itoa(n)
		if value := tags[key] + " " + r.formatWord(); tags[key] != "" && !isTooLong(value) {
			tags[key] = value
			continue
		}
		if tags[key] != "" {
			n++
		}
		tags[compactKey+strconv.Itoa(n)] = r.formatWord()
	}
	return tags
}

// hasLostMemory reports whether somebody took tags away that h's secret had: Terraform removes those that it does not
// know. Whoever was remembered there and stands in no manifest is not known any more.
//
//	the secret has                            | its memory is
//	------------------------------------------|-----------------------------------
//	no version that rotary wrote              | there: nobody got anything of it
//	the check of its relations                | there
//	another one, or lost-SINCE                | lost
//	relations without a check                 | lost
//	none, and a version that is not current   | lost: such versions came after their tags
//	  any more has its age in a label         |
//	none otherwise                            | there: the version of rotary before this one wrote it
func hasLostMemory(h history.History) bool {
	check, has := h.Tags[checkKey]
	memory := ParseMemory(h.Tags)
	aged := len(h.Placements(history.Past)) + len(h.Placements(history.Gone))
	switch {
	case len(h.Placements(history.Held))+aged == 0:
		return false
	case has:
		return check != formatCheck(memory)
	}
	return len(memory)+aged > 0
}

// lostMemory reports whether the bucket does not know all its readers any more: every reader of the environment counts
// as one, until a person says that the tags are complete (rotary forget ENV --bucket B).
func (b Bucket) lostMemory() bool { return hasLostMemory(b.History) }

// readersOf returns who may use a version of the bucket: its consumers, with those that its tags remember, and, where it
// lost its memory, everybody whom the environment knows.
func (s State) readersOf(b Bucket) []Consumer {
	if b.lostMemory() {
		return s.allConsumers()
	}
	return b.Consumers
}

// Tag changes the tags of a secret. Set is done in one call, and is enough: the keys of Remove then hold nothing.
type Tag struct {
	Secret string
	Bucket string // the bucket's name, or the source's
	Set    map[string]string
	Remove []string
}

// rememberRelations plans the tags of a bucket's relations: of those that the manifest has, and of those that it had and
// that may still use the bucket. They come before anything of the bucket changes, so that nobody gets something of it and
// is forgotten.
func (p *Plan) rememberRelations(s State, b Bucket) {
	_, exists := b.Current()
	unused := !exists && len(b.Want.Values) == 0 || len(b.Relations) == 0
	if s.Mode == manifest.Observe || b.Frozen != "" || unused && len(ParseMemory(b.Tags)) == 0 {
		return
	}
	tag, fits := b.changeTags(s, s.keepRelations(b))
	switch {
	case !fits:
		p.Waits = append(p.Waits, Wait{Subject: b.Want.Name, Reason: TagsFull, Detail: fmt.Sprintf(
			"its secret has no room for the tags that remember its readers: %d of %d are not rotary's; remove some",
			b.OtherTags, history.MaxTags)})
	case len(tag.Set)+len(tag.Remove) > 0:
		p.Tags = append(p.Tags, tag)
	}
	if b.lostMemory() {
		p.Waits = append(p.Waits, Wait{Subject: b.Want.Name, Reason: LostMemory, Detail: fmt.Sprintf(
			"somebody took tags off its secret, and with them who read it and is in no manifest: "+
				"see to it that nobody does, then rotary forget %s --bucket %s", s.Environment, b.Want.Name)})
	}
}

// keepRelations returns the relations that the bucket has from now on.
func (s State) keepRelations(b Bucket) []Relation {
	kept := slices.Clone(b.Relations)
	for _, r := range ParseMemory(b.Tags) {
		if slices.ContainsFunc(b.Relations, r.isSame) || s.isOver(b, r) {
			continue
		}
		if r.Left.IsZero() {
			r.Left = s.Now
		}
		kept = append(kept, r)
	}
	return kept
}

// changeTags returns what makes the tags of the bucket remember these relations, and no others. fits is false where its
// secret has no room for them.
func (b Bucket) changeTags(s State, relations []Relation) (tag Tag, fits bool) {
	relations = slices.SortedFunc(slices.Values(relations), compareRelations)
	wanted, fits := FormatMemory(relations, b.tagRoom())
	wanted[checkKey] = formatCheck(relations)
	if b.lostMemory() {
		wanted[checkKey] = b.formatLost(s.Now)
	}
	tag = diffTags(b.History, wanted)
	tag.Bucket = b.Want.Name
	return tag, fits && b.countTags(tag) <= history.MaxTags
}

// tagRoom returns how many tags may remember relations.
func (b Bucket) tagRoom() int {
	room := history.MaxTags - b.OtherTags - 1
	for key := range b.Tags {
		if !isMemoryKey(key) && key != checkKey {
			room--
		}
	}
	return room
}

// formatLost returns the value of checkKey of a bucket that lost its memory; since when stays as it is.
func (b Bucket) formatLost(now time.Time) string {
	if check := b.Tags[checkKey]; strings.HasPrefix(check, lostMark) {
		return check
	}
	return lostMark + strconv.FormatInt(now.Unix(), 10)
}

// listKeys returns the keys that t changes, sorted.
func (t Tag) listKeys() []string {
	return slices.Compact(slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(t.Set)), t.Remove...))))
}

// diffTags returns what makes the memory of a secret the wanted one. What comes off is first set to hold nothing,
// together with the new check: a pass that stops there leaves a memory that is whole.
func diffTags(h history.History, wanted map[string]string) Tag {
	tag := Tag{Secret: h.Secret, Set: map[string]string{}}
	for key, value := range wanted {
		if is, has := h.Tags[key]; !has || is != value {
			tag.Set[key] = value
		}
	}
	for _, key := range slices.Sorted(maps.Keys(h.Tags)) {
		if _, kept := wanted[key]; kept || !isMemoryKey(key) {
			continue
		}
		tag.Remove = append(tag.Remove, key)
		if h.Tags[key] != noRelation {
			tag.Set[key] = noRelation
		}
	}
	return tag
}

// Forgotten records who made a bucket forget something.
type Forgotten struct {
	Name   string // of the consumer, the source or the bucket
	Caller string // an ARN
	At     time.Time
}

// Forget returns what makes a secret remember no relation for which over reports true, take its memory for complete
// from then on, and record who did that. fits is false where its secret has no room for that.
func Forget(h history.History, over func(Relation) bool, by Forgotten) (tag Tag, fits bool) {
	b := Bucket{History: h}
	kept := slices.DeleteFunc(ParseMemory(h.Tags), over)
	wanted, fits := FormatMemory(kept, b.tagRoom())
	wanted[checkKey] = formatCheck(kept)
	tag = diffTags(h, wanted)
	at := " " + strconv.FormatInt(by.At.Unix(), 10)
	caller := history.EscapeTag(by.Caller, ":/@+")
	tag.Set[forgottenKey+history.EscapeTag(by.Name, "")] = caller[:min(len(caller), history.MaxTagValue-len(at))] + at
	return tag, fits && b.countTags(tag) <= history.MaxTags
}

// countTags counts the tags of the secret once Set of t is done.
func (b Bucket) countTags(t Tag) int {
	n := len(b.Tags) + b.OtherTags
	for key := range t.Set {
		if _, has := b.Tags[key]; !has {
			n++
		}
	}
	return n
}
