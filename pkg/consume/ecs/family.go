package ecs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// familyAPI is the part of the ECS client that a Family uses.
type familyAPI interface {
	definitionAPI
	taskAPI
}

// Clients are the AWS clients that a Family uses: for its tasks, and for the rules and schedules that start them.
type Clients struct {
	ECS       familyAPI
	Rules     Rules
	Schedules Schedules
}

// Family is the consumer that is one family of task definitions, whose tasks rules and schedules start. What it runs is
// read from the revisions that those would start: between two runs there is no task to ask.
type Family struct {
	definitions
	tasks     taskAPI
	rules     Rules
	schedules Schedules
	cluster   string // its ARN
	name      string // the family's
}

// NewFamily returns the consumer for the ecs_family entry of c, on its bucket b, as of now. It makes no call.
func NewFamily(
	clients Clients, c manifest.Consumer, env *manifest.Environment, b history.History, now time.Time, options ...Option,
) *Family {
	m := c.ECSFamily
	return &Family{
		definitions: newDefinitions(clients.ECS, c, m.Task, env, b, now, options),
		tasks:       clients.ECS, rules: clients.Rules, schedules: clients.Schedules, name: m.Family,
		cluster: env.ARN("ecs", "cluster/"+m.Cluster),
	}
}

// String is cluster/family.
func (f *Family) String() string { return shortName(f.cluster) + "/" + f.name }

// familySnapshot holds the answers of ECS, EventBridge and the scheduler about a family in one pass.
type familySnapshot struct {
	targets   []target
	named     []revision // what each target would start, in the targets' order
	others    []types.Task
	revisions map[string]revision // of the others
}

// snapshotFamily reads the targets, then the tasks: a task that a target starts in between is among the tasks.
// So the tasks are not those of the look at the cluster, which is older than the targets. With kept, the content of
// revisions may be kept.
func (f *Family) snapshotFamily(ctx context.Context, kept bool) (familySnapshot, error) {
	l := familySnapshot{revisions: map[string]revision{}}
	var err error
	if l.targets, err = f.findTargets(ctx); err != nil {
		return l, err
	}
	read := f.describeRevision
	if kept {
		read = f.readContent
	}
	for _, t := range l.targets {
		r, err := read(ctx, t.definition)
		if err != nil {
			return l, err
		}
		l.named = append(l.named, r)
	}
	tasks, err := f.listTasks(ctx)
	if err != nil {
		return l, err
	}
	for i := range l.named {
		l.named[i].began = firstCreated(tasks, l.named[i].arn, f.now)
	}
	l.others = slices.DeleteFunc(slices.Clone(tasks), func(t types.Task) bool {
		return slices.ContainsFunc(l.named, func(r revision) bool { return r.arn == aws.ToString(t.TaskDefinitionArn) })
	})
	for _, t := range l.others {
		arn := aws.ToString(t.TaskDefinitionArn)
		r, err := read(ctx, arn)
		if err != nil {
			return l, err
		}
		r.began = firstCreated(tasks, arn, f.now)
		l.revisions[arn] = r
	}
	return l, nil
}

// listTasks returns the family's tasks that have not stopped.
func (f *Family) listTasks(ctx context.Context) ([]types.Task, error) {
	in := sdk.ListTasksInput{Cluster: aws.String(f.cluster), Family: aws.String(f.name)}
	return listUnstoppedTasks(ctx, f.tasks, in)
}

// firstCreated returns when the first of the tasks on a task definition was created; now where there is none; zero where
// that is not known of one.
func firstCreated(tasks []types.Task, arn string, now time.Time) time.Time {
	for _, t := range tasks {
		if created := aws.ToTime(t.CreatedAt); aws.ToString(t.TaskDefinitionArn) == arn && created.Before(now) {
			now = created
		}
	}
	return now
}

// revisionsInPlay returns every revision that a target would start or a task runs.
func (l familySnapshot) revisionsInPlay() []revision {
	all := slices.Clone(l.named)
	for _, t := range l.others {
		all = append(all, l.revisions[aws.ToString(t.TaskDefinitionArn)])
	}
	return all
}

// Status reads every rule and schedule that starts the family, the revisions they would start, and the family's tasks,
// and where Revisions is asked what ACTIVE revisions pin. An error means that AWS did not answer. It only reads.
//
//	the snapshot shows                                | Seen
//	--------------------------------------------------|------------------------------------------
//	no target                                         | Unknown
//	a revision in play without a pinned version       | Unpinned, in play what may have been current: Roll cures it
//	a target that names the family, not a revision    | Unknown: Roll cures it
//	a target whose containers do not have the bucket  | NotRolled, where there are several
//	targets that do not all pin one version           | nothing is proven; all of them in play
//	all on one version, and a task of another revision | RollingTo
//	all on one version, and no such task              | Running, settled
func (f *Family) Status(ctx context.Context) (plan.Seen, error) {
	seen, err := f.readSeen(ctx)
	if err != nil {
		return plan.Seen{Consumer: f.by.consumer}, fmt.Errorf("look at ECS family %s: %w", f, awserr.Legible(err))
	}
	return seen, nil
}

