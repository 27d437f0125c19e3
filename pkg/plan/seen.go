package plan

import (
	"slices"
	"time"
)

// Seen holds what one fresh look at a consumer showed. A driver fills it from the sink alone.
type Seen struct {
	Consumer string // its name in the manifest

	Running   string // the bucket version it is proven to run; "" where none is proven
	RollingTo string // the version an unfinished rollout of rotary's, or new task sets, bring; "" where none is under way
	// Since is since when it runs Running at the latest, and RollingSince when the rollout to RollingTo began, where the
	// sink tells.
	Since, RollingSince time.Time
	// RollsTill is until when bake times and lifecycle hooks explain that the rollout under way, whoever's it is, lasts;
	// zero where they explain nothing. Bakes is how long its bake times make each of its rollouts last.
	RollsTill time.Time
	Bakes     time.Duration
	Names     []string // the names it has from the bucket, sorted; nil where the sink cannot tell
	InPlay    []string // every bucket version it runs, is rolling to, or could roll back to; includes Running
	// Deployable is every bucket version that somebody could deploy: ACTIVE revisions of its task family pin it, whoever
	// registered them. It is filled where Opening asks for it.
	Deployable []string
	Kept       []string // of Deployable: what Withdraw leaves to whoever registered it
	Moves      []Move   // recent deployments onto or away from bucket versions
	// DeploysTake is the longest that its pipeline takes from the copy of a task definition to its deployment.
	DeploysTake time.Duration
	Unpinned    string // why its tasks take what is current when they start, in words: Roll cures it
	// ServesFor is for how long the sink itself goes on with a version after it was replaced, by its own answer.
	ServesFor time.Duration
	Settled   bool // nothing is unfinished: no rollout, no push, no drain
	Changed   time.Time
	Rest      string  // fingerprint of everything else a Roll would use (the rest of the task definition, the git ref)
	Failed    *Failed // the newest rollout, if it failed
	Foreign   string  // somebody else's rollout in progress, in words: rotary does not supersede it
	NotRolled string  // why rotary does not roll it before a person or its pipeline has acted, in words
	// Left are names of the bucket that it has from elsewhere, that the manifest lets rotary adopt, and that nobody has
	// adopted: they stay as they are. Adopted are those that somebody has. Both are sorted.
	Left     []Elsewhere
	Adopted  []string
	Drift    []string // names that somebody changed or removed by hand since rotary wrote them
	Unknown  string   // why the look is incomplete, in words; anything here vetoes every retirement
	Absent   string   // a token that works shows that it does not exist, in words: nothing of it runs
	Unread   bool     // the sink could not be read at all: nothing is known, and nothing is rolled
	Waiting  string   // what an unsettled consumer is waiting for, in words
	WaitTill time.Time
	Detail   string // one line for people: "2 of 2 tasks", "deployment dpl_x READY"
}

// Elsewhere is a name that a consumer has from elsewhere than its bucket.
type Elsewhere struct {
	Name string `json:"name"`
	From string `json:"from"` // in words, and never a value
}

// Move is a deployment onto or away from a bucket version, within the last history.Deregistered or, where that is
// longer, Seen.DeploysTake.
type Move struct {
	Version string
	At      time.Time // when it was created or, later, when it ended
}

// Failed is a rollout that did not succeed, remembered by what was rolled.
type Failed struct {
	Version string    // bucket version
	Rest    string    // Seen.Rest at the time
	Reason  string    // in the sink's words
	At      time.Time // when it ended, or was made where the sink does not tell; zero where it tells neither
}

// hasFailedWith reports whether this very rollout, version and everything else, has failed already.
func (s Seen) hasFailedWith(version string) bool {
	return s.Failed != nil && s.Failed.Version == version && s.Failed.Rest == s.Rest
}

// isUnseen reports whether not everything is known of a consumer.
func (c Consumer) isUnseen() bool { return c.Unread || c.Unknown != "" }

// runsOnly reports whether the consumer is proven to run version, all of it and nothing else.
func (s Seen) runsOnly(version string) bool {
	return s.Settled && s.Running == version && s.Unknown == "" && s.Unpinned == "" && len(s.Drift) == 0
}

// hasInPlay reports whether version is in play.
func (s Seen) hasInPlay(version string) bool { return slices.Contains(s.InPlay, version) }
