package operate

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Harm lists, before an emergency begins, which consumers it breaks, when, and what cannot be known yet.
type Harm struct {
	Source    string
	Rotates   manifest.Source // Source, as the manifest has it
	Replaced  string          // the current version, where a new one replaces it
	Starts    string          // what the new one is made from, where the target has not accepted the current version
	UnderWay  string          // the version of an emergency that is under way
	Joined    string          // the version of a planned rotation that becomes the emergency
	Stopped   string          // the version of a rotation that ends here
	Deadline  time.Time       // when everything older dies, used or not; zero: its consumers decide
	Raised    bool            // the deadline is later than was asked for
	AtOnce    bool            // the old credential dies as soon as there is a new one
	Confirmed bool            // a late request can take the new login away, which is set again within a minute
	Dead      []string        // versions that die at once: the new credential takes their place
	Retained  []string        // versions that live on, deadline or not
	Consumers []Exposed
}

// Exposed is a consumer of the source, and what becomes of it.
type Exposed struct {
	Name    string
	Reads   string // its bucket, or the source that it reads itself
	Running string // the version of it that it runs, as far as is proven
	State   string
	Unseen  bool // nobody sees what it runs: it drains
	Fate    Fate
}

// Fate describes when an emergency breaks a consumer. The zero Fate: it runs on until it has followed.
type Fate struct {
	AtOnce   bool      // refused until it has followed
	Followed bool      // nothing: it has followed
	Dead     []string  // refused at once where it still runs one of these versions
	From     time.Time // refused from then on, unless it has followed; zero: never
}

// Foresee returns what the emergency e does. What the consumers run is the report's, what is live the history's.
func Foresee(env *manifest.Environment, e Emergency, r plan.Report) Harm {
	h := Harm{
		Source: e.Source.Name, Rotates: e.Source, Replaced: e.Current.ID, UnderWay: e.Going.ID, Joined: e.Joined.ID,
		Stopped: e.Stopped.ID, Deadline: e.Until, Raised: e.Raised, Dead: listIDs(e.Doomed()), Consumers: []Exposed{},
		AtOnce:    e.Going.ID == "" && e.Source.AtOnce(),
		Confirmed: e.Source.LateWrite() == manifest.LateConfirmed && (e.Stopped.ID != "" || len(e.History.Owed()) > 0),
	}
	if h.UnderWay != "" {
		h.Replaced = ""
	}
	if used, _ := e.History.InUse(); e.Begins() && used.ID != e.Current.ID {
		h.Starts = used.ID
	}
	for _, v := range e.History.Versions {
		if v.Has(history.Retain) {
			h.Retained = append(h.Retained, v.ID)
		}
	}
	seen := r.Source(e.Source.Name)
	for _, c := range r.Consumers {
		if slices.Contains(seen.Consumers, c.Name) {
			h.Consumers = append(h.Consumers, h.exposeConsumer(env, e, c, isBehind(c, r)))
		}
	}
	return h
}

func (h Harm) exposeConsumer(env *manifest.Environment, e Emergency, c plan.ConsumerReport, behind bool) Exposed {
	declared, known := env.Consumer(c.Name)
	return Exposed{
		Name: c.Name, Reads: c.Reads(), Running: c.Running, State: c.State,
		Unseen: known && declared.Reader != nil, Fate: h.decideFate(e, behind),
	}
}

// isBehind reports whether a consumer may run something that is owed: it is not seen on its bucket's version, or its
// bucket is not what the sources say.
func isBehind(c plan.ConsumerReport, r plan.Report) bool {
	refused := []plan.Reason{plan.Brake, plan.LabelsFull, plan.WriteRate}
	return c.State != "current" ||
		slices.ContainsFunc(r.Steps, func(s plan.Step) bool { return s.Do == "write" && s.Subject == c.Bucket }) ||
		slices.ContainsFunc(r.Waits, func(w plan.Wait) bool {
			return w.Subject == c.Bucket && slices.Contains(refused, w.Reason)
		})
}

// decideFate returns what becomes of a consumer.
//
//	the emergency                          | the consumer | its fate
//	---------------------------------------|--------------|------------------------------------
//	of a source that ends the old at once  | any          | refused until it has followed
//	has made the current version           | is not behind| nothing
//	takes the place of an owed credential  | is behind    | refused at once where it runs that
//	has a deadline                         | any other    | refused then, unless it has followed
//	has none                               | any other    | nothing
func (h Harm) decideFate(e Emergency, behind bool) Fate {
	switch {
	case h.AtOnce:
		return Fate{AtOnce: true}
	case e.Going.ID != "" && !e.Going.Has(history.AWSPending) && !behind:
		return Fate{Followed: true}
	}
	fate := Fate{From: h.Deadline}
	if behind {
		fate.Dead = h.Dead
	}
	return fate
}
