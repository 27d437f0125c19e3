package vercel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// projectState is one reading of the project.
type projectState struct {
	project     project
	environment string
	all         []variable          // of every owner and target
	owned       []variable          // with this environment's receipt, on this environment's targets
	drift       map[string][]string // target → keys changed by hand since rotary wrote them, sorted
	version     string              // what every receipt names, with nothing changed by hand; or ""
	production  string              // the same for production alone: what the next deployment would get
	written     time.Time           // the newest write of an owned production variable

	live        *deployment  // what production traffic reaches; nil for nothing yet
	deployments []deployment // production's, newest first
	older       int64        // the until of the page after them; 0 for none
	served      []servedDeployment
	servedWhole bool // served has all of them
	previews    []deployment
}

// manyDeployments is the number of deployments that are read. One that matters is newer than the newest write.
const manyDeployments = 50

// absentError is the error for a project that Vercel does not find for this token, which it takes.
type absentError struct{ error }

func (e *absentError) Unwrap() error { return e.error }

// readState reads the project. It reads the variables first: what is written after that makes the deployments seem
// older, never newer.
func (p *Project) readState(ctx context.Context) (*projectState, error) {
	all, err := p.api.listVariables(ctx, p.spec.Project)
	if refused, is := errors.AsType[*refusedError](err); is && refused.call.Status == http.StatusNotFound {
		return nil, &absentError{err}
	}
	if err != nil {
		return nil, err
	}
	l := &projectState{environment: p.environment, all: all}
	l.readReceipts(p)
	if err := l.readTraffic(ctx, p); err != nil {
		return nil, err
	}
	if slices.Contains(p.targets, preview) {
		l.previews, _, err = p.api.listDeployments(ctx, p.spec.Project, preview, manyDeployments, 0)
	}
	return l, err
}

// readTraffic lists the deployments of production, where that is a target, and then reads the project, which says which
// one is live: one that goes live in between is in the list.
func (l *projectState) readTraffic(ctx context.Context, p *Project) (err error) {
	served := slices.Contains(p.targets, production)
	if served {
		l.deployments, l.older, err = p.api.listDeployments(ctx, p.spec.Project, production, manyDeployments, 0)
		if err != nil {
			return err
		}
	}
	if l.project, err = p.api.readProject(ctx, p.spec.Project); err != nil || !served {
		return err
	}
	current := l.project.Targets[production]
	if current == nil || current.ID == "" {
		return nil
	}
	live, err := p.api.readDeployment(ctx, current.ID)
	l.live = &live
	return err
}

// findServedDeployment returns a deployment that has had production traffic, although the project names none that has
// it now.
func (l *projectState) findServedDeployment() *deployment {
	i := slices.IndexFunc(l.deployments, func(d deployment) bool { return d.isReady() && d.ReadySubstate != "STAGED" })
	if l.live != nil || i < 0 {
		return nil
	}
	return &l.deployments[i]
}

// readReceipts finds the variables that are rotary's, and what their receipts prove.
func (l *projectState) readReceipts(p *Project) {
	for _, v := range l.all {
		if environment, _, ok := parseReceipt(v.Comment); ok && environment == l.environment && p.coversVariable(v) {
			l.owned = append(l.owned, v)
			if v.isOn(production) && v.updatedAt().After(l.written) {
				l.written = v.updatedAt()
			}
		}
	}
	l.drift = map[string][]string{}
	for _, target := range p.targets {
		l.drift[target] = p.findDrift(l.owned, target)
	}
	l.version, l.production = l.findAgreedVersion(p.targets), l.findAgreedVersion([]string{production})
}

// findAgreedVersion returns the version that all receipts on targets name; "" for none, for several, and after a
// change by hand.
func (l *projectState) findAgreedVersion(targets []string) string {
	versions := l.listVersions(targets)
	for _, target := range targets {
		if len(l.drift[target]) > 0 {
			return ""
		}
	}
	if len(versions) != 1 {
		return ""
	}
	return versions[0]
}

