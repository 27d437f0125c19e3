package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/trail"
)

// Reading is a stranger that CloudTrail shows to have read a secret. A tag of the secret remembers it.
//
//	tag                    value
//	rotary:read:WHO        FIRST LAST [+REST] [VERSION|current|any] …      times in seconds since 1970
//	rotary:trail           UNTIL: all events up to then were read; on the first source, with readers: veto
//
// WHO is escaped as in a Dismissal. REST is what is missing there of a name whose end is a hash, as far as there is room for
// it. VERSION is the end of a version's id that was asked for; current: it asked for
// AWSCURRENT; any: it asked for another label, or for more versions than a tag has room for.
type Reading struct {
	Who         string // where the rest of a long name is not known, as the key has it: that can be dismissed too
	First, Last time.Time
	What        []string // sorted

	key string // of its tag
}

// Watched is what a pass has read of the trail.
type Watched struct {
	Rule   string         // of the manifest: manifest.ReadersIgnore, ReadersReport or ReadersVeto
	Found  []trail.Reader // strangers, in the events that this pass has read
	Until  time.Time      // all events up to then were read, by this pass or those before it; zero where that is not known
	Failed string         // why the rest could not be read, in words; "" where it could
}

const (
	readKey  = history.TagPrefix + "read:"
	trailKey = history.TagPrefix + "trail"
)

const (
	readCurrent = "current"
	readAny     = "any"
)

const (
	// StrangerDrain is how long a stranger may go on with what it has read: what it read before holds up nothing.
	StrangerDrain = 24 * time.Hour
	// readingKept is how long a stranger that reads no more is remembered, for people.
	readingKept = 7 * 24 * time.Hour
	// readEvery is how often the trail is read where nothing waits for it, and readSoon where something does.
	readEvery = time.Hour
	readSoon  = 5 * time.Minute
	// readWith is how much earlier than a version stopped being current a clock may say that it was read.
	readWith = time.Minute
)

// formatReadKey returns the key of the tag that remembers what a stranger has read. Its end is that of the key of the
// stranger's dismissal.
func formatReadKey(who string) string {
	return readKey + strings.TrimPrefix(formatDismissedKey(who), dismissedKey)
}

// ParseReadings returns the strangers that the tags of a secret remember, sorted. It passes over what it cannot read.
func ParseReadings(tags map[string]string) []Reading {
	var all []Reading
	for key, value := range tags {
		if r, ok := parseReading(key, value); ok {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Reading) int { return cmp.Compare(a.key, b.key) })
	return all
}

func parseReading(key, value string) (r Reading, ok bool) {
	escaped, is := strings.CutPrefix(key, readKey)
	words := strings.Fields(value)
	if !is || escaped == "" || len(words) < 2 {
		return r, false
	}
	first, badFirst := strconv.ParseInt(words[0], 10, 64)
	last, badLast := strconv.ParseInt(words[1], 10, 64)
	if badFirst != nil || badLast != nil {
		return r, false
	}
	rest, what := "", words[2:]
	if len(what) > 0 && strings.HasPrefix(what[0], restMark) {
		rest, what = what[0][len(restMark):], what[1:]
	}
	r = Reading{Who: joinName(escaped, rest), First: time.Unix(first, 0).UTC(), Last: time.Unix(last, 0).UTC(), What: what, key: key}
	return r, true
}

// restMark begins the word that has the rest of a name.
const restMark = "+"

// joinName returns the name of which a key has the beginning, escaped, and the value the rest; what the key has where that
// is not the whole of it.
func joinName(escaped, rest string) string {
	begin, _, _ := strings.Cut(escaped, hashMark)
	name, ok := history.UnescapeTag(begin + rest)
	if !ok || formatReadKey(name) != readKey+escaped {
		return escaped
	}
	return name
}

// restOfName returns what is missing of a reader's name in the key of its tag, escaped; "" where nothing is, or where it
// is not known.
func (r Reading) restOfName() string {
	begin, _, cut := strings.Cut(strings.TrimPrefix(r.key, readKey), hashMark)
	escaped := history.EscapeTag(r.Who, punctuation)
	if !cut || isCutName(r.Who) || len(escaped) < len(begin) {
		return ""
	}
	return escaped[len(begin):]
}

