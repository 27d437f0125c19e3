package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// Use is what is remembered of an owed credential that its target sees used, in one label of the owed version:
//
//	USED-<count>-<unix time of the first>-<of the last>-<of Ends>-<start of the version id>-<what was seen, escaped>
//
// The rotate function writes it when it is asked to retire the version and refuses. It goes over into the next one with
// each such answer, and off once the version is not owed any more.
type Use struct {
	Count int       `json:"count"` // of refused retirements
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Ends is when nothing of it vetoes any more by itself; zero where somebody has to end it, or to accept it.
	Ends time.Time `json:"ends,omitzero"`
	Seen string    `json:"seen"` // who uses it, from where and since when, in words and without values
}

// UseOf returns what the label of an owed version remembers of its use, and the label.
func UseOf(v history.Version) (u Use, label string) {
	label, has := v.Label(history.Used)
	if !has {
		return Use{}, ""
	}
	parts := strings.SplitN(strings.TrimPrefix(label, history.Used), "-", 6)
	for len(parts) < 6 {
		parts = append(parts, "")
	}
	u.Count, _ = strconv.Atoi(parts[0])
	u.First, u.Last = parseUnix(parts[1]), parseUnix(parts[2])
	if parts[3] != "0" && parts[3] != "" {
		u.Ends = parseUnix(parts[3])
	}
	u.Seen, _ = history.UnescapeTag(parts[5])
	return u, label
}

// After returns what is to be remembered when the target has seen a use once more.
func (u Use) After(now, ends time.Time, seen string) Use {
	if u.Count == 0 {
		u.First = now
	}
	return Use{Count: u.Count + 1, First: u.First, Last: now, Ends: ends, Seen: seen}
}

// longestLabel is how many characters a label has at most
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html).
const longestLabel = 256

// Label returns the label of u for an owed version. Of a long description it keeps the beginning.
func (u Use) Label(h history.History, v history.Version) string {
	ends := int64(0)
	if !u.Ends.IsZero() {
		ends = u.Ends.Unix()
	}
	label := fmt.Sprintf("%s%d-%d-%d-%d-%s-", history.Used, u.Count, u.First.Unix(), u.Last.Unix(), ends,
		strings.TrimPrefix(h.LabelFor(history.Live, v.ID), history.Live))
	return label + escapeStart(u.Seen, longestLabel-len(label))
}

// escapeStart escapes as much of the beginning of a text as fits.
func escapeStart(text string, most int) string {
	escaped := history.EscapeTag(text, "")
	for len(escaped) > most {
		text = text[:len(text)-1]
		escaped = history.EscapeTag(text, "")
	}
	return escaped
}

// askAgainAfter is how long a target is left alone after it has seen a use so many times; the last one holds for all that
// follow.
var askAgainAfter = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}

// nextLook is when the target is asked again; zero where it has seen no use.
func (u Use) nextLook() time.Time {
	if u.Count == 0 {
		return time.Time{}
	}
	at := u.Last.Add(askAgainAfter[min(u.Count, len(askAgainAfter))-1])
	if !u.Ends.IsZero() && u.Ends.After(u.Last) && u.Ends.Before(at) {
		return u.Ends
	}
	return at
}

// checkWitness objects after the target has seen the credential used, until it is asked again or a person has accepted
// that since. The question is the retirement itself: the rotate function looks immediately before it ends anything.
func checkWitness(s State, _ Plan, d debt) (Wait, bool) {
	u, _ := UseOf(d.version)
	accepted, some := d.version.TimeOf(history.Sessions)
	detail := u.Seen + "; if it may be cut off: rotary accept " + s.Environment + " " + d.source.Name + " --sessions"
	return Wait{Reason: Witness, Detail: detail, Until: u.nextLook()},
		u.nextLook().After(s.Now) && !(some && !accepted.Before(u.Last))
}

// useOf returns what the label of an owed version remembers of its use; nil where no use was seen.
func useOf(v history.Version) *UseReport {
	u, _ := UseOf(v)
	if u.Count == 0 {
		return nil
	}
	accepted, _ := v.TimeOf(history.Sessions)
	return &UseReport{u, accepted}
}

// UseReport is a use, and when a person has accepted it; zero where nobody has.
type UseReport struct {
	Use
	Accepted time.Time `json:"accepted,omitzero"`
}

// explainedBy returns until when what the target sees explains that a version is still owed.
func (u Use) explainedBy() time.Time {
	if u.Ends.IsZero() {
		return time.Time{}
	}
	return u.Ends.Add(owedAtLeast)
}

// provenAt returns since when every consumer is known to be without the credential of the debt: the latest of
//
//	the owed version was seen not to be current
//	a bucket version that carries it was withdrawn, or seen not to be current
//	a deployment onto or away from one was created or ended
//
// While a gate before settling objects it is not proven yet, and the time means nothing.
func (d debt) provenAt(s State) time.Time {
	at := d.source.SeenPast(d.version)
	for _, b := range s.Buckets {
		at = laterOf(at, d.leftAt(s, b))
	}
	return at
}

// leftAt returns when the last of the versions of a bucket that carry the credential was withdrawn, seen not to be
// current, or deployed onto or away from; zero where none was.
func (d debt) leftAt(s State, b Bucket) (at time.Time) {
	for _, bv := range b.Versions {
		if label, aged := agedAt(bv); aged && d.isCarried(b, bv) {
			at = laterOf(at, label)
		}
	}
	for _, c := range b.Consumers {
		for _, m := range c.Moves {
			if d.mayBeCarried(s, b, m.Version) {
				at = laterOf(at, m.At)
			}
		}
	}
	return at
}
