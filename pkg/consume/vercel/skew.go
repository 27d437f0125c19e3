package vercel

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Skew Protection goes on sending the requests of a browser to the deployment that its page came from, after another one
// has the domains (https://vercel.com/docs/skew-protection). So a deployment that was replaced runs on, with the values
// that it was built with.
//
//	the project's answer             | the manifest         | a deployment that was replaced is in play
//	---------------------------------|----------------------|-------------------------------------------
//	skewProtectionMaxAge: 0          | any                  | no
//	skewProtectionMaxAge: n          | any                  | for n seconds after it was replaced
//	none, or not a number above 0    | skew_protection: off | no
//	none, or not a number above 0    | skew_protection: 12h | for 12h after it was replaced
//	none, or not a number above 0    | nothing              | Unknown, unless it has the receipts' version
//
// One that was created before skewProtectionBoundaryAt is not served. Vercel counts the age from the creation, which is
// earlier than the replacement: what is counted here ends later, never earlier.

// servedDeployment is a deployment that was replaced and that Skew Protection may serve.
type servedDeployment struct {
	deployment
	until time.Time // zero where the project does not say when it was replaced
}

// describeEnd returns until when d is served, for people.
func (d servedDeployment) describeEnd() string {
	if d.until.IsZero() {
		return "Skew Protection may serve it"
	}
	return "Skew Protection may serve it until " + d.until.UTC().Format(time.RFC3339)
}

// aliasMargin is the most by which the domains reach a deployment later than Vercel's times of it say.
const aliasMargin = time.Minute

// mostServedPages bounds how many pages of deployments are read for Skew Protection.
const mostServedPages = 20

// skewMaxAge returns for how long a deployment of the project is served after it was replaced; known is false where
// neither the project nor the manifest says.
func (p *Project) skewMaxAge(of project) (age time.Duration, known bool) {
	if seconds := of.SkewMaxAge; seconds != nil && *seconds >= 0 {
		return time.Duration(min(*seconds, maxSkewSeconds) * float64(time.Second)), true
	}
	return p.spec.AssumedSkewProtection()
}

// maxSkewSeconds is a century: a greater age has no other meaning.
const maxSkewSeconds = 100 * 365 * 24 * 3600

// readServed finds the deployments that Skew Protection may serve, and reads older pages of the list for as long as the
// oldest one that was live is one of them.
func (p *Project) readServed(ctx context.Context, l *projectState) (err error) {
	l.servedWhole = true
	age, known := p.skewMaxAge(l.project)
	if !slices.Contains(p.targets, production) || known && age == 0 {
		return nil
	}
	if !known {
		l.served = l.listReplaced()
		return nil
	}
	for page := 1; l.older > 0 && l.oldestIsServed(age, p.now()); page++ {
		if page == mostServedPages {
			l.servedWhole = false
			break
		}
		var more []deployment
		if more, l.older, err = p.api.listDeployments(ctx, p.spec.Project, production, 100, l.older); err != nil {
			return err
		}
		l.deployments = append(l.deployments, more...)
	}
	if err := p.readMovedFrom(ctx, l, age); err != nil {
		return err
	}
	for _, d := range l.listReplaced() {
		if d.until.IsZero() {
			l.served = append(l.served, d)
			continue
		}
		if d.until = d.until.Add(age); d.until.After(p.now()) && !l.isBeyondBoundary(d.deployment) {
			l.served = append(l.served, d)
		}
	}
	return nil
}

// readMovedFrom adds the deployment from which a person moved the domains, where it is older than the list.
func (p *Project) readMovedFrom(ctx context.Context, l *projectState, age time.Duration) error {
	move := l.project.LastMove
	if move == nil || !idShape().MatchString(move.From) || !p.now().Before(l.movedAt().Add(age)) ||
		slices.ContainsFunc(l.deployments, func(d deployment) bool { return d.ID == move.From }) {
		return nil
	}
	d, err := p.api.readDeployment(ctx, move.From)
	if err == nil {
		l.deployments = append(l.deployments, d)
	}
	return err
}

// movedAt returns when the domains were last moved by request; zero for never.
func (l *projectState) movedAt() time.Time {
	if move := l.project.LastMove; move != nil && move.RequestedAt > 0 {
		return move.RequestedAt.asTime().Add(aliasMargin)
	}
	return time.Time{}
}

func (l *projectState) isBeyondBoundary(d deployment) bool {
	return float64(d.CreatedAt) < l.project.SkewBoundary
}