// listVersions returns every version that a receipt on targets names, sorted.
func (l *projectState) listVersions(targets []string) []string {
	found := map[string]bool{}
	for _, v := range l.owned {
		if slices.ContainsFunc(targets, v.isOn) {
			_, version, _ := parseReceipt(v.Comment)
			found[version] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// coversVariable reports whether v is on one of this environment's targets. A variable of one git branch overrides
// others on previews of that branch and conflicts with none; one of a custom environment has no target.
func (p *Project) coversVariable(v variable) bool {
	return v.GitBranch == "" && slices.ContainsFunc(p.targets, v.isOn)
}

func (v variable) isOn(target string) bool { return slices.Contains(v.Target, target) }

func (v variable) updatedAt() time.Time { return max(v.UpdatedAt, v.CreatedAt).asTime() }

// batchSpread is the most by which the update times of one write may differ. rotary always writes all variables of a
// target in one call, so a variable that is newer than another by more was changed by hand: its comment stays when a
// person edits its value.
const batchSpread = time.Minute

// findDrift returns the keys that are not on target as rotary writes them: newer than the rest, together with other
// environments, where they are excluded, or missing while another target has them.
func (p *Project) findDrift(owned []variable, target string) []string {
	has, wrong := map[string]bool{}, map[string]bool{}
	oldest := findOldestUpdate(owned, target)
	for _, v := range owned {
		has[v.Key] = has[v.Key] || v.isOn(target)
		if v.isOn(target) && (v.updatedAt().Sub(oldest) > batchSpread || v.isShared() || p.isExcluded(v.Key, target)) {
			wrong[v.Key] = true
		}
	}
	for key, here := range has {
		if !here && !p.isExcluded(key, target) {
			wrong[key] = true
		}
	}
	return slices.Sorted(maps.Keys(wrong))
}

func findOldestUpdate(owned []variable, target string) (t time.Time) {
	for _, v := range owned {
		if v.isOn(target) && (t.IsZero() || v.updatedAt().Before(t)) {
			t = v.updatedAt()
		}
	}
	return t
}

func (p *Project) isExcluded(key, target string) bool {
	return target == preview && slices.Contains(p.spec.ExcludeFromPreview, key)
}

// versionBuiltInto returns the version with which production deployment d was built, or why that is not known.
func (l *projectState) versionBuiltInto(d deployment) (version, unknown string) {
	if r, marked := d.Meta[receiptName]; marked {
		environment, version, ok := parseReceipt(r)
		if ok && environment == l.environment {
			return version, ""
		}
		return "", fmt.Sprintf("deployment %s carries another environment's receipt", d.ID)
	}
	switch {
	case d.isCopy():
		return "", fmt.Sprintf("deployment %s was made from another one, whose variables it may have inherited", d.ID)
	case l.production == "":
		return "", fmt.Sprintf("deployment %s may have variables that rotary did not write", d.ID)
	case !d.CreatedAt.asTime().After(l.written):
		return "", fmt.Sprintf("deployment %s is older than the variables and does not say what it was built with",
			d.ID)
	}
	return l.production, ""
}

// isCopy reports whether d is a redeployment or a promotion of an earlier one: it inherits variables.
func (d deployment) isCopy() bool {
	return d.Meta["action"] != "" || d.Meta["originalDeploymentId"] != ""
}

// isFresh reports whether d was created after everything was written and has exactly the receipts' version.
func (l *projectState) isFresh(d deployment) bool {
	version, unknown := l.versionBuiltInto(d)
	return unknown == "" && version == l.production && d.CreatedAt.asTime().After(l.written)
}

// hasConverged reports whether production traffic reaches the receipts' version.
func (l *projectState) hasConverged() bool {
	return l.live != nil && l.live.isReady() && l.live.hasDomains() && l.isFresh(*l.live)
}

// isDeployed reports whether a deployment with version is live, ready to be promoted, or on its way.
func (l *projectState) isDeployed(version string) bool {
	return l.production == version && (l.hasConverged() || slices.ContainsFunc(l.deployments, func(d deployment) bool {
		return l.isFresh(d) && !d.hasFailed()
	}))
}

// findBuilding returns the newest unfinished production deployment for which which returns true, or nil.
func (l *projectState) findBuilding(which func(deployment) bool) *deployment {
	for _, d := range l.deployments {
		if d.isBuilding() && which(d) {
			return &d
		}
	}
	return nil
}

func (d deployment) isReady() bool { return d.ReadyState == "READY" }

// hasDomains reports whether the deployment that the project names as live has its domains, which it gets after READY.
func (d deployment) hasDomains() bool { return string(d.AliasAssigned) != "false" }

// hasFailed reports whether d ended without being usable (vercel.com/docs/rest-api, readyState).
func (d deployment) hasFailed() bool {
	return slices.Contains([]string{"ERROR", "CANCELED", "BLOCKED", "DELETED"}, d.ReadyState)
}

// isBuilding reports whether d is in any other state, or a rolling release that is still taking over the traffic.
func (d deployment) isBuilding() bool {
	return !d.isReady() && !d.hasFailed() || d.ReadySubstate == "ROLLING"
}
