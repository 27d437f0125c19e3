package operate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// strangerShapes are the names of strangers: see plan.NormalizeStranger.
//
// Amazon ECS, CreateCluster, CreateService and RegisterTaskDefinition: names have up to 255 letters, digits, underscores
// and hyphens. GitHub: an owner has up to 39 letters, digits and hyphens, a repository up to 100 characters. AWS, IAM
// identifiers: paths and names. What the trail calls others is in trail.ParseEvent; the types are those of
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html.
var strangerShapes = []*regexp.Regexp{
	regexp.MustCompile(`^ecs(-family)?:[A-Za-z0-9_-]{1,255}/[A-Za-z0-9_-]{1,255}$`),
	regexp.MustCompile(`^github:[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}(:[A-Za-z0-9._=-]{1,765})?$`),
	regexp.MustCompile(`^github-org:[A-Za-z0-9-]{1,39}$`),
	regexp.MustCompile(`^(ecs|ecs-family|github):[0-9a-f]{32}$`), // what manifest.Consumer.Location has shortened
	regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/[A-Za-z0-9_+=,.@/-]{1,576})$`),
	regexp.MustCompile(`^arn:aws[a-z-]*:sts::[0-9]{12}:federated-user/[A-Za-z0-9_+=,.@-]{1,64}$`),
	regexp.MustCompile(`^service:[a-z0-9.-]{1,253}$`),
	regexp.MustCompile(`^(assumedrole|awsaccount|directory|federateduser|iamuser|identitycenteruser|role|root|samluser|unknown|webidentityuser):([0-9]{12})?$`),
}

// CheckStranger returns an *Invalid for what is no name of a stranger, and for what the manifest declares.
func (o Operator) CheckStranger(who string) error {
	if err := checkStrangerName(who); err != nil {
		return err
	}
	for _, c := range o.Environment.Consumers {
		if o.isConsumer(c, plan.NormalizeStranger(who)) {
			return newInvalid("%s is no stranger: the manifest declares it as consumer %s", who, c.Name)
		}
	}
	return nil
}

func checkStrangerName(who string) error {
	if slices.ContainsFunc(strangerShapes, func(s *regexp.Regexp) bool { return s.MatchString(who) }) {
		return nil
	}
	return newInvalid("%s is no name of a stranger: write ecs:CLUSTER/SERVICE, ecs-family:CLUSTER/FAMILY, "+
		"github:OWNER/REPOSITORY[:ENVIRONMENT], github-org:OWNER, the ARN of an IAM role or user, or service:HOST, as rotary status or rotary readers names it",
		manifest.Quote(who))
}

// isConsumer reports whether a consumer of the manifest is, or is read by, whoever has this name.
func (o Operator) isConsumer(c manifest.Consumer, who string) bool {
	if plan.NormalizeStranger(c.Location(o.Environment.Name)) == who {
		return true
	}
	return c.Reader != nil && (slices.Contains(c.Reader.Roles, who) ||
		slices.ContainsFunc(c.Reader.Roles, func(role string) bool { return strings.HasSuffix(who, ":role/"+role) }))
}

// ParseDismissalSpan reads for how long a stranger is dismissed: up to plan.MaxDismissal. The error is an *Invalid.
func ParseDismissalSpan(text string) (time.Duration, error) {
	span, err := duration.Parse(text)
	if err != nil {
		return 0, newInvalid("for how long a stranger is dismissed is %w", err)
	}
	if span.Std() > plan.MaxDismissal {
		return 0, newInvalid("a stranger is dismissed for %s at most: declare it as a reader or consumer where it stays",
			duration.Duration(plan.MaxDismissal))
	}
	return span.Std(), nil
}

// Dismiss remembers, in a tag of every secret of the environment that the stranger may hold, that a person has dismissed
// it for this long. Until then it holds no retirement up: whatever credential it has may be refused. It takes the place of
// a dismissal of the same stranger. Nothing is changed where one of the secrets has no room for the tag. Repeatable: where
// it stops, some secrets have the tag. It returns until when.
func (o Operator) Dismiss(ctx context.Context, who string, span time.Duration, caller string) (time.Time, error) {
	if err := o.CheckStranger(who); err != nil {
		return time.Time{}, err
	}
	secrets, err := o.lookAtHoldable(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if len(secrets) == 0 {
		return time.Time{}, newInvalid("environment %s has no secret yet that a stranger could hold", o.Environment.Name)
	}
	now := o.Secrets.Now()
	d := plan.Dismissal{Who: who, Since: now, Until: now.Add(span), Caller: caller}
	var tags []plan.Tag
	for _, h := range secrets {
		tag, fits := plan.Dismiss(h, d)
		if !fits {
			return d.Until, fmt.Errorf("dismiss %s: secret %s has no room for the tag that records it; "+
				"take a tag off that is not rotary's; nothing was changed", who, h.Secret)
		}
		tags = append(tags, tag)
	}
	for _, tag := range tags {
		if err := o.Secrets.Tag(ctx, tag.Secret, tag.Set); err != nil {
			return d.Until, err
		}
	}
	return d.Until, nil
}

// Readmit ends the dismissal of a stranger: from the next pass on it is one again. The error is an *Invalid where nobody
// has dismissed it. Repeatable.
func (o Operator) Readmit(ctx context.Context, who string) error {
	if err := checkStrangerName(who); err != nil {
		return err
	}
	secrets, err := o.lookAtHoldable(ctx)
	if err != nil {
		return err
	}
	found := false
	for _, h := range secrets {
		tag, has := plan.Readmit(h, who)
		if !has {
			continue
		}
		found = true
		if err := o.Secrets.Untag(ctx, tag.Secret, tag.Remove); err != nil {
			return err
		}
	}
	if !found {
		return newInvalid("nobody has dismissed %s in environment %s", who, o.Environment.Name)
	}
	return nil
}

// lookAtHoldable looks at every secret of the environment that holds a credential which rotary retires, or may be given
// one: its buckets, and its sources but those that AWS rotates itself. One that does not exist yet, or that alone cannot
// be looked at, is left out: a stranger stays one there.
func (o Operator) lookAtHoldable(ctx context.Context) ([]history.History, error) {
	var names []string
	for _, b := range o.Environment.Buckets {
		names = append(names, b.Secret)
	}
	for _, s := range o.Environment.Sources {
		if s.Rotate.Kind() != manifest.Managed {
			names = append(names, s.Secret)
		}
	}
	var all []history.History
	for _, name := range names {
		h, err := o.Secrets.Look(ctx, name)
		if _, alone := errors.AsType[*history.Unreadable](err); alone {
			continue
		}
		if err != nil {
			return nil, err
		}
		h.Secret = name
		all = append(all, h)
	}
	return all, nil
}
