package rotate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Witness holds what a rotator needs to judge who still uses an owed credential, by its target's own account. Times are
// Secrets Manager's.
type Witness struct {
	Now time.Time // when the retirement began
	// Proof is since when every consumer was seen without the credential. Zero: nobody has said since when.
	Proof time.Time
	// Accepted is when a person has said that whoever uses it may be cut off; zero where nobody has.
	Accepted time.Time
	Forced   bool // an emergency's deadline has passed: whoever uses it is cut off
}

// Use is one way in which a target has seen a credential used: a session of a login, which lives, or the last call with a
// key or a token. It has no user: the name of a login is a part of what the source holds.
type Use struct {
	Session bool
	Ago     time.Duration // how long ago the session began, at least, or the call was made
	// Certain: Ago is when the session began. Otherwise only so much is known, that it has done nothing for that long.
	Certain bool
	Address string // of the client, or the region of the call; "" where the target does not show it
	By      string // application name of the session, or service of the call
}

// Judge returns a *InUse where one of the uses vetoes the retirement:
//
//	the target has seen            | it vetoes
//	-------------------------------|-----------------------------------------------------------
//	anything, where Forced         | no
//	anything that began or was     | no
//	  made no later than           |
//	  AcceptanceHolds after        |
//	  Accepted                     |
//	a session that began, or did   | until it ends, or SessionsLinger after Proof
//	  something last, before Proof |
//	any other session              | until it ends, or a person accepts it
//	a call before Proof            | no
//	any other call                 | until a person accepts it
func (w Witness) Judge(uses []Use) error {
	var vetoes []Use
	ends, lasting := time.Time{}, false
	for _, u := range uses {
		until, by := w.vetoOf(u)
		if !by {
			continue
		}
		vetoes = append(vetoes, u)
		lasting = lasting || until.IsZero()
		if until.After(ends) {
			ends = until
		}
	}
	if len(vetoes) == 0 {
		return nil
	}
	if lasting {
		ends = time.Time{}
	}
	return &InUse{Seen: describeUses(vetoes, w.Now), Ends: ends}
}

// vetoOf reports whether a use vetoes the retirement now, and until when by itself; zero for no such time.
func (w Witness) vetoOf(u Use) (until time.Time, vetoes bool) {
	before := !w.Proof.IsZero() && !w.dateOf(u).After(w.Proof)
	lingers := w.Proof.Add(history.SessionsLinger)
	switch {
	case w.IsAccepted(u):
		return time.Time{}, false
	case !u.Session:
		return time.Time{}, !before
	case before:
		return lingers, lingers.After(w.Now)
	}
	return time.Time{}, true
}

// IsAccepted reports whether a person, or an emergency's deadline, has accepted that a use is cut off.
func (w Witness) IsAccepted(u Use) bool {
	return w.Forced || !w.Accepted.IsZero() && !w.dateOf(u).After(w.Accepted.Add(history.AcceptanceHolds))
}

// AcceptedAgo returns how long ago a session must have begun to be accepted: it may be negative.
func (w Witness) AcceptedAgo() (ago time.Duration, some bool) {
	return w.Now.Sub(w.Accepted.Add(history.AcceptanceHolds)), !w.Accepted.IsZero()
}

// dateOf returns when a use began, was made, or was seen to do something last.
func (w Witness) dateOf(u Use) time.Time { return w.Now.Add(-u.Ago) }

// InUse is the error of a Retire that has ended nothing, because the target sees the credential used.
type InUse struct {
	Seen string    // who uses it, from where and since when, without values
	Ends time.Time // when nothing of it vetoes any more by itself; zero for never
}

func (i *InUse) Error() string { return "its target sees it used: " + i.Seen }

// describeUses describes uses for people: sessions from one address and application together.
func describeUses(uses []Use, now time.Time) string {
	type group struct {
		count int
		Use
	}
	var groups []group
	for _, u := range uses {
		i := slices.IndexFunc(groups, func(g group) bool {
			return g.Session == u.Session && g.Address == u.Address && g.By == u.By
		})
		if i < 0 {
			groups = append(groups, group{1, u})
			continue
		}
		if groups[i].count++; u.Ago > groups[i].Ago {
			groups[i].Ago, groups[i].Certain = u.Ago, u.Certain
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int { return b.count - a.count })
	var texts []string
	for _, g := range groups {
		texts = append(texts, g.describe(g.count, now))
	}
	const most = 3
	if more := len(texts) - most; more > 0 {
		texts = append(texts[:most], fmt.Sprintf("and from %d more places", more))
	}
	return strings.Join(texts, ", ")
}

// describe describes so many sessions of one kind, or a call.
func (u Use) describe(count int, now time.Time) string {
	at := now.Add(-u.Ago).UTC().Format("2006-01-02 15:04 MST")
	by := ""
	if name := cleanName(u.By); name != "" {
		by = " (" + name + ")"
	}
	if !u.Session {
		if u.By == "" && u.Address == "" {
			return "used at " + at
		}
		return fmt.Sprintf("used at %s, for %s in %s", at, cleanName(u.By), cleanName(u.Address))
	}
	from := "an address that is not visible to this login"
	if u.Address != "" {
		from = cleanName(u.Address)
	}
	since := "since " + at
	switch {
	case !u.Certain && u.Ago <= 0:
		since = "now"
	case !u.Certain:
		since = "last active at " + at
	case count > 1:
		since = "the oldest " + since
	}
	sessions := "1 session"
	if count > 1 {
		sessions = fmt.Sprintf("%d sessions", count)
	}
	return fmt.Sprintf("%s from %s%s, %s", sessions, from, by, since)
}

// longestName is how many bytes of a name are shown that a client has given itself.
const longestName = 40

// cleanName returns a name that a client or a target has given, in printable ASCII and without what looks like a
// credential.
func cleanName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, name)
	if secret.LooksLike(name) {
		return "?"
	}
	return name[:min(longestName, len(name))]
}

// noteUse remembers on an owed version who uses its credential, in one label that takes the place of the one before.
// Where the secret has no room for it, it fails with why. Repeatable.
func (j Job) noteUse(ctx context.Context, h history.History, owed history.Version, why *InUse) error {
	before, former := plan.UseOf(owed)
	if former == "" && !h.HasRoom(1) {
		return fmt.Errorf("retire version %s of %s: %w", history.Short(owed.ID), j.Source.Name, why)
	}
	if former != "" { // first, because there may be no room for two
		if err := j.Store.Move(ctx, h.Secret, former, "", owed.ID); err != nil {
			return err
		}
	}
	label := before.After(j.Store.Now(), why.Ends, why.Seen).Label(h, owed)
	return j.Store.Move(ctx, h.Secret, label, owed.ID, "")
}
