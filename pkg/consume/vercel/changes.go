package vercel

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// targetWrites are the writes of a Roll, one for each target.
type targetWrites []targetWrite

// targetWrite is the write for one target: all names in one batch, unless the target has them already, and then the
// removal of what the bucket no longer has.
type targetWrite struct {
	target  string
	names   []string
	types   map[string]string
	bucket  bucket.Bucket
	receipt string
	held    bool
	remove  []variable
}

func (w targetWrite) isEmpty() bool { return (w.held || len(w.names) == 0) && len(w.remove) == 0 }

// touchProduction reports whether anything that a production deployment would get is written or removed.
func (c targetWrites) touchProduction() bool {
	return slices.ContainsFunc(c, func(w targetWrite) bool { return w.target == production })
}

// decideWrites returns what to write, or an error where something forbids every write.
//
//	variable on one of the targets     | key in the bucket        | not in the bucket
//	-----------------------------------|--------------------------|------------------
//	no receipt                         | refused, unless adopted  | left alone
//	this environment's receipt         | updated in place         | deleted
//	none, for several targets, adopted | split: see findSplits    | left alone
//	this or none, for several targets  | refused: split it first  | refused with a receipt, else left alone
//	another environment's receipt      | refused                  | refused
//
// A variable of one git branch, or of custom environments alone, is on none of the targets.
func (p *Project) decideWrites(b bucket.Bucket, seen *projectState) (targetWrites, error) {
	var c targetWrites
	for _, v := range seen.all {
		if !p.coversVariable(v) {
			continue
		}
		if err := p.refuseVariable(b, v); err != nil {
			return nil, err
		}
	}
	for _, target := range p.targets {
		w := p.writeForTarget(b, target, seen)
		if err := p.checkLimits(w, seen); err != nil {
			return nil, err
		}
		if w.held, w.remove = seen.hasWritten(w), seen.findLeftovers(w); !w.isEmpty() {
			c = append(c, w)
		}
	}
	return c, nil
}

// refuseVariable returns an error where a variable of the project forbids to write the bucket.
func (p *Project) refuseVariable(b bucket.Bucket, v variable) error {
	environment, _, marked := parseReceipt(v.Comment)
	wanted := slices.ContainsFunc(p.targets, func(t string) bool { return v.isOn(t) && p.wantsKey(b, v.Key, t) })
	at := fmt.Sprintf("consumer %s: variable %s of project %s (%s)",
		p.consumer, v.Key, p.spec.Project, strings.Join(v.knownTargets(), ", "))
	switch {
	case marked && environment != p.environment:
		return fmt.Errorf("%s belongs to environment %s: two environments claim one target", at, environment)
	case wanted && !marked && !p.adopts(v.Key):
		return fmt.Errorf("%s is not rotary's: list it under adopt, or remove it", at)
	case (wanted || marked) && v.isShared() && !p.isSplit(b, v):
		return fmt.Errorf("%s is one variable for several environments: split it into one for each", at)
	}
	return nil
}

// knownTargets returns the targets of v that this package knows.
func (v variable) knownTargets() []string {
	return slices.DeleteFunc(slices.Clone(v.Target), func(t string) bool {
		return t != production && t != preview && t != development
	})
}

func (p *Project) wantsKey(b bucket.Bucket, key, target string) bool {
	_, has := b.Values[key]
	return has && !p.isExcluded(key, target)
}

// writeForTarget returns the whole write for a target, before what the target has already is taken off.
func (p *Project) writeForTarget(b bucket.Bucket, target string, seen *projectState) targetWrite {
	w := targetWrite{
		target: target, types: map[string]string{}, bucket: b, receipt: formatReceipt(p.environment, b.Version),
	}
	for _, name := range b.Names() {
		if p.wantsKey(b, name, target) {
			w.names = append(w.names, name)
			w.types[name] = p.typeForTarget(target)
		}
	}
	for _, v := range seen.all {
		if v.isOn(target) && v.GitBranch == "" && v.isUnreadable() && target != development {
			w.types[v.Key] = sensitive // it can never be made readable again
		}
	}
	return w
}

// The types that rotary gives.
const (
	sensitive = "sensitive" // nobody can read its value
	encrypted = "encrypted" // the project's members can
)

// typeForTarget returns the type of a new variable: unreadable where secrecy matters and the target allows it.
func (p *Project) typeForTarget(target string) string {
	if target != development && (p.protected || p.spec.Sensitive == "always") {
		return sensitive
	}
	return encrypted
}

// checkLimits returns an error for what Vercel would refuse half-way, or what would fail the next build. The manifest
// was checked against the same limits, but cannot know how many variables others have here.
func (p *Project) checkLimits(w targetWrite, seen *projectState) error {
	at := fmt.Sprintf("consumer %s: %s variables of project %s", p.consumer, w.target, p.spec.Project)
	bytes, count, limit := 0, len(w.names), manifest.Limits("vercel")
	for _, name := range w.names {
		value := secret.Reveal(w.bucket.Values[name])
		if !utf8.ValidString(value) {
			return fmt.Errorf("%s: %s is not text", at, name)
		}
		if why := limit.Refuses(name); why != "" {
			return fmt.Errorf("%s: %s %s", at, name, why)
		}
		bytes += len(name) + len(value)
	}
	for _, v := range seen.all {
		if v.isOn(w.target) && !slices.Contains(w.names, v.Key) {
			count++
			bytes += len(v.Key) // what else it holds is not known
		}
	}
	switch {
	case bytes > limit.TotalBytes:
		return fmt.Errorf("%s: %d bytes are more than Vercel's %d", at, bytes, limit.TotalBytes)
	case count > limit.Count:
		return fmt.Errorf("%s: %d variables are more than Vercel's %d", at, count, limit.Count)
	}
	return nil
}

// hasWritten reports whether the target already has every variable of w with its receipt and nothing changed by hand.
// If not, all are written in one call: the receipt has to move on every one of them.
func (l *projectState) hasWritten(w targetWrite) bool {
	has := 0
	for _, v := range l.owned {
		if !v.isOn(w.target) || !slices.Contains(w.names, v.Key) {
			continue
		}
		if v.Comment != w.receipt || slices.Contains(l.drift[w.target], v.Key) {
			return false
		}
		has++
	}
	return has == len(w.names)
}

// findLeftovers returns the owned variables on w's target that the bucket no longer has.
func (l *projectState) findLeftovers(w targetWrite) (out []variable) {
	for _, v := range l.owned {
		if v.isOn(w.target) && !slices.Contains(w.names, v.Key) {
			out = append(out, v)
		}
	}
	return out
}
