package operate

import (
	"context"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// ParsePauseSpan reads for how long an environment is paused: up to plan.MaxPause. The error is an *Invalid.
func ParsePauseSpan(text string) (time.Duration, error) {
	span, err := duration.Parse(text)
	if err != nil {
		return 0, newInvalid("for how long an environment is paused is %w", err)
	}
	if span.Std() > plan.MaxPause {
		return 0, newInvalid("an environment is paused for %s at most: choose mode observe in the manifest for longer",
			duration.Duration(plan.MaxPause))
	}
	return span.Std(), nil
}

// Pause remembers, in a tag of every secret of the environment but those that AWS rotates, that passes only look for this
// long, and that no rotation starts. It takes the place of a pause that is there. A pass that is under way ends what it has
// planned, but retires nothing more. Nothing is changed where one of the secrets has no room for the tag. Repeatable: where
// it stops, some secrets have the tag, and the environment is paused. The error is an *Invalid where the mode is observe,
// or where there is no secret.
func (o Operator) Pause(ctx context.Context, span time.Duration, caller string) (plan.Pause, error) {
	if o.Environment.Mode == manifest.Observe {
		return plan.Pause{}, newInvalid("mode observe writes nothing in %s: there is nothing to pause", o.Environment.Name)
	}
	secrets, err := o.lookAtHoldable(ctx)
	if err != nil {
		return plan.Pause{}, err
	}
	if len(secrets) == 0 {
		return plan.Pause{}, newInvalid("environment %s has no secret yet that could carry a pause", o.Environment.Name)
	}
	now := o.Secrets.Now()
	p := plan.Pause{Since: now, Until: now.Add(span), Caller: caller}
	var tags []plan.Tag
	for _, h := range secrets {
		tag, fits := plan.PauseSecret(h, p)
		if !fits {
			return p, fmt.Errorf("pause %s: secret %s has no room for the tag that records it; "+
				"take a tag off that is not rotary's; nothing was changed", o.Environment.Name, h.Secret)
		}
		tags = append(tags, tag)
	}
	for _, tag := range tags {
		if err := o.Secrets.Tag(ctx, tag.Secret, tag.Set); err != nil {
			return p, fmt.Errorf("pause %s: %w", o.Environment.Name, err)
		}
	}
	return p, nil
}

// Resume ends the pause of the environment, in force or not. paused is false where none of its secrets carries one.
// Repeatable: as long as a secret carries it, the environment is paused.
func (o Operator) Resume(ctx context.Context) (paused bool, err error) {
	secrets, err := o.lookAtHoldable(ctx)
	if err != nil {
		return false, err
	}
	for _, h := range secrets {
		tag, has := plan.ResumeSecret(h)
		if !has {
			continue
		}
		paused = true
		if err := o.Secrets.Untag(ctx, tag.Secret, tag.Remove); err != nil {
			return paused, fmt.Errorf("resume %s: %w", o.Environment.Name, err)
		}
	}
	return paused, nil
}
