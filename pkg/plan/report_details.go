package plan

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// SourceTimes are when a source is rotated, and when it is too old.
type SourceTimes struct {
	// Next is when Secrets Manager rotates it next by its schedule; zero where none is set.
	Next time.Time `json:"next,omitzero"`
	// Due is when its current version is older than max_age allows, or than a schedule that is kept; zero without either.
	Due time.Time `json:"due,omitzero"`
}

// measureTimes returns the times of a source. Where the manifest has both max_age and a schedule, the earlier counts.
func (s Source) measureTimes() SourceTimes {
	t := SourceTimes{Next: s.NextRotation}
	current, exists := s.Current()
	note := func(age time.Duration) {
		if at := current.Created.Add(age); exists && !current.Created.IsZero() && (t.Due.IsZero() || at.Before(t.Due)) {
			t.Due = at
		}
	}
	if maxAge := s.Manifest.MaxAge.Std(); maxAge > 0 {
		note(maxAge)
	}
	if every := s.Manifest.Rotate.Every.Std(); every > 0 {
		note(every + rotatesLate)
	}
	return t
}

// Veto is a person's RETAIN: who put it on a version, and when, as far as a label of rotary retain says.
type Veto struct {
	By    string    `json:"by,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// findRetained returns what is known of the RETAIN on a version; nil where it carries none.
func findRetained(s Source, v history.Version) *Veto {
	if !v.Has(history.Retain) {
		return nil
	}
	by, since := s.RetainedBy(v)
	return &Veto{By: by, Since: since}
}

// RolloutFailure is a rollout of a consumer that did not succeed.
type RolloutFailure struct {
	Version string    `json:"version"`     // of the bucket
	At      time.Time `json:"at,omitzero"` // when it ended, where the sink tells
	Reason  string    `json:"reason"`      // in the sink's words
}

// describeRollout adds to the report of a consumer since when it runs what, and how its newest rollout went.
func (c *ConsumerReport) describeRollout(of Consumer) {
	c.Kind, c.Since, c.RollingTo = of.Kind, of.Since, of.RollingTo
	c.RollingSince, c.RollsTill, c.NotRolled = of.RollingSince, of.RollsTill, of.NotRolled
	c.Left, c.Adopted = of.Left, of.Adopted
	if f := of.Failed; f != nil {
		c.Failed = &RolloutFailure{Version: f.Version, At: f.At, Reason: f.Reason}
	}
}

// listHolders returns the names of the consumers and strangers because of whom the debt is not retired, sorted and each
// once: what the gates from UnseenConsumer to Deployable find, of every consumer. An emergency's deadline that has
// passed opens all of these gates.
func (s State) listHolders(d debt) []string {
	if s.isOverdue(d) {
		return nil
	}
	var names []string
	for _, c := range d.listReaders(s) {
		if c.isUnseen() || c.NotRolled != "" && len(c.InPlay) == 0 && !c.Leaving {
			names = append(names, c.Name)
		}
	}
	for _, t := range s.Strangers {
		if s.holdsDebt(t, d) {
			names = append(names, t.Name)
		}
	}
	if name, _, some := d.findStrangerReading(s); some && s.Trail.Rule == manifest.ReadersVeto {
		names = append(names, name)
	}
	names = append(names, s.listUsers(d)...)
	slices.Sort(names)
	return slices.Compact(names)
}

// listUsers returns the names of the consumers that have, or could start on, something that carries the debt.
func (s State) listUsers(d debt) []string {
	var names []string
	for _, c := range d.source.Consumers {
		if c.hasInPlay(d.version.ID) {
			names = append(names, c.Name)
		}
	}
	for _, b := range s.Buckets {
		for _, c := range b.Consumers {
			carries := func(id string) bool { return d.mayBeCarried(s, b, id) }
			if slices.ContainsFunc(c.InPlay, carries) || slices.ContainsFunc(c.Deployable, carries) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// VersionReport is one version of a source: which labels it carries and who runs on it.
type VersionReport struct {
	Version string    `json:"version"`
	Made    time.Time `json:"made,omitzero"`
	Labels  []string  `json:"labels"`
	// RunBy are the consumers that run on it, or could start on it. Of a version that is not owed they are those that
	// were seen on a bucket's current version, which was made from it.
	RunBy []string `json:"runBy,omitempty"`
}

// describeVersions returns the versions of a source that carry a label, and who runs on each.
func (s State) describeVersions(source Source) []VersionReport {
	used, _ := source.inUse()
	var all []VersionReport
	for _, v := range source.Versions {
		if len(v.Labels) == 0 {
			continue
		}
		r := VersionReport{Version: v.ID, Made: v.Created, Labels: slices.Clone(v.Labels)}
		if v.ID == used.ID {
			r.RunBy = s.listFollowers(source, v)
		}
		for _, d := range s.debts {
			if d.source.Name == source.Name && d.version.ID == v.ID {
				r.RunBy = s.listUsers(d)
			}
		}
		slices.Sort(r.RunBy)
		r.RunBy = slices.Compact(r.RunBy)
		all = append(all, r)
	}
	return all
}

// listFollowers returns the consumers that were seen on the version of a source that is in use: who reads the source
// itself, and who runs the current version of a bucket that was made from it.
func (s State) listFollowers(source Source, v history.Version) []string {
	var names []string
	for _, c := range source.Consumers {
		if c.Running == v.ID {
			names = append(names, c.Name)
		}
	}
	for _, b := range s.Buckets {
		current, exists := b.Current()
		if !exists || !b.isFedBy(source.Name) || b.Stale() {
			continue
		}
		for _, c := range b.Consumers {
			if c.Running == current.ID {
				names = append(names, c.Name)
			}
		}
	}
	return names
}
