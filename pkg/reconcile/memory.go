package reconcile

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Memory holds what the last pass of a process has read of the secrets of an environment in which there was nothing to do
// and nothing to wait for. It makes the next look cheaper:
//
//	a secret                                    | is read
//	--------------------------------------------|------------------------------------------------------------
//	a source whose current version is another,  | whole: its description and the list of its versions
//	  or whose labels or time of change are     |
//	a source as it was                          | its description; the list is kept
//	a bucket, where every secret has the current| not at all beside its current version, which every look reads
//	  version that it had                       |
//	a bucket otherwise                          | its description
//
// A look that reuses something may only find that nothing is to be done, or do what can be done again: set labels, write
// buckets, roll. Before anything is withdrawn, dropped, tested, confirmed or retired everything is read (ADR 6). Memory
// lasts for MemoryLasts. It is for one pass at a time.
type Memory struct {
	kept  map[string]history.History // by secret name
	taken time.Time                  // by Secrets Manager's clock; zero for none
}

// MemoryLasts is how long after a whole look something of it may be reused.
const MemoryLasts = time.Hour

// isRecent reports whether something may be reused.
func (m *Memory) isRecent(now time.Time) bool {
	return m != nil && !m.taken.IsZero() && !now.Before(m.taken) && now.Sub(m.taken) < MemoryLasts
}

// keepLook keeps what a look has read, where it was a whole one and there is nothing to do or to wait for, and forgets
// everything where there is. A look that has reused something leaves the memory as old as it is.
func (m *Memory) keepLook(s plan.State, reused, calm bool) {
	switch {
	case m == nil || reused && calm:
		return
	case !calm:
		*m = Memory{}
		return
	}
	m.kept, m.taken = map[string]history.History{}, s.Now
	for _, source := range s.Sources {
		m.keepHistory(source.History)
	}
	for _, b := range s.Buckets {
		m.keepHistory(b.History)
	}
}

// keepHistory keeps a secret's history. One that could not be described leaves nothing to reuse.
func (m *Memory) keepHistory(h history.History) {
	if h.ARN == "" {
		m.taken = time.Time{}
	}
	m.kept[h.Secret] = h
}

// hasSameCurrent reports whether every secret has the current version that it had.
func (m *Memory) hasSameCurrent(current map[string]string) bool {
	return maps.EqualFunc(m.kept, current, func(h history.History, id string) bool {
		v, _ := h.Current()
		return v.ID == id
	})
}

// mayReuse reports whether a plan may be carried out that was made from a look that has reused something.
func mayReuse(p plan.Plan, bucketsToo bool) bool {
	if bucketsToo {
		return p.Empty()
	}
	return len(p.Tests)+len(p.Confirms)+len(p.Withdrawals)+len(p.Drops)+len(p.Advances) == 0
}

// lookAgain describes a source, and reads the list of its versions where it is not as it was.
func (o observer) lookAgain(ctx context.Context, name string) (history.History, error) {
	kept, has := o.Memory.kept[name]
	if was, _ := kept.Current(); !has || was.ID != o.current[name] {
		return o.Store.LookAll(ctx, name)
	}
	h, err := o.Store.Look(ctx, name)
	if err != nil {
		return h, err
	}
	if !h.Changed.Equal(kept.Changed) || h.ARN != kept.ARN || !maps.EqualFunc(labelsOf(h), labelsOf(kept), slices.Equal) {
		return o.Store.LookAll(ctx, name)
	}
	h.Versions = slices.Clone(kept.Versions)
	return h, nil
}

// labelsOf returns the labels of the versions that have any.
func labelsOf(h history.History) map[string][]string {
	labels := map[string][]string{}
	for _, v := range h.Versions {
		if len(v.Labels) > 0 {
			labels[v.ID] = v.Labels
		}
	}
	return labels
}
