package ecs

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// This file tells which deployments have moved a service, or a family, onto or away from a version lately.

// selectRecent returns the ARNs of the service deployments that were created or have ended after since, and that of the
// newest where it has ended and ECS does not list when: any other one ended when the next was created.
func selectRecent(briefs []types.ServiceDeploymentBrief, since time.Time) (arns []string) {
	for i, b := range briefs {
		untold := i == 0 && hasEnded(b.Status) && b.FinishedAt == nil
		if untold || moveTime(b.CreatedAt, b.FinishedAt).After(since) {
			arns = append(arns, aws.ToString(b.ServiceDeploymentArn))
		}
	}
	return arns
}

// recentSince returns from when on a deployment counts as a move.
func (d definitions) recentSince() time.Time {
	return d.now.Add(-max(history.Deregistered, d.task.DeploysTake.Std()))
}

// readMoves fills in recent, with what its service deployments started from, tried and went back to, and incomplete
// where ECS leaves something out. Where nothing is recent it makes no call.
func (s *Service) readMoves(ctx context.Context, l *serviceSnapshot) error {
	unread := slices.DeleteFunc(selectRecent(l.briefs, s.recentSince()), func(arn string) bool {
		i := slices.IndexFunc(l.attempts, func(a types.ServiceDeployment) bool {
			return aws.ToString(a.ServiceDeploymentArn) == arn
		})
		if i >= 0 {
			l.recent = append(l.recent, l.attempts[i])
		}
		return i >= 0
	})
	described, missing, err := s.describeServiceDeployments(ctx, unread)
	if err != nil {
		return err
	}
	l.recent, l.incomplete = append(l.recent, described...), firstNonEmpty(l.incomplete, missing)
	var revisions []string
	for _, d := range l.recent {
		for _, revision := range everyRevisionOf(d) {
			if l.targets[revision] == "" {
				revisions = append(revisions, revision)
			}
		}
	}
	if err := s.describeServiceRevisions(ctx, revisions, l); err != nil {
		return err
	}
	if err := s.readStopped(ctx, l); err != nil {
		return err
	}
	return s.readOutlines(ctx, l)
}

// readOutlines fills in outlines.
func (s *Service) readOutlines(ctx context.Context, l *serviceSnapshot) error {
	l.outlines = map[string]outline{}
	for _, d := range l.recent {
		for _, revision := range everyRevisionOf(d) {
			arn := l.targets[revision]
			if arn == "" {
				continue // it is in incomplete
			}
			o, err := s.describeOutline(ctx, arn)
			if err != nil {
				return err
			}
			l.outlines[arn] = o
		}
	}
	return nil
}

// moveTime returns when a service deployment ended; where it has not ended, when it was created.
func moveTime(created, finished *time.Time) time.Time {
	if finished != nil {
		return *finished
	}
	return aws.ToTime(created)
}

// moves collects when each version was last moved onto or away from.
type moves map[string]time.Time

// noteMove adds a move at a time onto or away from versions.
func (m moves) noteMove(at time.Time, versions []string) {
	for _, v := range versions {
		if at.After(m[v]) {
			m[v] = at
		}
	}
}

// listMoves returns the moves by version.
func (m moves) listMoves() []plan.Move {
	var all []plan.Move
	for _, v := range slices.Sorted(maps.Keys(m)) {
		all = append(all, plan.Move{Version: v, At: m[v]})
	}
	return all
}

// recentMoves returns the moves of the recent service deployments: of each version that the revisions they started
// from, tried or went back to may give tasks. Of task sets it returns those of the tasks that have stopped.
func (l serviceSnapshot) recentMoves() []plan.Move {
	found := moves{}
	for _, d := range l.recent {
		for _, revision := range everyRevisionOf(d) {
			if o, known := l.outlines[l.targets[revision]]; known {
				found.noteMove(moveTime(d.CreatedAt, d.FinishedAt), l.at.versionsOf(o, l.began[revision]))
			}
		}
	}
	for _, d := range l.departed {
		found.noteMove(d.stopped, l.at.versionsOf(d.outline, d.created))
	}
	return found.listMoves()
}

// recentMoves returns the moves of the targets that were pointed at another revision lately: onto the versions that they
// name now, and away from any other labelled version, because nobody tells what they named before. A rule's target
// counts from when its revision was registered: EventBridge does not tell when it was pointed there.
func (l familySnapshot) recentMoves(at place, since time.Time) []plan.Move {
	found := moves{}
	for i, t := range l.targets {
		changed := t.changed
		if changed.IsZero() {
			changed = l.named[i].registered
		}
		if changed.After(since) {
			found.noteMove(changed, at.versionsOf(newOutline(l.named[i]), time.Time{}))
			found.noteMove(changed, at.currentSince(time.Time{}))
		}
	}
	return found.listMoves()
}

// unpinnedReason returns why the tasks of a revision have what is current when they start; "" where they do not.
func (at place) unpinnedReason(playing []revision) string {
	for _, r := range playing {
		if p := at.readPins(r); len(p.loose) > 0 {
			return "task definition " + r.String() + " does not pin a version for " + strings.Join(p.loose, ", ") +
				": its tasks have what was current when they started"
		}
	}
	return ""
}
