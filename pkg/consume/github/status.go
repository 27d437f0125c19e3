package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	gh "github.com/google/go-github/v92/github"

	"github.com/rotary-secrets/rotary/pkg/httpcall"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// skew is the most by which the clocks of GitHub's own services may differ.
const skew = time.Minute

// Status looks at the scope. It changes nothing and waits only as GitHub's limits ask.
//
//	receipt              | secrets          | shows
//	---------------------|------------------|------------------------------------------------------
//	none                 | any              | nothing is known to be there, settled
//	unreadable           | any              | Unknown
//	another environment  | any              | an error
//	intent               | any              | unsettled, its version and the ones before in play
//	proof                | as the proof has | Running
//	proof                | differ           | Drift
//
// A workflow run reads a repository's secrets when it is queued and an environment's when the job starts
// (https://docs.github.com/en/actions/reference/secrets-reference). So a run that was created before the last value
// of a version was replaced, and is not completed, keeps that version in play: until it ends, or the drain does.
func (s *Scope) Status(ctx context.Context) (plan.Seen, error) {
	seen := plan.Seen{Consumer: s.name, Settled: true, Detail: "no receipt in " + s.where}
	s.looked = nil
	l, err := s.readScope(ctx)
	if errors.Is(err, errReceipt) {
		seen.Settled, seen.Unknown = false, err.Error()
		return seen, nil
	}
	if err != nil {
		return plan.Seen{}, s.wrapError("look at", err)
	}
	s.looked = &l
	if l.receipt == nil {
		seen.Detail += describeForeign(l)
		s.fillAdopted(&seen, l)
		return seen, nil
	}
	held, err := s.findVersionsInRuns(ctx, l)
	if err != nil {
		return plan.Seen{}, s.wrapError("look at", err)
	}
	seen = s.fillSeen(seen, l, held)
	s.fillAdopted(&seen, l)
	if l.receipt.Done && s.hints {
		seen.Detail += s.describeShadows(ctx, seen.Names)
	}
	return seen, nil
}

// describeForeign names the secrets that are not rotary's, which it never touches.
func describeForeign(l scopeState) string {
	if names := l.foreignNames(); len(names) > 0 {
		return "; not rotary's: " + abbreviateNames(names)
	}
	return ""
}

// abbreviateNames lists at most mostNamed names, for people, and counts the others.
func abbreviateNames(names []string) string {
	if n := len(names) - mostNamed; n > 0 {
		names = append(slices.Clone(names[:mostNamed]), fmt.Sprintf("%d more", n))
	}
	return strings.Join(names, ", ")
}

const mostNamed = 10

// fillSeen returns seen with what a reading of the scope shows. held are the earlier versions in play.
func (s *Scope) fillSeen(seen plan.Seen, l scopeState, held []string) plan.Seen {
	r := *l.receipt
	seen.Names, seen.Drift, seen.Changed = r.namesIn(""), r.driftedNames(l.secrets), l.written
	for _, name := range r.ownedNames() {
		if l.secrets[name].After(seen.Changed) {
			seen.Changed = l.secrets[name]
		}
	}
	seen.InPlay = dropUnmanaged(append(held, r.Version))
	seen.Settled = r.Done && len(held) == 0
	unfinished := s.explainVaults(r)
	if r.Done && len(seen.Drift) == 0 && unfinished == "" {
		seen.Running, seen.Since = r.Version, l.written
	}
	switch {
	case r.Done && unfinished != "":
		seen.Settled, seen.Waiting = false, unfinished
	case !r.Done:
		seen.Waiting = "its secrets are not all written yet" + prefixColon(abbreviateNames(r.unprovenNames()))
	case len(held) > 0:
		seen.Waiting = "workflow runs from before the last write are not completed"
		seen.WaitTill = s.findDrainEnd(r, held)
	}
	seen.Detail = fmt.Sprintf("%d secrets in %s", len(r.Names), s.where) + describeForeign(l) + s.describeOverflow(l)
	return seen
}

func prefixColon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func dropUnmanaged(versions []string) []string {
	versions = slices.DeleteFunc(versions, func(v string) bool { return v == unmanaged })
	slices.Sort(versions)
	return versions
}

