package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Pause is a person's word that passes over the environment only look until a time. It is a tag of each secret of the
// environment that rotary may tag, so that one secret that comes or goes does not end it: it holds where one of them has it.
//
//	tag              value
//	rotary:paused    UNTIL SINCE CALLER      times in seconds since 1970
//
// A value that cannot be read pauses nothing.
type Pause struct {
	Until  time.Time `json:"until"`
	Since  time.Time `json:"since"`
	Caller string    `json:"caller,omitempty"` // the ARN of who paused it
}

// MaxPause is how long a pause lasts at most.
const MaxPause = 7 * 24 * time.Hour

// pauseDuringLook is how much longer than MaxPause a pause may last from the time of a look on: it may have been made
// while the look was under way.
const pauseDuringLook = time.Hour

// pausedKey is the key of the tag of a pause.
const pausedKey = history.TagPrefix + "paused"

// IsInForce reports whether the pause holds at a time. One that was written to last longer than MaxPause holds for
// nobody: somebody else than rotary wrote it.
func (p Pause) IsInForce(now time.Time) bool {
	return now.Before(p.Until) && !p.Until.After(now.Add(MaxPause+pauseDuringLook))
}

// String returns who has paused the environment, and until when, for people.
func (p Pause) String() string {
	by := ""
	if p.Caller != "" {
		by = " by " + p.Caller
	}
	return fmt.Sprintf("paused%s until %s", by, p.Until.UTC().Format("2006-01-02 15:04 MST"))
}

// FormatPause returns the tag of a pause. What does not fit of the caller is cut off.
func FormatPause(p Pause) (key, value string) {
	value = strconv.FormatInt(p.Until.Unix(), 10) + " " + strconv.FormatInt(p.Since.Unix(), 10) + " "
	caller := history.EscapeTag(p.Caller, punctuation)
	return pausedKey, value + caller[:min(len(caller), history.MaxTagValue-len(value))]
}

// ParsePause returns the pause in the tags of one secret, over or not; ok is false where there is none that can be read.
func ParsePause(tags map[string]string) (p Pause, ok bool) {
	words := strings.Fields(tags[pausedKey])
	if len(words) < 2 || len(words) > 3 {
		return p, false
	}
	until, badUntil := strconv.ParseInt(words[0], 10, 64)
	since, badSince := strconv.ParseInt(words[1], 10, 64)
	if badUntil != nil || badSince != nil {
		return p, false
	}
	p.Until, p.Since = time.Unix(until, 0).UTC(), time.Unix(since, 0).UTC()
	if len(words) == 3 {
		if p.Caller, ok = history.UnescapeTag(words[2]); !ok {
			p.Caller = words[2] // cut within a byte
		}
	}
	return p, true
}

// FindPause returns the pause that is in force at a time by the tags of one of these secrets: the one that ends last.
func FindPause(now time.Time, secrets ...history.History) (last Pause, paused bool) {
	for _, h := range secrets {
		p, ok := ParsePause(h.Tags)
		if ok && p.IsInForce(now) && p.Until.After(last.Until) {
			last, paused = p, true
		}
	}
	return last, paused
}

// FindPause returns the pause that is in force.
func (s State) FindPause() (Pause, bool) {
	var all []history.History
	for _, source := range s.Sources {
		all = append(all, source.History)
	}
	for _, b := range s.Buckets {
		all = append(all, b.History)
	}
	return FindPause(s.Now, all...)
}

// LooksOnly reports whether a pass over s changes nothing: its mode is observe, or it is paused.
func (s State) LooksOnly() bool {
	_, paused := s.FindPause()
	return paused || s.Mode == manifest.Observe
}

// PauseSecret returns what makes a secret remember a pause, in the place of another one. fits is false where the secret
// has no room for another tag.
func PauseSecret(h history.History, p Pause) (tag Tag, fits bool) {
	key, value := FormatPause(p)
	tag = Tag{Secret: h.Secret, Set: map[string]string{key: value}}
	return tag, Bucket{History: h}.countTags(tag) <= history.MaxTags
}

// ResumeSecret returns what ends a pause, in force or not. has is false where the secret has none.
func ResumeSecret(h history.History) (tag Tag, has bool) {
	_, has = h.Tags[pausedKey]
	return Tag{Secret: h.Secret, Remove: []string{pausedKey}}, has
}

// awaitResume waits for the end of the pause that is in force, and plans to take the tags of others off.
func (p *Plan) awaitResume(s State) {
	if pause, paused := s.FindPause(); paused {
		p.Waits = append(p.Waits, Wait{
			Subject: s.Environment, Reason: Paused, Until: pause.Until,
			Detail: pause.String() + ": to end that, rotary resume " + s.Environment,
		})
		return
	}
	if s.Mode == manifest.Observe {
		return
	}
	for _, source := range s.Sources {
		p.dropPause(s, source.Name, source.History)
	}
	for _, b := range s.Buckets {
		p.dropPause(s, b.Want.Name, b.History)
	}
}

// dropPause plans to take a pause off that is over, or that pauses nothing. Sources of one secret share its tag.
func (p *Plan) dropPause(s State, name string, h history.History) {
	tag, has := ResumeSecret(h)
	planned := slices.ContainsFunc(p.Tags, func(t Tag) bool {
		return t.Secret == tag.Secret && slices.Contains(t.Remove, pausedKey)
	})
	if pause, ok := ParsePause(h.Tags); !has || planned || ok && pause.IsInForce(s.Now) {
		return
	}
	tag.Bucket = name
	p.Tags = append(p.Tags, tag)
}
