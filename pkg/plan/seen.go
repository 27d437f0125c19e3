package plan

import "time"

// Seen is what one fresh look at a consumer showed. A driver fills it from the sink alone.
type Seen struct {
	Consumer string // its name in the manifest

	Running  string   // the bucket version it is proven to run; "" where none is proven
	Names    []string // the names it has from the bucket in that version, sorted; nil where the sink cannot tell
	InPlay   []string // every bucket version it runs, is rolling to, or could roll back to; includes Running
	Settled  bool     // nothing is unfinished: no rollout, no push, no drain
	Changed  time.Time
	Rest     string    // fingerprint of everything else a Roll would use (the rest of the task definition, the git ref)
	Failed   *Failed   // the newest rollout, if it failed
	Foreign  string    // somebody else's rollout in progress: rotary does not supersede it
	Drift    []string  // names that somebody changed or removed by hand since rotary wrote them
	Unknown  string    // why the look is incomplete; anything in it vetoes every retirement
	Waiting  string    // what an unsettled consumer is waiting for, in words
	WaitTill time.Time // when that ends at the latest; zero where nobody knows
	Detail   string    // one line for people: "2 of 2 tasks", "deployment dpl_x READY"
}

// Failed is a rollout that did not succeed, remembered by what was rolled.
type Failed struct {
	Version string // bucket version
	Rest    string // Seen.Rest at the time
	Reason  string
}
