// Package plan decides what one pass does. It is pure: State in, Plan out, no clock, no context, no I/O.
package plan

import (
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// State is everything that one pass has seen of one environment.
type State struct {
	Environment string
	Now         time.Time // when the look began, by the store's own time, not this machine's
	Mode        manifest.Mode
	Sources     []Source // sorted by name
	Buckets     []Bucket // sorted by name
	Dropped     []DroppedSource
	Strangers   []SeenStranger // sorted by name
	// ReceiptsFailed is why there may be more places with a receipt, in words.
	ReceiptsFailed string
	Trail          Watched
	// Explains reports whether the manifest explains that a principal reads a secret, by the secret's name; nil: of nobody.
	Explains       func(secret, principal string) bool
	AcceptRemovals []string // names that a bucket may lose although their mapping still stands
	// Disown has, by consumer, the adopted names that a person asks to give back; all of them where it names none.
	Disown map[string][]string

	debts []debt // what is owed: listDebts
}

// Source holds what a pass has seen of one source.
type Source struct {
	Name     string
	Manifest manifest.Source // its entry in the manifest
	// Undeclared counts the keys that the current version holds besides those that the manifest declares.
	Undeclared int
	// Frozen is why nothing of it is marked, retired or given to buckets, in words and without values; "" where it is not.
	Frozen string
	// Takes is how long what a change of it replaces lives at most where everybody follows.
	Takes time.Duration
	history.History
	Contents  Contents
	Consumers []Consumer // that read it themselves, sorted by name

	Tested   bool               // a target can be asked about it: buckets are computed from the version under TAKEN
	Carried  bool               // the buckets that it feeds carry what its current version holds
	Outcomes map[string]Outcome // by version id: what targets were asked in this pass
}

// Contents are the versions of a secret that this pass has read, by id. One that is missing was not needed.
type Contents map[string]Content

// Content is one version of a secret as it was read. The zero Content is unknown: it may hold anything, because the
// secret could not be read.
type Content struct {
	Values    map[string]secret.Value // nil where they are not known
	Absent    bool                    // the version has no value
	Malformed bool                    // the version has a value, which cannot be read
}

// Bucket holds what a pass has seen of one bucket, and the content that it should have.
type Bucket struct {
	Want    bucket.Bucket    // computed now; Want.Version is the id it has or would get; no values where it is frozen
	Frozen  string           // why it is not written, in words and without values; "" where it is not frozen
	Entries []manifest.Entry // everything that the manifest gives this bucket, with a value or without
	// Relations are its consumers and its sources by the manifest; the tags in History have those that it had besides.
	Relations []Relation
	history.History
	Contents  Contents
	Made      []history.Version // every version that exists, oldest first; known where the bucket is stale or ages
	Consumers []Consumer        // sorted by name; with those that its tags remember
}

// Consumer is one consumer of a bucket, or of a source itself.
type Consumer struct {
	Name    string
	Kind    string // in the manifest's words
	Leaving bool
	// Remembered: the tags of the bucket have it, and the manifest does not have it there: it is seen, never rolled.
	Remembered bool
	Relation   Relation // that they have; of those that are Remembered alone
	// RunsTasks: ECS starts it from task definitions, which can be used for a while after they were deregistered.
	RunsTasks bool
	Drain     time.Duration // not 0: readers without a receipt, never rolled
	Seen
}
