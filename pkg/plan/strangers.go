package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// SeenStranger is whatever runs on a secret of the environment, and is no declared consumer of it; or a place of which nobody
// knows what runs there.
type SeenStranger struct {
	// Name is where it runs, in the form of manifest.Consumer.Location: ecs:CLUSTER/SERVICE, ecs-family:CLUSTER/FAMILY.
	// Of a place that was not seen it is the place alone: ecs:CLUSTER.
	Name string
	Why  string // what it runs on, or why nobody knows, in words
	Stop string // how a person stops it: a command, or words
	// Unread: the place did not answer. Nobody can dismiss what is not known.
	Unread bool
	// Consumer is a consumer that the manifest declares at the very place, on something else: nobody can dismiss that.
	Consumer string
	// Reader is the consumer that declares it as readers, by the role that reads: nobody need declare it again. What it was
	// seen to run is a veto all the same.
	Reader string
	Holds  []Holding // what it may have, by secret; sorted
}

// Holding is what somebody may have of one secret of the environment: a bucket's, or a source's.
type Holding struct {
	Secret   string   // its name
	Versions []string // sorted
	Any      bool     // whichever was ever made
}

// HoldAny returns holdings of every version of these secrets.
func HoldAny(secrets []history.History) []Holding {
	var all []Holding
	for _, h := range secrets {
		all = append(all, Holding{Secret: h.Secret, Any: true})
	}
	return all
}

// mayHave reports whether a version is among what is held of a secret.
func (h Holding) mayHave(secret, version string) bool {
	return h.Secret == secret && (h.Any || slices.Contains(h.Versions, version))
}

// describe says what it is and what a person does about it.
func (t SeenStranger) describe(s State) string {
	switch {
	case t.Unread:
		return t.Why
	case t.Reader != "":
		return fmt.Sprintf("%s; it reads as consumer %s: start it again, or stop it: %s", t.Why, t.Reader, t.Stop)
	case t.Consumer != "":
		return fmt.Sprintf("%s; consumer %s is declared there, and not on that: start it again, deploy it without, or declare "+
			"readers with its role", t.Why, t.Consumer)
	}
	return fmt.Sprintf("%s; it is no consumer in the manifest: declare it as a consumer or a reader, stop it (%s), or "+
		"rotary dismiss %s %s --for 7d", t.Why, t.Stop, s.Environment, t.Name)
}

// reason is why what it may have stays.
func (t SeenStranger) reason() Reason {
	if t.Unread {
		return Unreadable
	}
	return Stranger
}

// dismissal returns a person's word that somebody is no reason to keep a secret, while that lasts.
func (s State) dismissal(t SeenStranger, secret string) (Dismissal, bool) {
	if t.Unread {
		return Dismissal{}, false
	}
	for _, h := range s.histories() {
		if h.Secret == secret {
			return FindDismissal(h.Tags, t.Name, s.Now)
		}
	}
	return Dismissal{}, false
}

// histories returns the versions, labels and tags of every source and bucket.
func (s State) histories() []history.History {
	var all []history.History
	for _, source := range s.Sources {
		all = append(all, source.History)
	}
	for _, b := range s.Buckets {
		all = append(all, b.History)
	}
	return all
}

// objections returns what a stranger may have and nobody has dismissed it for.
func (s State) objections(t SeenStranger) []Holding {
	return slices.DeleteFunc(slices.Clone(t.Holds), func(h Holding) bool {
		_, dismissed := s.dismissal(t, h.Secret)
		return dismissed
	})
}

// mayHaveDebt reports whether a holding may carry the debt: the owed version of its source, or a version of a bucket that
// carries it.
func (s State) mayHaveDebt(h Holding, d debt) bool {
	if h.mayHave(d.source.Secret, d.version.ID) {
		return true
	}
	for _, b := range s.Buckets {
		if cmp.Or(b.Secret, b.Want.Secret) != h.Secret {
			continue
		}
		if h.Any && slices.ContainsFunc(d.listReach(s), func(other Bucket) bool { return other.Want.Name == b.Want.Name }) {
			return true
		}
		if slices.ContainsFunc(h.Versions, func(id string) bool { return d.mayBeCarried(s, b, id) }) {
			return true
		}
	}
	return false
}