// listReplaced returns the deployments that were live and are not, newest first, each with the latest time at which it
// can have been replaced: when the next newer one went live or, where the domains were moved by request since, at the
// move or when the first one after that went live. Several moves within the maximum age are counted as the last one.
func (l *projectState) listReplaced() (replaced []servedDeployment) {
	line := l.listWereLive()
	for i, d := range line {
		if l.live != nil && d.ID == l.live.ID {
			continue
		}
		var at time.Time
		if i > 0 {
			at = line[i-1].wentLive()
		}
		if moved := l.movedAt(); d.CreatedAt.asTime().Before(moved) {
			at = laterTime(at, firstLiveAfter(line, moved))
		}
		replaced = append(replaced, servedDeployment{d, at})
	}
	return replaced
}

// listWereLive returns the deployments that have had production traffic, newest first.
func (l *projectState) listWereLive() []deployment {
	line := slices.DeleteFunc(slices.Clone(l.deployments), func(d deployment) bool {
		return !d.isReady() || d.isBuilding() || d.ReadySubstate == "STAGED"
	})
	slices.SortStableFunc(line, func(a, b deployment) int { return b.CreatedAt.asTime().Compare(a.CreatedAt.asTime()) })
	return line
}

// firstLiveAfter returns when the first deployment of a line, newest first, went live after a move; the move's time where
// none has.
func firstLiveAfter(line []deployment, moved time.Time) time.Time {
	for _, d := range slices.Backward(line) {
		if d.wentLive().After(moved) {
			return d.wentLive()
		}
	}
	return moved
}

// aliasAssignedAt returns when d got its domains, where Vercel tells.
func (d deployment) aliasAssignedAt() millis {
	at, err := strconv.ParseFloat(string(d.AliasAssigned), 64)
	if err != nil || !(at > 0 && at < 1<<53) {
		return 0
	}
	return millis(at)
}

// wentLive returns when a deployment got the domains at the latest, where that was not by request.
func (d deployment) wentLive() time.Time {
	return max(d.CreatedAt, d.Ready, d.aliasAssignedAt()).asTime().Add(aliasMargin)
}

// oldestIsServed reports whether the oldest deployment of the list that was live is served without a move by request, so
// that older ones may be too.
func (l *projectState) oldestIsServed(age time.Duration, now time.Time) bool {
	line := l.listWereLive()
	if len(line) < 2 {
		return true
	}
	oldest := line[len(line)-1]
	return line[len(line)-2].wentLive().Add(age).After(now) && !l.isBeyondBoundary(oldest)
}

func laterTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// listServedVersions returns the versions of what Skew Protection may serve, and which of it has an unknown one.
func (p *Project) listServedVersions(l *projectState) (versions, unknown []string) {
	more := 0
	for _, d := range l.served {
		version, why := l.versionBuiltInto(d.deployment)
		switch {
		case why == "":
			versions = append(versions, version)
		case len(unknown) == mostUnknownServed:
			more++
		default:
			unknown = append(unknown, why+", and "+d.describeEnd())
		}
	}
	if more > 0 {
		unknown = append(unknown, fmt.Sprintf("so do %d more", more))
	}
	if why := p.explainUnknownSkew(l); why != "" {
		unknown = []string{why}
	}
	return versions, unknown
}

// mostUnknownServed is how many deployments are named that do not say what they were built with.
const mostUnknownServed = 2

// explainUnknownSkew returns why it is not known what Skew Protection serves; "" where it is.
func (p *Project) explainUnknownSkew(l *projectState) string {
	_, known := p.skewMaxAge(l.project)
	switch {
	case !l.servedWhole:
		return fmt.Sprintf("project %s has more deployments that Skew Protection may serve than rotary reads",
			l.project.Name)
	case !known && slices.ContainsFunc(l.served, func(d servedDeployment) bool { return !l.hasReceiptsVersion(d) }):
		return fmt.Sprintf("project %s does not say for how long Skew Protection serves earlier deployments: "+
			"write skew_protection: off, or its maximum age, at the consumer", l.project.Name)
	}
	return ""
}

// hasReceiptsVersion reports whether d was built with what the next deployment would get.
func (l *projectState) hasReceiptsVersion(d servedDeployment) bool {
	version, unknown := l.versionBuiltInto(d.deployment)
	return unknown == "" && version == l.production
}

// fillServed unsettles the consumer while Skew Protection may serve a deployment with another version than the receipts'.
func (p *Project) fillServed(l *projectState, s *plan.Seen) {
	s.ServesFor, _ = p.skewMaxAge(l.project)
	var last servedDeployment
	for _, d := range l.served {
		if !l.hasReceiptsVersion(d) && (last.ID == "" || d.until.After(last.until)) {
			last = d
		}
	}
	if last.ID == "" {
		return
	}
	if s.Settled {
		s.Waiting, s.WaitTill = fmt.Sprintf("deployment %s was replaced, and %s", last.ID, last.describeEnd()), last.until
	}
	s.Settled = false
}
