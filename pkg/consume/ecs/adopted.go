package ecs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// A service that has adopted names remembers which, and the revision that it had before, in tags of the service:
//
//	rotary:adopted:N    FAMILY:REVISION NAME NAME …     N from 1; as many as are needed
//	rotary:adopted:N    -FAMILY:REVISION NAME NAME …    given back
//
// A tag that cannot be read marks nothing.
const adoptedKey = "rotary:adopted:"

// maxTagValue is how many characters the value of a tag has at most
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html).
const maxTagValue = 256

// mark is one adopted name.
type mark struct {
	name   string
	before string // the revision that the service had before, family:revision
	back   bool   // it was given back
}

// Adopting lets Status and Roll of a service take these of the manifest's names to adopt for adopted; the Roll marks them.
func Adopting(names []string) Option { return func(d *definitions) { d.adopting = names } }

// parseMarks returns what the tags of a service mark, a name once, in the order of the tags' numbers. A name that is
// adopted and was given back before is adopted.
func parseMarks(tags []types.Tag) (marks []mark) {
	for n := range len(tags) {
		words := strings.Fields(tagValue(tags, adoptedKey+strconv.Itoa(n+1)))
		if len(words) < 2 {
			continue
		}
		before, back := strings.CutPrefix(words[0], "-")
		for _, name := range words[1:] {
			i := slices.IndexFunc(marks, func(m mark) bool { return m.name == name })
			switch {
			case i < 0:
				marks = append(marks, mark{name, before, back})
			case marks[i].back && !back:
				marks[i] = mark{name, before, back}
			}
		}
	}
	return marks
}

// formatMarks returns the tags that mark these, and empty ones in place of those that tags has besides: a tag cannot be
// taken off with the rights of a roll. It fails for a name that does not fit beside its revision.
func formatMarks(marks []mark, tags []types.Tag) (out []types.Tag, err error) {
	value, n := "", 0
	flush := func() {
		if value != "" {
			n++
			out = append(out, types.Tag{Key: aws.String(adoptedKey + strconv.Itoa(n)), Value: aws.String(value)})
		}
		value = ""
	}
	head := ""
	for _, m := range marks {
		own := m.before
		if m.back {
			own = "-" + own
		}
		if own != head || len(value)+1+len(m.name) > maxTagValue {
			flush()
			head, value = own, own
		}
		if value += " " + m.name; len(value) > maxTagValue {
			return nil, fmt.Errorf("remember that %s was adopted from %s: a tag has at most %d characters", m.name, m.before, maxTagValue)
		}
	}
	flush()
	for ; tagValue(tags, adoptedKey+strconv.Itoa(n+1)) != ""; n++ {
		out = append(out, types.Tag{Key: aws.String(adoptedKey + strconv.Itoa(n+1)), Value: aws.String("")})
	}
	return out, nil
}

// withMarks returns the place in which the names are adopted that the service's tags mark, and those that this pass
// adopts, as far as the manifest permits them.
func (at place) withMarks(tags []types.Tag, adopting []string) place {
	at.adopt = slices.DeleteFunc(slices.Clone(at.permitted), func(name string) bool {
		return !slices.Contains(adopting, name) && !isMarked(tags, name)
	})
	return at
}

func isMarked(tags []types.Tag, name string) bool {
	return slices.ContainsFunc(parseMarks(tags), func(m mark) bool { return m.name == name && !m.back })
}

// findLeft returns the names that the manifest permits to adopt, that nobody has adopted, and that a chosen container of r
// has from elsewhere: a Roll leaves them as they are. Sorted by name.
func (at place) findLeft(r revision) (left []plan.Elsewhere) {
	for _, name := range slices.Sorted(slices.Values(at.permitted)) {
		if slices.Contains(at.adopt, name) {
			continue
		}
		for _, i := range at.chooseContainers(r.input) {
			c := r.input.ContainerDefinitions[i]
			if slices.ContainsFunc(c.Secrets, func(s types.Secret) bool { return aws.ToString(s.Name) == name && at.isOurs(s) }) {
				continue
			}
			if from := nameOrigin(c, name); from != "" {
				left = append(left, plan.Elsewhere{Name: name, From: from})
				break
			}
		}
	}
	return left
}

// withoutLeft returns names without those that findLeft returns.
func (at place) withoutLeft(r revision, names []string) []string {
	left := at.findLeft(r)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(left, func(e plan.Elsewhere) bool { return e.Name == name })
	})
}

// unadoptedReason returns why a service that has names of the bucket from elsewhere, and nothing of the bucket itself, is
// left alone; "" where it is not, because something is adopted or nothing is to be.
func (at place) unadoptedReason(environment string, r revision) string {
	if len(at.adopt) > 0 {
		return ""
	}
	left := at.findLeft(r)
	for _, i := range at.chooseContainers(r.input) {
		if slices.ContainsFunc(r.input.ContainerDefinitions[i].Secrets, at.isOurs) {
			return ""
		}
	}
	return plan.DescribeLeft(environment, at.consumer, left)
}

