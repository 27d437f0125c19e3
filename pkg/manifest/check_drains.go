package manifest

import (
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// symmetricSteps is the number of versions that one rotation of a symmetric secret makes, each after every consumer
// follows the one before.
const symmetricSteps = 3

// checkDrains reports rotations of this environment that cannot end before the next one is due, and notes those that
// take more than a third of the time until then. A planned rotation is refused while an old credential lives.
func (c checker) checkDrains() {
	for _, s := range c.env.Sources {
		if s.Rotate.Every == 0 || s.AtOnce() {
			continue
		}
		path, every := "sources."+s.Name+".rotate.every", s.Rotate.Every.Std()
		name, certain := c.env.findSlowest(s, Consumer.Drain)
		if took := s.rotationTakes(certain); name != "" && took > every {
			c.add(path, c.describeSlow(s, name, certain)+", longer than every "+s.Rotate.Every.String(),
				"shorten the drain, or rotate less often: a rotation is refused while the one before goes on")
			continue
		}
		name, longest := c.env.findSlowest(s, Consumer.longestUse)
		if took := s.rotationTakes(longest); name != "" && took > every/3 {
			c.addNote(path, c.describeSlow(s, name, longest)+", more than a third of every "+s.Rotate.Every.String(),
				"shorten the drain, or rotate less often")
		}
	}
}

// describeSlow returns how long a rotation of s takes, and because of whom.
func (c checker) describeSlow(s Source, consumer string, drain time.Duration) string {
	steps := "1 step"
	if n := s.CountSteps(); n > 1 {
		steps = fmt.Sprintf("%d steps", n)
	}
	declared, _ := c.env.Consumer(consumer)
	takes := "takes about "
	if declared.Drain() == 0 {
		takes = "may take "
	}
	return "a rotation of " + Quote(s.Name) + " " + takes + formatAbout(s.rotationTakes(drain)) + " (" + steps + " of " +
		formatAbout(drain) + ", for consumer " + Quote(consumer) + ")"
}

// rotationTakes returns how long a rotation of s takes where its slowest consumer may use a version for drain after it
// was replaced: then the version is withdrawn, and once that is quiet its credential is retired.
func (s Source) rotationTakes(drain time.Duration) time.Duration {
	return time.Duration(s.CountSteps()) * (max(drain, history.LateWrite) + history.Deregistered)
}

// RetirementTakes returns how long what a change of s replaces lives at most where everybody follows: the waits of each
// step, and the longest time for which a consumer may use a version after it was replaced.
func (e *Environment) RetirementTakes(s Source) time.Duration {
	_, longest := e.findSlowest(s, Consumer.longestUse)
	return s.rotationTakes(longest)
}

// CountSteps returns how many versions a rotation of s makes.
func (s Source) CountSteps() int {
	if s.Symmetric() != "" {
		return symmetricSteps
	}
	return 1
}

// longestUse returns how long at most c may use a version after it was replaced: its drain, that of the workflow runs of
// a repository, or what the manifest says of Skew Protection. Runs end earlier as a rule, and are seen to.
func (c Consumer) longestUse() Duration {
	switch {
	case c.GitHub != nil:
		return c.GitHub.Drain
	case c.Vercel != nil:
		age, _ := c.Vercel.AssumedSkewProtection()
		return Duration(age)
	}
	return c.Drain()
}

// findSlowest returns the consumer for which lasts returns the most, of those that read s or a bucket that it feeds; ""
// where that is 0 for all of them.
func (e *Environment) findSlowest(s Source, lasts func(Consumer) Duration) (name string, longest time.Duration) {
	for _, c := range e.consumersOf(s) {
		if d := lasts(c).Std(); d > longest {
			name, longest = c.Name, d
		}
	}
	return name, longest
}

// consumersOf returns the consumers that read a source, or run on a bucket that it feeds, sorted by name.
func (e *Environment) consumersOf(s Source) (all []Consumer) {
	for _, c := range e.Consumers {
		b, on := e.Bucket(c.Bucket)
		if c.Source == s.Name || on && slices.Contains(e.findFeeds(b), s.Name) {
			all = append(all, c)
		}
	}
	return all
}

// formatAbout returns a duration in whole hours, in days from three on, and in minutes below one hour.
func formatAbout(d time.Duration) string {
	switch {
	case d >= 72*time.Hour:
		return fmt.Sprintf("%dd", d.Round(24*time.Hour)/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%dh", d.Round(time.Hour)/time.Hour)
	}
	return fmt.Sprintf("%dm", d.Round(time.Minute)/time.Minute)
}
