package plan

import (
	"fmt"
	"slices"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Departure is something that a deployed environment still needs and that its next manifest does not have any more. What
// is deployed all the same is remembered by the tags of the buckets.
type Departure struct {
	Kind string `json:"kind"` // reader, source or bucket
	Name string `json:"name"`
	Todo string `json:"todo"` // why it may not leave yet, and what to do before
}

func (d Departure) String() string {
	return map[string]string{Reads: "consumer ", Feeds: "source ", departedBucket: "bucket "}[d.Kind] + d.Name + " " + d.Todo
}

const departedBucket = "bucket"

// CompareManifest returns what may not leave the manifest of an environment yet, by a report about what is deployed. What
// moves stays in it, and may: its former place is remembered.
//
//	left the manifest           | may leave
//	----------------------------|--------------------------------------------------------------
//	a source                    | when it owes nothing and no rotation of it is under way
//	a consumer of a bucket      | when it was leaving, and was seen with nothing of the bucket in play
//	a reader behind a drain     | when it was leaving: its drain is waited for
//	a consumer of a source      | when that source owes nothing
//	a bucket                    | when nobody was seen on it
func CompareManifest(next *manifest.Environment, deployed Report) []Departure {
	var all []Departure
	for _, s := range deployed.Sources {
		if _, kept := next.SourceBySecret(s.Secret); !kept && (len(s.Owed) > 0 || s.Pending != "") {
			all = append(all, Departure{Feeds, s.Name, describeUnfinished(s) + ": keep it in the manifest, with secret " +
				s.Secret + ", until rotary status shows neither"})
		}
	}
	for _, c := range deployed.Consumers {
		if todo := c.explainStay(deployed); !hasConsumer(next, c.Name) && todo != "" {
			all = append(all, Departure{Reads, c.Name, todo})
		}
	}
	for _, b := range deployed.Buckets {
		kept := slices.ContainsFunc(next.Buckets, func(n manifest.Bucket) bool { return n.Secret == b.Secret })
		used := slices.ContainsFunc(deployed.Consumers, func(c ConsumerReport) bool { return c.Bucket == b.Name && !c.Empty })
		if !kept && used {
			all = append(all, Departure{departedBucket, b.Name, "still has consumers: move them to another bucket first, and " +
				"keep this one, with secret " + b.Secret + ", until rotary status shows none on it"})
		}
	}
	return all
}

func hasConsumer(e *manifest.Environment, name string) bool {
	_, has := e.Consumer(name)
	return has
}

// describeUnfinished returns what is unfinished at a source.
func describeUnfinished(s SourceReport) string {
	if len(s.Owed) > 0 {
		return fmt.Sprintf("owes the retirement of %d versions", len(s.Owed))
	}
	return "is being rotated"
}

// explainStay returns why a consumer may not leave the manifest yet; "" where it may, or is not in it.
func (c ConsumerReport) explainStay(deployed Report) string {
	switch {
	case c.Remembered || c.Bucket == "" && c.Source == "":
		return ""
	case c.Source != "" && len(deployed.Source(c.Source).Owed) == 0:
		return ""
	case c.Source != "":
		return "may still use what source " + c.Source + " owes: keep it until rotary status shows that nothing is owed there"
	case !c.Leaving:
		return "is not leaving: write leaving: true and deploy, remove it at its sink, and then take it out of the manifest"
	case !c.Empty:
		return "is leaving, and still runs on bucket " + c.Bucket + " or cannot be seen: remove it at its sink first"
	}
	return ""
}

// CompareMemory returns what buckets remember and a next manifest does not have, each name once. It takes the place of
// CompareManifest where what is deployed does not answer: then whether any of it may leave is not known.
func CompareMemory(next *manifest.Environment, memory []Relation) []Departure {
	var all []Departure
	for _, r := range memory {
		_, kept := next.SourceBySecret(r.Secret())
		if r.Kind == Reads {
			kept = hasConsumer(next, r.Name)
		}
		d := Departure{r.Kind, r.Name, "may still be needed, and what is deployed does not say"}
		if !kept && !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all
}

// DropForgotten returns the departures without those that a person named.
func DropForgotten(departures []Departure, names []string) []Departure {
	return slices.DeleteFunc(slices.Clone(departures), func(d Departure) bool { return slices.Contains(names, d.Name) })
}