// markAdopted marks, in tags of the service, the names that this pass adopts from its task definition. Repeatable.
func (s *Service) markAdopted(ctx context.Context, l serviceSnapshot) error {
	tags := l.service.Tags
	unmarked := s.at.withMarks(tags, nil).findLeft(l.goalRevision())
	marks := parseMarks(tags)
	changed := false
	for _, e := range unmarked {
		if !slices.Contains(s.at.adopt, e.Name) {
			continue
		}
		marks = append(slices.DeleteFunc(marks, func(m mark) bool { return m.name == e.Name }),
			mark{name: e.Name, before: l.goalRevision().String()})
		changed = true
	}
	if !changed {
		return nil
	}
	return s.writeMarks(ctx, l.service, marks)
}

func (s *Service) writeMarks(ctx context.Context, svc types.Service, marks []mark) error {
	tags, err := formatMarks(marks, svc.Tags)
	if err != nil {
		return err
	}
	_, err = s.client.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: svc.ServiceArn, Tags: tags})
	return err
}

// Disown starts a rollout that gives adopted names back, all where names is empty: each container gets a name from where it
// had it before, and where nothing adopted is left, no name from the bucket. Everything else stays as it is now. Where that
// is what the service had before, that revision is deployed again. Repeatable: after an error at any point it goes on. It
// fails where a rollout is in progress, and where ECS has forgotten the revision before.
func (s *Service) Disown(ctx context.Context, names []string) error {
	if err := s.giveBack(ctx, names); err != nil {
		return fmt.Errorf("give back what ECS service %s has adopted: %w", s, awserr.Legible(err))
	}
	return nil
}

func (s *Service) giveBack(ctx context.Context, names []string) error {
	l, err := s.snapshotService(ctx)
	if err != nil {
		return err
	}
	if why := firstNonEmpty(l.absent, l.foreignRollout()); why != "" {
		return errors.New(why)
	}
	marks := parseMarks(l.service.Tags)
	rest := false // something stays adopted
	for i, m := range marks {
		if len(names) == 0 || slices.Contains(names, m.name) {
			marks[i].back = true
		}
		rest = rest || !marks[i].back
	}
	given := slices.DeleteFunc(slices.Clone(marks), func(m mark) bool { return !m.back })
	if len(given) == 0 {
		return errors.New("it has adopted nothing")
	}
	if err := s.writeMarks(ctx, l.service, marks); err != nil {
		return err
	}
	arn, err := s.deriveFormer(ctx, l.goalRevision(), given, rest)
	if err != nil || arn == l.goalDefinition() {
		return err
	}
	_, err = s.deployRevision(ctx, l.service, arn)
	return err
}

// deriveFormer returns the ARN of the revision that is base with these names as they were before. rest: other names stay
// adopted.
func (s *Service) deriveFormer(ctx context.Context, base revision, given []mark, rest bool) (string, error) {
	want := base.input
	if !rest {
		want = s.at.withoutBucketNames(want, nil)
	}
	var formers []revision
	for _, m := range given {
		i := slices.IndexFunc(formers, func(r revision) bool { return r.String() == m.before })
		if i < 0 {
			former, err := s.describeRevision(ctx, m.before)
			if err != nil {
				return "", fmt.Errorf("read %s, which it had before: %w", m.before, err)
			}
			formers, i = append(formers, former), len(formers)
		}
		want = restoreName(s.at.withoutBucketNames(want, []string{m.name}), formers[i].input, m.name)
	}
	for _, former := range formers {
		if former.active && sameDefinition(former.input, want) {
			return former.arn, nil
		}
	}
	if sameDefinition(base.input, want) {
		return base.arn, nil
	}
	want.Tags = s.by.replaceOwnerTags(want.Tags)
	return s.findOrRegister(ctx, want)
}

// withoutBucketNames returns a copy of in, in which the chosen containers have no entries of the bucket with these names;
// none at all where names is nil.
func (at place) withoutBucketNames(in sdk.RegisterTaskDefinitionInput, names []string) sdk.RegisterTaskDefinitionInput {
	chosen := at.chooseContainers(in)
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	for _, i := range chosen {
		c := &in.ContainerDefinitions[i]
		c.Secrets = slices.DeleteFunc(slices.Clone(c.Secrets), func(s types.Secret) bool {
			return at.isOurs(s) && (names == nil || slices.Contains(names, aws.ToString(s.Name)))
		})
	}
	return in
}

// restoreName returns a copy of in, in which each container has a name from where the container of former has it; where in
// has the name already, it stays.
func restoreName(in, former sdk.RegisterTaskDefinitionInput, name string) sdk.RegisterTaskDefinitionInput {
	in.ContainerDefinitions = slices.Clone(in.ContainerDefinitions)
	for i := range in.ContainerDefinitions {
		c := &in.ContainerDefinitions[i]
		j := slices.IndexFunc(former.ContainerDefinitions, func(f types.ContainerDefinition) bool {
			return aws.ToString(f.Name) == aws.ToString(c.Name)
		})
		if j < 0 || nameOrigin(*c, name) != "" {
			continue
		}
		for _, e := range former.ContainerDefinitions[j].Secrets {
			if aws.ToString(e.Name) == name {
				c.Secrets = append(slices.Clone(c.Secrets), e)
			}
		}
		for _, e := range former.ContainerDefinitions[j].Environment {
			if aws.ToString(e.Name) == name {
				c.Environment = append(slices.Clone(c.Environment), e)
			}
		}
	}
	return in
}
