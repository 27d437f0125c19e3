package ecs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// familyAPI is what a Family uses of the ECS client.
type familyAPI interface {
	definitionAPI
	taskAPI
}

// Clients reach what starts the tasks of a family, and the tasks.
type Clients struct {
	ECS       familyAPI
	Rules     Rules
	Schedules Schedules
}

// Family is the consumer that is one family's tasks, which rules and schedules start. It counts by what they would start:
// between two runs there is no task to prove anything.
type Family struct {
	definitions
	tasks     taskAPI
	rules     Rules
	schedules Schedules
	cluster   string // its ARN
	name      string // the family's
}

// NewFamily returns the consumer that is one family of an environment, on its bucket. It calls nothing.
func NewFamily(clients Clients, c manifest.Consumer, env *manifest.Environment, b history.History) *Family {
	m := c.ECSFamily
	at := place{container: m.Container, bucketARN: b.ARN, variable: m.Variable, adopt: m.Adopt}
	return &Family{
		definitions: definitions{api: clients.ECS, by: owner{env.Name, c.Name}, at: at, bucket: b},
		tasks:       clients.ECS, rules: clients.Rules, schedules: clients.Schedules, name: m.Family,
		cluster: fmt.Sprintf("arn:%s:ecs:%s:%s:cluster/%s", arnPartition(b.ARN), env.Region, env.Account, m.Cluster),
	}
}

// arnPartition is the second part of an ARN: aws, aws-cn or aws-us-gov.
func arnPartition(arn string) string {
	parts := strings.SplitN(arn, ":", 3)
	if len(parts) < 3 {
		return "aws"
	}
	return cmp.Or(parts[1], "aws")
}

// String is cluster/family.
func (f *Family) String() string { return shortName(f.cluster) + "/" + f.name }

// familySnapshot is everything that one look at a family showed.
type familySnapshot struct {
	targets   []target
	named     []revision // what each target would start, in the targets' order
	others    []types.Task
	revisions map[string]revision // of the others
}

// snapshotFamily reads the targets before the tasks: what a target started in between is among the tasks.
func (f *Family) snapshotFamily(ctx context.Context) (familySnapshot, error) {
	l := familySnapshot{revisions: map[string]revision{}}
	var err error
	if l.targets, err = f.findTargets(ctx); err != nil {
		return l, err
	}
	for _, t := range l.targets {
		r, err := f.describeRevision(ctx, t.definition)
		if err != nil {
			return l, err
		}
		l.named = append(l.named, r)
	}
	if l.others, err = f.listStragglers(ctx, l.named); err != nil {
		return l, err
	}
	for _, t := range l.others {
		arn := aws.ToString(t.TaskDefinitionArn)
		if l.revisions[arn], err = f.describeRevision(ctx, arn); err != nil {
			return l, err
		}
	}
	return l, nil
}

// listStragglers returns the family's tasks that have not stopped and run a revision that no target names.
func (f *Family) listStragglers(ctx context.Context, named []revision) ([]types.Task, error) {
	in := sdk.ListTasksInput{Cluster: aws.String(f.cluster), Family: aws.String(f.name)}
	all, err := listUnstoppedTasks(ctx, f.tasks, in)
	return slices.DeleteFunc(all, func(t types.Task) bool {
		return slices.ContainsFunc(named, func(r revision) bool { return r.arn == aws.ToString(t.TaskDefinitionArn) })
	}), err
}

// playing returns every revision that a target would start or a task runs.
func (l familySnapshot) revisionsInPlay() []revision {
	all := slices.Clone(l.named)
	for _, t := range l.others {
		all = append(all, l.revisions[aws.ToString(t.TaskDefinitionArn)])
	}
	return all
}

// Status looks at every rule and schedule that starts the family, at what they would start, and at its tasks. Changes
// nothing.
//
//	the look shows                                    | Seen
//	--------------------------------------------------|------------------------------------------
//	no target                                         | Unknown: who starts it, nobody knows
//	a target that names the family, not a revision    | Unknown: Roll cures it
//	targets that do not all pin one version           | nothing is proven; all of them in play
//	all on one version, and a task of another revision | RollingTo
//	all on one version, and no such task              | Running, settled
func (f *Family) Status(ctx context.Context) (plan.Seen, error) {
	l, err := f.snapshotFamily(ctx)
	if err != nil {
		return plan.Seen{Consumer: f.by.consumer}, fmt.Errorf("look at ECS family %s: %w", f, legible(err))
	}
	return f.toSeen(l), nil
}

