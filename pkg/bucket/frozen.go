package bucket

import (
	"errors"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Kept holds what a bucket keeps while sources that feed it are frozen: under the names that they give it, the values of
// one version of the bucket. The zero Kept keeps nothing.
type Kept struct {
	Frozen  map[string]bool         // by source
	Version string                  // the version of the bucket; "" where it has none
	Values  map[string]secret.Value // of that version; nil where they are not known
}

// ComputeOne derives one bucket, as Compute does, and takes the values of frozen sources from kept. sources needs every
// other source that feeds the bucket. The error is a *Problems.
//
//	an entry's source is            | the name is
//	--------------------------------|----------------------------------------------
//	frozen, and kept has the name   | kept's value; a later layer may replace it
//	frozen, and kept lacks the name | what a layer before gave it, or nothing
//	not frozen                      | what Compute gives it
//
// Where a source is frozen, and what the bucket's version holds is not known, the bucket cannot be derived.
func ComputeOne(
	env *manifest.Environment, definition manifest.Bucket, sources map[string]Source, kept Kept,
) (Bucket, error) {
	problems := &Problems{Environment: env.Name}
	if kept.Version != "" && kept.Values == nil {
		for _, source := range env.Entries(definition).Feeds() {
			if kept.Frozen[source] {
				problems.add(Problem{Bucket: definition.Name, Source: source, What: "source " + manifest.Quote(source) +
					" is frozen, and what bucket " + manifest.Quote(definition.Name) + " holds cannot be read"})
			}
		}
	}
	derived := computeBucket(env, definition, sources, kept, problems)
	return derived, problems.sortedError()
}

// CheckSource returns what Compute refuses about the content of one source, as a *Problems; nil where it is good.
func CheckSource(env *manifest.Environment, declared manifest.Source, held Source) error {
	problems := &Problems{Environment: env.Name}
	checkSource(declared, held, problems)
	return problems.sortedError()
}

// keptPrefix makes texts that are too long to be the id of a version, which has 64 characters at most.
const keptPrefix = "as it stands, while this source is frozen, in the version of the bucket that is called "

// KeptFrom returns what stands for a frozen source in the versions that Token hashes: the version of the bucket that its
// values are kept from. What is derived follows from that version and from those of the other sources, so that one
// token never names two contents.
func KeptFrom(version string) string { return keptPrefix + version }

// Explain returns the reasons of an error in one line: of a *Problems only what is wrong.
func Explain(err error) string {
	problems, is := errors.AsType[*Problems](err)
	if !is {
		return strings.Join(strings.Fields(err.Error()), " ")
	}
	var whats []string
	for _, p := range problems.List {
		whats = append(whats, p.What)
	}
	return strings.Join(whats, "; ")
}