// holdsDebt reports whether a stranger is a reason not to retire the debt.
func (s State) holdsDebt(t SeenStranger, d debt) bool {
	return slices.ContainsFunc(s.objections(t), func(h Holding) bool { return s.mayHaveDebt(h, d) })
}

// mayRunUndeclared reports whether a stranger may have a version of a bucket.
func (s State) mayRunUndeclared(b Bucket, version string) bool {
	return slices.ContainsFunc(s.Strangers, func(t SeenStranger) bool {
		return slices.ContainsFunc(s.objections(t), func(h Holding) bool { return h.mayHave(b.Secret, version) })
	})
}

// isHeldUndeclared reports whether a stranger was seen with this very version, of whatever secret.
func (s State) isHeldUndeclared(version string) bool {
	return slices.ContainsFunc(s.Strangers, func(t SeenStranger) bool {
		return slices.ContainsFunc(s.objections(t), func(h Holding) bool { return slices.Contains(h.Versions, version) })
	})
}

// awaitStrangers waits for whatever runs and stands in no manifest, until it stops, is declared, or is dismissed.
func (p *Plan) awaitStrangers(s State) {
	for _, t := range s.Strangers {
		if len(s.objections(t)) > 0 && t.Reader == "" {
			p.Waits = append(p.Waits, Wait{Subject: t.Name, Reason: t.reason(), Detail: t.describe(s)})
		}
	}
}

// alarmsOfStrangers returns an alarm for each stranger that nobody has dismissed.
func (s State) alarmsOfStrangers() []Alarm {
	var all []Alarm
	for _, t := range s.Strangers {
		if len(s.objections(t)) > 0 && t.Reader == "" && !t.Unread {
			all = append(all, Alarm{StrangerRuns, t.Name, t.describe(s)})
		}
	}
	return all
}

// StrangerReport is one stranger as it was seen.
type StrangerReport struct {
	Name string `json:"name"` // where it runs: ecs:CLUSTER/SERVICE, ecs-family:CLUSTER/FAMILY
	// Detail is what it runs on, and what a person does about it.
	Detail string `json:"detail"`
	// Unseen: it is a place that did not answer, and anything may run there.
	Unseen bool `json:"unseen,omitempty"`
	// Consumer is a consumer that the manifest declares at the very place, on something else: nobody can dismiss that.
	Consumer string `json:"consumer,omitempty"`
	// Reader is the consumer that declares it as readers.
	Reader string `json:"reader,omitempty"`
	// Secrets are those of which it may have something, sorted.
	Secrets []string `json:"secrets,omitempty"`
	// Dismissed: a person has said until when it is no reason to keep any of them.
	Dismissed *DismissalReport `json:"dismissed,omitempty"`
}

// DismissalReport is who dismissed a stranger, and until when.
type DismissalReport struct {
	By    string    `json:"by"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// describeStrangers returns the reports of all strangers, in their order.
func (s State) describeStrangers() []StrangerReport {
	var all []StrangerReport
	for _, t := range s.Strangers {
		r := StrangerReport{Name: t.Name, Detail: t.describe(s), Unseen: t.Unread, Reader: t.Reader}
		for _, h := range t.Holds {
			r.Secrets = append(r.Secrets, h.Secret)
		}
		r.Dismissed = s.describeDismissal(t)
		if d := r.Dismissed; d != nil {
			r.Detail = fmt.Sprintf("%s; dismissed by %s until %s", t.Why, d.By, d.Until.Format(time.RFC3339))
		}
		all = append(all, r)
	}
	return all
}

// describeDismissal returns the dismissal that ends first of those that leave no objection of a stranger; nil where one is
// left.
func (s State) describeDismissal(t SeenStranger) *DismissalReport {
	var first *DismissalReport
	for _, h := range t.Holds {
		d, dismissed := s.dismissal(t, h.Secret)
		if !dismissed {
			return nil
		}
		if first == nil || d.Until.Before(first.Until) {
			first = &DismissalReport{By: d.Caller, Since: d.Since, Until: d.Until}
		}
	}
	return first
}

// Remembered is a place where the tags of a bucket remember a consumer that the manifest does not have there any more.
type Remembered struct {
	Name     string // of the consumer
	Secret   string // the name of the bucket's
	Location string
}
