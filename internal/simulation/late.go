package simulation

import (
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// lateBy is when a late call lands where the schedule names no time.
const lateBy = 4 * time.Minute

// lateMargin is by how much the longest delay that is played is shorter than the bound on which rotary relies.
const lateMargin = 30 * time.Second

// longestDelay returns how long a call can land after it was given up: what history.LateWrite is made for, or, at a
// database, what history.Outlast leaves when the rotate Lambda has ended.
func longestDelay(c sim.Call) time.Duration {
	if c.Service == "database" {
		return history.Outlast - rotate.Timeout
	}
	return history.LateWrite - lateMargin
}

// listDelays returns the late outcomes of a write that are played: at once, after lateBy, and as late as can be.
func listDelays(c sim.Call) []string {
	all := []string{"late", "late 0s"}
	if longest := longestDelay(c); longest != lateBy {
		all = append(all, "late "+longest.String())
	}
	return all
}

// landing is a write that was given up and lands later.
type landing struct {
	call   sim.Call
	at     time.Time
	values []string // that it may bring: by the time it lands, somebody may have them because of it
}

// noteLate notes that a write was given up and still lands.
func (w *World) noteLate(c sim.Call, f sim.Fault) {
	if f.Outcome != sim.Late || !c.Write {
		return
	}
	now := w.Clock.Now()
	w.late = slices.DeleteFunc(w.late, func(l landing) bool { return !now.Before(l.at) })
	w.late = append(w.late, landing{c, now.Add(f.Delay), w.listBrought(c)})
}

// listBrought returns the values that a write can bring to anybody: of a sink's, those of the buckets that its consumer
// is on; of a bucket's or a source's, its own. What brings nothing adds nothing.
func (w *World) listBrought(c sim.Call) (values []string) {
	if bringsNothing(c) {
		return nil
	}
	if s, is := w.Env.SourceBySecret(c.Resource); is {
		return w.listNewest(s.Secret, nil)
	}
	for _, b := range w.Env.Buckets {
		own := c.Resource == b.Secret || slices.ContainsFunc(w.Env.Consumers, func(consumer manifest.Consumer) bool {
			return consumer.Bucket == b.Name && isAbout(c, consumer)
		})
		if own {
			values = append(values, w.listNewest(b.Secret, isWithdrawn)...)
		}
	}
	return values
}

// bringsNothing reports whether a write gives nobody a value: it takes something away, stops a task that starts again on
// the same revision, or puts a tag.
func bringsNothing(c sim.Call) bool {
	return slices.Contains([]string{"StopTask", "TagResource", "UntagResource", "DeregisterTaskDefinition", "Deregister"}, c.Operation)
}

// isAbout reports whether a call names the place of a consumer: its service, repository or project.
func isAbout(c sim.Call, consumer manifest.Consumer) bool {
	text := c.Resource + "\n" + c.Question
	switch {
	case c.Service == "fleet":
		return c.Resource == consumer.Name
	case c.Service == "ecs" && consumer.ECS != nil:
		return strings.Contains(text, consumer.ECS.Service)
	case c.Service == "github" && consumer.GitHub != nil:
		if o := consumer.GitHub.Organization; o != "" {
			return strings.Contains(text, "orgs/"+o)
		}
		return strings.Contains(text, consumer.GitHub.Repository)
	case c.Service == "vercel" && consumer.Vercel != nil:
		return strings.Contains(text, consumer.Vercel.Project)
	}
	return false
}

// isWithdrawn reports whether a bucket version was withdrawn, or is owed by nobody: it is not current, and nobody is
// rolled onto it. After a rollback that is the newest version.
func isWithdrawn(labels []string) bool {
	return !slices.Contains(labels, history.AWSCurrent) && !slices.ContainsFunc(labels, func(label string) bool {
		return strings.HasPrefix(label, history.Held) || strings.HasPrefix(label, history.Past)
	})
}

// listNewest returns the values of the current version of a secret and of its newest one, unless without reports of its
// labels that it counts no more. A nil without reports that of none.
func (w *World) listNewest(name string, without func(labels []string) bool) (values []string) {
	versions := w.peekAt(name)
	for i, v := range versions {
		isCurrent := slices.Contains(v.Labels, history.AWSCurrent)
		if !isCurrent && (i < len(versions)-1 || without != nil && without(v.Labels)) {
			continue
		}
		for _, value := range readBucket(name, v.Value) {
			values = append(values, secret.Reveal(value))
		}
	}
	return values
}