// newReading returns what a reader of the trail is as a reading.
func newReading(r trail.Reader) Reading {
	what := map[string]bool{}
	for _, id := range r.Versions {
		what[history.Short(id)] = true
	}
	for _, stage := range r.Stages {
		what[map[bool]string{true: readCurrent, false: readAny}[stage == history.AWSCurrent]] = true
	}
	return Reading{
		Who: r.Principal, First: r.First.UTC().Truncate(time.Second), Last: r.Last.UTC().Truncate(time.Second),
		What: slices.Sorted(maps.Keys(what)), key: formatReadKey(r.Principal),
	}
}

// join returns both readings of one stranger as one. The same again changes nothing.
func (r Reading) join(other Reading) Reading {
	if other.First.Before(r.First) {
		r.First = other.First
	}
	if other.Last.After(r.Last) {
		r.Last = other.Last
	}
	r.What = slices.Concat(r.What, other.What)
	slices.Sort(r.What)
	r.What = slices.Compact(r.What)
	return r
}

// formatValue returns the value of the tag of the reading. Where there is no room, it leaves out the rest of the name, and
// then which versions were asked for.
func (r Reading) formatValue() string {
	times, rest := fmt.Sprintf("%d %d", r.First.Unix(), r.Last.Unix()), r.restOfName()
	if rest != "" {
		rest = " " + restMark + rest
	}
	what := strings.Join(append([]string{""}, r.What...), " ")
	some := " " + readAny + map[bool]string{true: " " + readCurrent}[slices.Contains(r.What, readCurrent)]
	for _, end := range []string{rest + what, what, rest + some} {
		if value := times + end; len(value) <= history.MaxTagValue {
			return value
		}
	}
	return times + some
}

// holdsUntil returns until when a stranger may still use a version of the secret that it has read; zero where it has not
// read it. past is since when the version is not current; zero while it is.
//
//	it asked for            | it may use the version until
//	------------------------|----------------------------------------------------------
//	that version, or any    | StrangerDrain after its last read
//	AWSCURRENT, for the     | StrangerDrain after its last read, or after the version stopped being current,
//	  first time before     |   whichever is earlier
//	  that stopped being it |
//	else                    | –
func (r Reading) holdsUntil(id string, past time.Time) time.Time {
	if slices.Contains(r.What, readAny) || slices.Contains(r.What, history.Short(id)) {
		return r.Last.Add(StrangerDrain)
	}
	if !slices.Contains(r.What, readCurrent) || !past.IsZero() && r.First.Add(-readWith).After(past) {
		return time.Time{}
	}
	if !past.IsZero() && past.Add(readWith).Before(r.Last) {
		return past.Add(readWith + StrangerDrain)
	}
	return r.Last.Add(StrangerDrain)
}

// watched is a secret whose readers the trail names.
type watched struct {
	name    string // of the bucket or source
	history history.History
	readBy  []Reading // strangers, with what this pass has found
}

// listWatched returns every secret that can have tags of readings: buckets, and sources that rotary may write.
func (s State) listWatched() []watched {
	var all []watched
	for _, source := range s.Sources {
		if source.Manifest.Rotate.Managed == nil && source.Frozen == "" {
			all = append(all, watched{source.Name, source.History, s.findReadings(source.History)})
		}
	}
	for _, b := range s.Buckets {
		if b.Frozen == "" && b.Secret != "" {
			all = append(all, watched{b.Want.Name, b.History, s.findReadings(b.History)})
		}
	}
	return all
}

// findReadings returns the strangers that a secret remembers, with those that this pass has found, by their keys. Those
// that the manifest explains by now, and those that have not read for long, are left out.
func (s State) findReadings(h history.History) []Reading {
	all := map[string]Reading{}
	for _, r := range ParseReadings(h.Tags) {
		all[r.key] = r
	}
	for _, found := range s.Trail.Found {
		if found.Secret != h.Secret {
			continue
		}
		r := newReading(found)
		if known, has := all[r.key]; has {
			r = r.join(known)
		}
		all[r.key] = r
	}
	maps.DeleteFunc(all, func(_ string, r Reading) bool {
		return !r.Last.Add(readingKept).After(s.Now) || s.Explains != nil && s.Explains(h.Secret, r.Who)
	})
	return slices.SortedFunc(maps.Values(all), func(a, b Reading) int { return cmp.Compare(a.key, b.key) })
}