// findDrainEnd returns when the last of the versions is out of play at the latest.
func (s *Scope) findDrainEnd(r receipt, held []string) (at time.Time) {
	for _, version := range held {
		if end := r.Previous[version].Add(s.drain); end.After(at) {
			at = end
		}
	}
	return at
}

// findVersionsInRuns returns the versions in the receipt's Previous that are still in play, sorted.
func (s *Scope) findVersionsInRuns(ctx context.Context, l scopeState) ([]string, error) {
	var held, asked []string
	var last time.Time
	for version, replaced := range l.receipt.Previous {
		switch {
		case replaced.IsZero():
			held = append(held, version)
		case l.now.Before(replaced.Add(s.drain)):
			asked = append(asked, version)
			last = laterOf(last, replaced)
		}
	}
	if len(asked) > 0 {
		oldest, found, err := s.findOldestReader(ctx, l, asked, last.Add(skew))
		if err != nil {
			return nil, err
		}
		for _, version := range asked {
			if found && !oldest.After(l.receipt.Previous[version].Add(skew)) {
				held = append(held, version)
			}
		}
	}
	slices.Sort(held)
	return held, nil
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// unfinishedStatuses are the statuses of a run that is not completed, in a run's order of life; those it can fall back
// to come again, so that a run whose status changes meanwhile is listed at least once. Source: the status parameter of
// https://docs.github.com/en/rest/actions/workflow-runs#list-workflow-runs-for-a-repository
var unfinishedStatuses = []string{"requested", "pending", "waiting", "queued", "in_progress", "queued", "waiting"}

// findOldestRun returns when the oldest unfinished run of a repository began, among those created up to end. Where a list
// is not whole, that could be any time: the zero one.
func (s *Scope) findOldestRun(
	ctx context.Context, repository string, end time.Time,
) (oldest time.Time, found bool, err error) {
	for _, status := range unfinishedStatuses {
		began, whole, err := s.listRuns(ctx, repository, status, end)
		if err != nil || !whole {
			return time.Time{}, !whole, err
		}
		for _, t := range began {
			if !found || t.Before(oldest) {
				oldest, found = t, true
			}
		}
	}
	return oldest, found, nil
}

// startOfRun returns when a run read its first secret. A run that is run again keeps the time of its creation, and
// reads secrets anew. Source: run_attempt and run_started_at of
// https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run
func startOfRun(run *gh.WorkflowRun) time.Time {
	if run.GetRunAttempt() > 1 {
		return laterOf(run.GetCreatedAt().Time, run.GetRunStartedAt().Time)
	}
	return run.GetCreatedAt().Time
}

// listRuns returns when each run of a status that was created up to end began. The list is whole if every page counts
// the same number and that many were listed: runs that end move others to an earlier page, and GitHub does not list
// more than mostPages.
func (s *Scope) listRuns(
	ctx context.Context, repository, status string, end time.Time,
) (began []time.Time, whole bool, err error) {
	var counts []int
	doing := "list workflow runs that are " + strings.ReplaceAll(status, "_", " ")
	for page := 1; page != 0; {
		if len(counts) == mostPages {
			return nil, false, nil
		}
		var out gh.WorkflowRuns
		query := url.Values{
			"status": {status}, "created": {"<=" + end.Format(time.RFC3339)},
			"per_page": {"100"}, "page": {fmt.Sprint(page)},
		}
		resp, err := s.client.callAPI(ctx, request{
			doing: doing, method: http.MethodGet, path: repository + "/actions/runs?" + query.Encode(), out: &out,
		})
		if err != nil {
			return nil, false, err
		}
		for _, run := range out.WorkflowRuns {
			began = append(began, startOfRun(run))
		}
		if out.TotalCount == nil {
			return nil, false, errors.New(doing + ": GitHub's answer has no list")
		}
		counts = append(counts, *out.TotalCount)
		if page++; !httpcall.HasNextPage(resp.Header) {
			page = 0
		}
	}
	return began, len(slices.Compact(counts)) == 1 && counts[0] == len(began), nil
}
