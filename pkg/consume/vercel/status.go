package vercel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Status looks at the variables and, for production, at the deployments. It writes nothing. An error means that
// nothing is known, and so does Unread. A project that Vercel does not find for this token is Absent.
//
//	receipts          | live deployment            | newest fresh one | Seen
//	------------------|----------------------------|------------------|---------------------------------
//	none, or several  | –                          | –                | not settled where there are some
//	one version       | (no production target)     | –                | Running, settled
//	one version       | none yet                   | –                | Running, settled
//	one version       | none, but there was one    | –                | Unknown
//	one version       | fresh                      | –                | Running, settled if nothing builds
//	one version       | other                      | building         | RollingTo
//	one version       | other                      | READY, not live  | RollingTo: somebody has to promote it
//	one version       | other                      | ERROR, CANCELED  | Failed
//	one version       | other                      | none             | not settled
//
// Fresh is a production deployment created after the newest write that did not inherit its variables. Whatever
// else is live or building, or was live and may still be served by Skew Protection, is in play with the version its own
// receipt names, or else Unknown.
func (p *Project) Status(ctx context.Context) (plan.Seen, error) {
	p.looked = nil
	l, err := p.readState(ctx)
	if _, gone := errors.AsType[*absentError](err); gone {
		return plan.Seen{Consumer: p.consumer, Unread: true, Unknown: err.Error(), Absent: err.Error()}, nil
	}
	if err == nil {
		err = p.readServed(ctx, l)
	}
	if err != nil {
		return plan.Seen{}, err
	}
	s := plan.Seen{
		Consumer: p.consumer, Names: p.ownedNames(l), Drift: l.driftedKeys(), Changed: l.lastChange(),
		Rest: p.restOf(l.live),
	}
	p.fillProgress(l, &s)
	p.fillInPlay(l, &s)
	p.fillServed(l, &s)
	p.fillAdopted(l, &s)
	s.Detail, p.looked = p.describeDetail(l), l
	return s, nil
}

// fillProgress sets what is proven to run and what is unfinished.
func (p *Project) fillProgress(l *projectState, s *plan.Seen) {
	settledWithout := !slices.Contains(p.targets, production) || l.live == nil && l.findServedDeployment() == nil
	switch {
	case l.version == "":
		s.Settled = len(l.owned) == 0
		if !s.Settled {
			s.Waiting = "the variables are not all as one version has them"
		}
	case settledWithout || l.hasConverged():
		s.Running, s.Settled, s.Since = l.version, true, l.runsSince()
	case l.live == nil: // nothing that a Roll could build again
		s.RollingTo, s.Waiting = l.version, "the project does not say which deployment is live"
	default:
		p.describeRollout(l, s)
	}
	p.describeBuilds(l, s)
}

// describeRollout describes the deployment that should bring the receipts' version.
func (p *Project) describeRollout(l *projectState, s *plan.Seen) {
	s.Waiting = "no deployment has the new variables yet"
	for _, d := range l.deployments {
		switch {
		case !l.isFresh(d):
		case d.isBuilding():
			s.RollingTo, s.RollingSince, s.Failed = l.version, d.CreatedAt.asTime(), nil
			s.Waiting = fmt.Sprintf("deployment %s is %s", d.ID, d.stateText())
			return
		case d.isReady() && d.ID == l.live.ID:
			s.RollingTo, s.RollingSince, s.Failed = l.version, d.CreatedAt.asTime(), nil
			s.Waiting = fmt.Sprintf("deployment %s is READY and its domains are not assigned", d.ID)
			return
		case d.isReady():
			s.RollingTo, s.RollingSince, s.Failed = l.version, d.CreatedAt.asTime(), nil
			s.Waiting = fmt.Sprintf("deployment %s is READY but not live "+
				"(after an Instant Rollback, or where domains are assigned by hand): promote it", d.ID)
			return
		case s.Failed == nil:
			s.Failed = &plan.Failed{
				Version: l.version, Rest: p.restOf(&d), Reason: d.describeFailure(), At: d.CreatedAt.asTime(),
			}
			s.Waiting = s.Failed.Reason
		}
	}
}

// describeFailure returns how d ended. An Ignored Build Step cancels every deployment of a commit that was built
// before, and rotary makes only such deployments.
func (d deployment) describeFailure() string {
	text := fmt.Sprintf("deployment %s is %s", d.ID, d.stateText())
	if d.ReadyState == "CANCELED" {
		text += ": by somebody, or by the project's Ignored Build Step, " +
			"which must let rotary's deployments of the same commit pass"
	}
	return text
}

// describeBuilds unsettles the consumer while any production deployment is unfinished.
func (p *Project) describeBuilds(l *projectState, s *plan.Seen) {
	foreign := func(d deployment) bool { return p.isForeign(d) && !l.isFresh(d) }
	if d := l.findBuilding(foreign); d != nil {
		s.Foreign = fmt.Sprintf("deployment %s is %s", d.ID, d.stateText())
	}
	for _, d := range l.deployments {
		if d.isBuilding() {
			s.Settled = false
			s.Waiting = cmp.Or(s.Waiting, fmt.Sprintf("deployment %s is %s", d.ID, d.stateText()))
		}
	}
}