// isDismissed returns the dismissal of the stranger that is in force.
func (r Reading) isDismissed(h history.History, now time.Time) (Dismissal, bool) {
	key := dismissedKey + strings.TrimPrefix(r.key, readKey)
	d, ok := parseDismissal(key, h.Tags[key])
	return d, ok && d.IsInForce(now)
}

// ReadTrailFrom returns from when on the trail is to be read, and until when; due is false where it is not yet. kept is
// until when this process has read it; zero where it has not.
//
// What a stranger read longer ago than StrangerDrain holds nothing up. The newest events are not there yet.
func (s State) ReadTrailFrom(kept time.Time) (from, to time.Time, due bool) {
	if s.Mode == manifest.Observe || s.Trail.Rule == "" || s.Trail.Rule == manifest.ReadersIgnore {
		return from, to, false
	}
	from = laterOf(laterOf(kept, s.findTrailRead()), s.Now.Add(-StrangerDrain))
	to = s.Now.Add(-trail.Lag)
	every := readEvery
	if s.Trail.Rule == manifest.ReadersVeto && len(s.listDebts()) > 0 {
		every = readSoon
	}
	return from, to, !to.Before(from.Add(every))
}

// findTrailRead returns until when the trail was read, by the tags.
func (s State) findTrailRead() (until time.Time) {
	for _, source := range s.Sources {
		if unix, err := strconv.ParseInt(source.Tags[trailKey], 10, 64); err == nil {
			until = laterOf(until, time.Unix(unix, 0).UTC())
		}
	}
	return until
}

// rememberReadings plans the tags of the strangers that were found, and takes those off that count no more. Until when
// the trail was read comes last, so that nobody is passed over.
func (p *Plan) rememberReadings(s State) {
	if s.Mode == manifest.Observe {
		return
	}
	whole := true
	for _, w := range s.listWatched() {
		tag := w.changeReadings()
		if len(tag.Set)+len(tag.Remove) == 0 {
			continue
		}
		if (Bucket{History: w.history}).countTags(tag) > history.MaxTags {
			whole = false
			p.Waits = append(p.Waits, Wait{Subject: w.name, Reason: TagsFull, Detail: fmt.Sprintf(
				"its secret has no room for the tags that remember strangers: %d of %d are not rotary's; remove some",
				w.history.OtherTags, history.MaxTags)})
			continue
		}
		p.Tags = append(p.Tags, tag)
	}
	if whole && s.Trail.Rule == manifest.ReadersVeto && len(s.debts) > 0 {
		p.noteTrailRead(s)
	}
}

// noteTrailRead plans the tag that says until when the trail was read. Another pass may be another process.
func (p *Plan) noteTrailRead(s State) {
	i := slices.IndexFunc(s.Sources, func(source Source) bool {
		return source.Frozen == "" && source.Manifest.Rotate.Managed == nil && len(source.Versions) > 0
	})
	if i < 0 || !s.Trail.Until.After(s.findTrailRead()) {
		return
	}
	source := s.Sources[i]
	tag := Tag{Secret: source.Secret, Bucket: source.Name, Set: map[string]string{trailKey: strconv.FormatInt(s.Trail.Until.Unix(), 10)}}
	if (Bucket{History: source.History}).countTags(tag) <= history.MaxTags {
		p.Tags = append(p.Tags, tag)
	}
}

// changeReadings returns what makes the secret remember its readings.
func (w watched) changeReadings() Tag {
	tag := Tag{Secret: w.history.Secret, Bucket: w.name, Set: map[string]string{}}
	kept := map[string]bool{}
	for _, r := range w.readBy {
		kept[r.key] = true
		if value := r.formatValue(); w.history.Tags[r.key] != value {
			tag.Set[r.key] = value
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.history.Tags)) {
		if strings.HasPrefix(key, readKey) && !kept[key] {
			tag.Remove = append(tag.Remove, key)
		}
	}
	return tag
}