func (f *Family) toSeen(l familySnapshot) plan.Seen {
	version := f.pinnedVersion(l.named)
	s := plan.Seen{
		Consumer: f.by.consumer, InPlay: f.at.versionsInPlay(l.revisionsInPlay()), Settled: len(l.others) == 0, Changed: l.lastChange(), Rest: f.fingerprintTargets(l.named),
		Names: f.commonNames(l.named), Drift: f.driftingNames(l.named), Unknown: f.unknownReason(l), Detail: fmt.Sprintf("%d rules and schedules", len(l.targets)),
	}
	switch {
	case !s.Settled:
		s.RollingTo, s.Waiting = version, fmt.Sprintf("%d tasks of a revision that nothing starts any more still run", len(l.others))
	case s.Unknown == "":
		s.Running = version
	}
	return s
}

// pinnedVersion is the one that all these revisions pin; "" where there is no such version.
func (f *Family) pinnedVersion(named []revision) string {
	one := ""
	for i, r := range named {
		v := f.at.readPins(r).pinnedVersion()
		if v == "" || i > 0 && v != one {
			return ""
		}
		one = v
	}
	return one
}

// fingerprintTargets is the fingerprint of what a Roll would make of each target's revision.
func (f *Family) fingerprintTargets(named []revision) string {
	sum := sha256.New()
	for _, r := range named {
		_, _ = sum.Write([]byte(f.at.fingerprintAfterRoll(r)))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// commonNames are those that every target's container has from the bucket; nil for a bundle.
func (f *Family) commonNames(named []revision) []string {
	var common []string
	for i, r := range named {
		p := f.at.readPins(r)
		if len(p.bundles) > 0 {
			return nil
		}
		if i == 0 {
			common = append([]string{}, p.names...)
		}
		common = slices.DeleteFunc(common, func(n string) bool { return !slices.Contains(p.names, n) })
	}
	return common
}

func (f *Family) driftingNames(named []revision) (names []string) {
	for _, r := range named {
		names = append(names, f.at.readPins(r).odd...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (f *Family) unknownReason(l familySnapshot) string {
	if len(l.targets) == 0 {
		return fmt.Sprintf("no rule of the default bus and no schedule starts tasks of family %s in cluster %s: who does is not known", f.name, shortName(f.cluster))
	}
	for _, t := range l.targets {
		if !t.namesRevision() {
			return fmt.Sprintf("%s names no revision: it starts whatever is registered last", t.name)
		}
	}
	for _, r := range l.revisionsInPlay() {
		if why := f.at.unknownReason(r); why != "" {
			return why
		}
	}
	return ""
}

// changed is when anything last changed, as far as AWS says: EventBridge does not say it of a rule's target, but a target
// cannot have named a revision before that was registered.
func (l familySnapshot) lastChange() time.Time {
	var last time.Time
	note := func(t time.Time) {
		if t.After(last) {
			last = t
		}
	}
	for i, t := range l.targets {
		note(t.changed)
		note(l.named[i].registered)
	}
	for _, t := range l.others {
		note(aws.ToTime(t.StoppingAt))
	}
	return last
}

// Roll names, in every rule and schedule that starts the family, a revision with version b.Version pinned: derived from
// the one that it names now, with nothing else changed. Tasks that run go on. Repeatable; one that fails does not
// keep the others from following, and one that somebody changes meanwhile is left to the next pass.
func (f *Family) Roll(ctx context.Context, b bucket.Bucket) error {
	if err := f.rollTargets(ctx, b); err != nil {
		return fmt.Errorf("roll ECS family %s onto version %s of %s: %w", f, b.Version, b.Name, legible(err))
	}
	return nil
}

func (f *Family) rollTargets(ctx context.Context, b bucket.Bucket) error {
	if err := f.checkBucket(b); err != nil {
		return err
	}
	targets, err := f.findTargets(ctx)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return errors.New("no rule and no schedule starts it")
	}
	var failed []error
	for _, t := range targets {
		if err := f.rollTarget(ctx, t, b); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", t.name, legible(err)))
		}
	}
	return errors.Join(failed...)
}

func (f *Family) rollTarget(ctx context.Context, t target, b bucket.Bucket) error {
	base, err := f.describeRevision(ctx, t.definition)
	if err != nil {
		return err
	}
	arn, err := f.deriveRevision(ctx, base, b)
	if err != nil || arn == base.arn && t.namesRevision() {
		return err
	}
	return t.point(ctx, arn)
}

// Withdraw deregisters the revisions that rotary registered and that pin one of these versions, so that nobody can start
// tasks on them, or point a rule at them. It fails for what a rule or schedule names, or a task runs. Repeatable.
func (f *Family) Withdraw(ctx context.Context, versions []string) error {
	l, err := f.snapshotFamily(ctx)
	if err == nil {
		err = f.deregisterRevisions(ctx, f.name, l.revisionsInPlay(), versions)
	}
	if err != nil {
		return fmt.Errorf("withdraw revisions of ECS family %s: %w", f, legible(err))
	}
	return nil
}