// fillInPlay collects every version that is written, live, on its way, or waiting to be promoted.
func (p *Project) fillInPlay(l *projectState, s *plan.Seen) {
	versions := map[string]bool{}
	for _, v := range l.listVersions(p.targets) {
		versions[v] = true
	}
	var unknown []string
	for _, d := range l.findServing() {
		version, why := l.versionBuiltInto(d)
		if why != "" {
			unknown = append(unknown, why)
			continue
		}
		versions[version] = true
	}
	if d := l.findServedDeployment(); d != nil {
		unknown = append(unknown, fmt.Sprintf("project %s names no live deployment, although %s is READY and has been",
			l.project.Name, d.ID))
	}
	served, unseen := p.listServedVersions(l)
	for _, version := range served {
		versions[version] = true
	}
	unknown = append(unknown, unseen...)
	s.InPlay = slices.Sorted(maps.Keys(versions))
	s.Unknown = strings.Join(slices.Compact(unknown), "; ")
}

// findServing returns the production deployments that have traffic or could get some without anybody's doing.
func (l *projectState) findServing() (out []deployment) {
	if l.live != nil {
		out = append(out, *l.live)
	}
	for _, d := range l.deployments {
		if (l.live == nil || d.ID != l.live.ID) && d.isBuilding() {
			out = append(out, d)
		}
	}
	return out
}

// ownedNames returns the keys that rotary's variables have; nil where an exclusion hides what the bucket has.
func (p *Project) ownedNames(l *projectState) []string {
	if slices.Equal(p.targets, []string{preview}) && len(p.spec.ExcludeFromPreview) > 0 {
		return nil
	}
	names := []string{}
	for _, v := range l.owned {
		names = append(names, v.Key)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// restOf returns what a Roll would build again: the commit of d, or whatever the deploy hook builds.
func (p *Project) restOf(d *deployment) string {
	switch {
	case d == nil:
		return ""
	case p.hasDeployHook():
		return "deploy hook"
	case d.commitSHA() == "":
		return ""
	}
	return "git " + d.commitSHA()
}

// commitSHA returns the commit that d was built from; the list of deployments has it in meta alone.
func (d deployment) commitSHA() string {
	if d.GitSource != nil && d.GitSource.SHA != "" {
		return d.GitSource.SHA
	}
	return cmp.Or(d.Meta["githubCommitSha"], d.Meta["gitlabCommitSha"], d.Meta["bitbucketCommitSha"])
}

// driftedKeys returns every key that was changed by hand on any target, sorted.
func (l *projectState) driftedKeys() []string {
	var keys []string
	for _, target := range slices.Sorted(maps.Keys(l.drift)) {
		keys = append(keys, l.drift[target]...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// runsSince returns since when production traffic reaches the receipts' version: the live deployment was ready then; or
// when the newest of the variables was written, where no deployment has to follow.
func (l *projectState) runsSince() (since time.Time) {
	if l.hasConverged() {
		return max(l.live.CreatedAt, l.live.Ready).asTime()
	}
	for _, v := range l.owned {
		if v.updatedAt().After(since) {
			since = v.updatedAt()
		}
	}
	return since
}

// lastChange returns when a variable or a deployment last changed.
func (l *projectState) lastChange() (last time.Time) {
	times := []time.Time{}
	for _, v := range l.owned {
		times = append(times, v.updatedAt())
	}
	for _, d := range l.deployments {
		times = append(times, d.CreatedAt.asTime(), d.Ready.asTime())
	}
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// describeDetail returns one line for people.
func (p *Project) describeDetail(l *projectState) string {
	parts := []string{fmt.Sprintf("%d variables", len(l.owned))}
	if l.live != nil {
		parts = append(parts, fmt.Sprintf("production on deployment %s %s", l.live.ID, l.live.stateText()))
	}
	if n := l.countStalePreviews(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d previews built before the newest variables", n))
	}
	if n := l.countOverridden(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d overridden on git branches", n))
	}
	if n := p.countReadable(l); n > 0 {
		parts = append(parts, fmt.Sprintf("%d variables stay readable until they are written again", n))
	}
	return strings.Join(parts, ", ")
}

// countReadable counts the variables that should be sensitive and are not.
func (p *Project) countReadable(l *projectState) (n int) {
	for _, v := range l.owned {
		if !v.isUnreadable() && !v.isShared() && p.typeForTarget(v.Target[0]) == sensitive {
			n++
		}
	}
	return n
}

// countOverridden counts the variables of single git branches that have the name of one of rotary's: the previews of
// these branches do not follow.
func (l *projectState) countOverridden() (n int) {
	for _, v := range l.all {
		isOverridden := func(o variable) bool { return o.Key == v.Key && o.isOn(preview) }
		if v.GitBranch != "" && slices.ContainsFunc(l.owned, isOverridden) {
			n++
		}
	}
	return n
}

// countStalePreviews counts the previews that still have earlier values. They are a stated exception: they converge
// when somebody pushes to their branch.
func (l *projectState) countStalePreviews() (n int) {
	newest := time.Time{}
	for _, v := range l.owned {
		if v.isOn(preview) && v.updatedAt().After(newest) {
			newest = v.updatedAt()
		}
	}
	for _, d := range l.previews {
		if d.isReady() && d.CreatedAt.asTime().Before(newest) {
			n++
		}
	}
	return n
}

// stateText returns d's state for messages. One that does not have the form of Vercel's states is not repeated.
func (d deployment) stateText() string {
	if !codeShape().MatchString(d.ReadyState) {
		return "in an unknown state"
	}
	return d.ReadyState
}