// readSeen is Status, with errors that do not name the family.
func (f *Family) readSeen(ctx context.Context) (plan.Seen, error) {
	l, err := f.snapshotFamily(ctx, f.clusters != nil)
	if err != nil {
		return plan.Seen{}, err
	}
	seen := f.toSeen(l)
	if f.revisions {
		seen.Deployable, seen.Kept, err = f.findDeployable(ctx, f.name)
	}
	return seen, err
}

// toSeen derives plan.Seen from a snapshot: the table above Status.
func (f *Family) toSeen(l familySnapshot) plan.Seen {
	version := f.pinnedVersion(l.named)
	s := plan.Seen{
		Consumer: f.by.consumer, InPlay: f.at.versionsInPlay(l.revisionsInPlay()), Settled: len(l.others) == 0,
		Changed: l.lastChange(), Rest: f.fingerprintTargets(l.named), Names: f.commonNames(l.named),
		Drift: f.driftingNames(l.named), Unknown: f.unknownReason(l), NotRolled: f.notRolledReason(l.named),
		Unpinned: f.at.unpinnedReason(l.revisionsInPlay()), Moves: l.recentMoves(f.at, f.recentSince()),
		DeploysTake: f.task.DeploysTake.Std(),
		Detail:      fmt.Sprintf("%d rules and schedules", len(l.targets)),
	}
	switch {
	case !s.Settled:
		s.RollingTo = version
		s.Waiting = fmt.Sprintf("%d tasks still run a revision that no rule or schedule names any more", len(l.others))
	case s.Unknown == "" && version != "":
		s.Running, s.Since = version, s.Changed
	}
	return s
}

// notRolledReason returns why rotary does not know which containers of a target's revision get the bucket; "" where it
// does.
func (f *Family) notRolledReason(named []revision) string {
	for _, r := range named {
		if why := f.at.unplacedReason(r); why != "" {
			return why
		}
	}
	return ""
}

// pinnedVersion returns the one version that all these revisions pin; "" where there is no such version.
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

// fingerprintTargets returns the fingerprint of everything but the bucket's version in what Roll would make of each
// target's revision.
func (f *Family) fingerprintTargets(named []revision) string {
	sum := sha256.New()
	for _, r := range named {
		_, _ = sum.Write([]byte(f.at.fingerprintAfterRoll(r)))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// commonNames returns the names that every target's container has from the bucket; nil for a bundle.
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

// driftingNames returns the names of entries that rotary would write differently, sorted.
func (f *Family) driftingNames(named []revision) (names []string) {
	for _, r := range named {
		names = append(names, f.at.readPins(r).odd...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unknownReason returns why the snapshot does not prove what the family runs; "" where it does.
func (f *Family) unknownReason(l familySnapshot) string {
	if len(l.targets) == 0 {
		return fmt.Sprintf("no rule of the default bus and no schedule starts tasks of family %s in cluster %s: "+
			"rotary cannot see what starts them", f.name, shortName(f.cluster))
	}
	for _, t := range l.targets {
		if !t.namesRevision() {
			return fmt.Sprintf("%s names no revision: it starts whichever is registered last", t.name)
		}
	}
	for _, r := range l.revisionsInPlay() {
		if why := f.at.unknownReason(r); why != "" {
			return why
		}
	}
	return ""
}

// lastChange returns when anything last changed, as far as AWS reports it. EventBridge does not report it for a rule's
// target, but a target cannot have named a revision before that was registered.
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

// Roll points every rule and schedule that starts the family at a revision that pins version b.Version and otherwise
// equals the one it names now. Running tasks are left alone. Repeatable. A target that fails, or that somebody changes
// meanwhile, is an error and is left to the next pass; the other targets still follow.
func (f *Family) Roll(ctx context.Context, b bucket.Bucket) error {
	if err := f.rollTargets(ctx, b); err != nil {
		return fmt.Errorf("roll ECS family %s onto version %s of %s: %w", f, b.Version, b.Name, awserr.Legible(err))
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
			failed = append(failed, fmt.Errorf("%s: %w", t.name, awserr.Legible(err)))
		}
	}
	return errors.Join(failed...)
}

// rollTarget points one target at a revision with the bucket's version.
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

// Withdraw deregisters the ACTIVE revisions that pin one of these versions, whoever registered them, so that nobody can
// start tasks on them or point a rule at them; where the manifest has withdraw: own, only those that rotary registered.
// It fails for a version that a rule, a schedule or a running task may still use. Repeatable.
func (f *Family) Withdraw(ctx context.Context, versions []string) error {
	l, err := f.snapshotFamily(ctx, false)
	if err == nil {
		err = f.deregisterRevisions(ctx, f.name, l.revisionsInPlay(), versions)
	}
	if err != nil {
		return fmt.Errorf("withdraw revisions of ECS family %s: %w", f, awserr.Legible(err))
	}
	return nil
}