// checkTrail objects, with readers: veto, until the trail was read as far as somebody could have read the credential. It
// permits nothing: what the trail does not show may be there.
func checkTrail(s State, _ Plan, d debt) (Wait, bool) {
	last := d.lastReadable(s)
	if s.Trail.Rule != manifest.ReadersVeto || !laterOf(s.Trail.Until, s.findTrailRead()).Before(last) {
		return Wait{}, false
	}
	detail := "CloudTrail tells with a delay who has read it: events up to " + last.UTC().Format(time.TimeOnly) + " are needed"
	if s.Trail.Failed != "" {
		detail += "; " + s.Trail.Failed
	}
	return Wait{Reason: Trail, Until: laterOf(last.Add(trail.Lag), s.Now.Add(time.Minute)), Detail: detail}, true
}

// objectReading is the objection of a stranger who has read the credential and may still use it, with readers: veto.
func (s State) objectReading(d debt) (Wait, bool) {
	if s.Trail.Rule != manifest.ReadersVeto {
		return Wait{}, false
	}
	name, until, some := d.findStrangerReading(s)
	return Wait{Reason: Stranger, Until: until, Detail: fmt.Sprintf("%s has read it, by CloudTrail, and is in no manifest: "+
		"declare it, or rotary dismiss %s %s --for 7d", name, s.Environment, name)}, some
}

// findStrangerReading returns the stranger that may use the credential for the longest time.
func (d debt) findStrangerReading(s State) (name string, until time.Time, some bool) {
	look := func(h history.History, id string, past time.Time) {
		for _, r := range s.findReadings(h) {
			if _, dismissed := r.isDismissed(h, s.Now); dismissed {
				continue
			}
			if holds := r.holdsUntil(id, past); holds.After(s.Now) && holds.After(until) {
				name, until, some = r.Who, holds, true
			}
		}
	}
	look(d.source.History, d.version.ID, d.source.SeenPast(d.version))
	for _, b := range s.Buckets {
		for _, bv := range b.Versions {
			if (bv.Has(history.AWSCurrent) || stageOf(bv) != isFree) && d.isCarried(b, bv) {
				past, _ := bv.PastSince()
				look(b.History, bv.ID, past)
			}
		}
	}
	return name, until, some
}

// lastReadable returns when somebody could last have read the credential as what is current.
func (d debt) lastReadable(s State) time.Time {
	last := d.source.SeenPast(d.version)
	for _, b := range s.Buckets {
		for _, bv := range b.Versions {
			if past, is := bv.PastSince(); is && d.isCarried(b, bv) {
				last = laterOf(last, past)
			}
		}
	}
	return last
}

// alarmsOfReadings returns the strangers that have read a secret lately and that nobody has dismissed.
func (s State) alarmsOfReadings() []Alarm {
	var all []Alarm
	for _, w := range s.listWatched() {
		for _, r := range w.readBy {
			_, dismissed := r.isDismissed(w.history, s.Now)
			if dismissed || !r.Last.Add(StrangerDrain).After(s.Now) || s.Trail.Rule == manifest.ReadersIgnore {
				continue
			}
			all = append(all, Alarm{StrangerReads, w.name, fmt.Sprintf("%s has read it, last at %s, and is in no manifest: "+
				"declare it, or rotary dismiss %s %s --for 7d", r.Who, r.Last.Format("2006-01-02 15:04 MST"), s.Environment, r.Who)})
		}
	}
	return all
}

// ReadingReport is a stranger that has read a secret.
type ReadingReport struct {
	Name      string    `json:"name"` // of the bucket or source
	Who       string    `json:"who"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Dismissed time.Time `json:"dismissed,omitzero"` // until when
}

// describeReadings returns the strangers that the trail has shown.
func (s State) describeReadings() []ReadingReport {
	var all []ReadingReport
	for _, w := range s.listWatched() {
		for _, r := range w.readBy {
			d, dismissed := r.isDismissed(w.history, s.Now)
			report := ReadingReport{Name: w.name, Who: r.Who, First: r.First, Last: r.Last}
			if dismissed {
				report.Dismissed = d.Until
			}
			all = append(all, report)
		}
	}
	return all
}
