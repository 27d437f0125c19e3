package rotate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Holding is a labelled version of another source of the environment.
type Holding struct {
	Source  manifest.Source
	Claimed bool   // somebody counts on it (see history.Version.Claimed); one that is only owed is not
	Values  Values // with what the source does not declare, as bucket.ReadEverything returns it
}

// Elsewhere reads the labelled versions of the environment's other sources, as they are now: those under AWSCURRENT,
// AWSPENDING or LIVE, whose credentials may be accepted. What cannot be read at all, because its secret is missing, in
// the bin or denied, stops no other source and is left out. A nil Elsewhere knows no other source.
type Elsewhere func(context.Context) ([]Holding, error)

// Read returns what e reads.
func (e Elsewhere) Read(ctx context.Context) ([]Holding, error) {
	if e == nil {
		return nil, nil
	}
	return e(ctx)
}

// readElsewhere is the job's Elsewhere.
func (j Job) readElsewhere(ctx context.Context) (all []Holding, err error) {
	if j.Environment == nil {
		return nil, nil
	}
	for _, other := range j.Environment.Sources {
		if other.Name == j.Source.Name {
			continue
		}
		held, err := j.readHoldings(ctx, other)
		if _, unreadable := errors.AsType[*history.Unreadable](err); unreadable {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for the credential of %s in source %s: %w", j.Source.Name, other.Name, err)
		}
		all = append(all, held...)
	}
	return all, nil
}

// readHoldings reads the labelled versions of one source.
func (j Job) readHoldings(ctx context.Context, source manifest.Source) (all []Holding, err error) {
	h, err := j.Store.Look(ctx, source.Secret)
	if err != nil {
		return nil, err
	}
	for _, v := range h.Versions {
		if !v.Alive() {
			continue
		}
		text, has, err := j.Store.Value(ctx, source.Secret, v.ID)
		if errors.Is(err, secret.ErrBinary) || err == nil && !has {
			continue
		}
		if err != nil {
			return nil, err
		}
		values, err := bucket.ReadEverything(source, text)
		if err != nil { // its credentials are looked for in the text
			values = Values{"": text}
		}
		all = append(all, Holding{source, v.Claimed(), values})
	}
	return all, nil
}

// checkStart refuses a rotation from a version with this text that cannot be rotated as it is (see
// credential.FindObstacles), and one whose credential another source counts on. A version that the other one has replaced
// stops no rotation: it is owed there until this source has moved, so that the two would wait for each other.
func (j Job) checkStart(ctx context.Context, h history.History, base secret.Value, pending history.Version) error {
	values, err := bucket.ReadEverything(j.Source, base)
	if err != nil {
		return err
	}
	_, declared := h.Labelled(history.DeclaredLabel(pending.ID))
	for _, o := range credential.FindObstacles(j.environmentName(), j.Source, values) {
		if o.Reason != credential.Weak || !declared {
			return &Refused{j.Source.Name, o.Text}
		}
	}
	all, err := j.readElsewhere(ctx)
	if err != nil {
		return err
	}
	if holder, held := findHolder(keepClaimed(all), credential.Of(j.Source, values)); held {
		return &Refused{j.Source.Name, fmt.Sprintf("source %s holds the same credential%s, and a rotation of either would "+
			"end the other's: make them one source (url takes several keys), or give each a credential of its own",
			holder.Source.Name, nameHeld(holder, credential.Of(j.Source, values)))}
	}
	return nil
}

// checkRetirable fails for a version that never was a credential, of which only a person can say that nobody needs it,
// and as checkNotElsewhere does.
func (j Job) checkRetirable(ctx context.Context, dying, current Values) error {
	if err := credential.CheckKind(j.Source, dying); err != nil {
		return fmt.Errorf("it never was a credential (%w), and its target cannot be asked: if nobody uses it, "+
			"%s --revoked", err, j.commandOf("retire"))
	}
	return j.checkNotElsewhere(ctx, dying, current)
}

// checkNotElsewhere fails where another source counts on one of the credentials of a version that is to be retired, and
// that the source itself has replaced.
func (j Job) checkNotElsewhere(ctx context.Context, dying, current Values) error {
	replaced := credential.FindReplaced(j.Source, dying, current)
	all, err := j.readElsewhere(ctx)
	if err != nil {
		return err
	}
	if holder, held := findHolder(keepClaimed(all), replaced); held {
		return fmt.Errorf("source %s holds the same credential%s: make them one source, or give each a credential of its "+
			"own", holder.Source.Name, nameHeld(holder, replaced))
	}
	return nil
}

// keepClaimed returns those that somebody counts on.
func keepClaimed(all []Holding) []Holding {
	return slices.DeleteFunc(slices.Clone(all), func(h Holding) bool { return !h.Claimed })
}

// findHolder returns the first holding that holds one of the credentials.
func findHolder(all []Holding, wanted []credential.Credential) (Holding, bool) {
	if len(wanted) == 0 {
		return Holding{}, false
	}
	m := credential.NewMatcher(wanted)
	i := slices.IndexFunc(all, func(h Holding) bool { return slices.Contains(m.FindCarried(h.Values), true) })
	if i < 0 {
		return Holding{}, false
	}
	return all[i], true
}

// nameHeld returns the declared keys under which a version holds one of the credentials, as part of a sentence.
func nameHeld(h Holding, wanted []credential.Credential) string {
	m := credential.NewMatcher(wanted)
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(h.Values)) {
		if h.Source.Declares(key) && slices.Contains(m.FindCarried(Values{key: h.Values[key]}), true) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return " under " + strings.Join(keys, ", ")
}

// commandOf returns the command of a person for the job's source.
func (j Job) commandOf(verb string) string {
	return "rotary " + verb + " " + j.environmentName() + " " + j.Source.Name
}

// environmentName returns the name of the environment as it stands in commands.
func (j Job) environmentName() string {
	if j.Environment == nil {
		return "ENV"
	}
	return j.Environment.Name
}
