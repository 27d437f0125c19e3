package ecs

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// This file is pure: it tells which versions of a bucket the tasks of a revision may have.

// versionsOf returns the versions of the bucket, and of the buckets before it, that tasks may have which a deployment
// of the revision has started since it began; zero where that is not known. Sorted.
//
//	an entry                     | the tasks may have
//	-----------------------------|----------------------------------------------------------
//	pins a version               | that one
//	follows AWSCURRENT           | every version that may have been current since the deployment began
//	follows another label        | every labelled version
func (at place) versionsOf(o outline, began time.Time) []string {
	var ids []string
	for _, from := range at.listReferences(o) {
		switch {
		case from.version != "":
			ids = append(ids, from.version)
		case from.followsCurrent():
			ids = append(ids, at.currentSince(began)...)
		default:
			ids = append(ids, at.currentSince(time.Time{})...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// pinnedBy returns the versions of the bucket, and of the buckets before it, that the revision pins, sorted.
func (at place) pinnedBy(o outline) []string {
	var ids []string
	for _, from := range at.listReferences(o) {
		if from.version != "" {
			ids = append(ids, from.version)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// pinsFormer reports whether the revision pins a version of a bucket before this one.
func (at place) pinsFormer(o outline) bool {
	return slices.ContainsFunc(at.listReferences(o), func(r reference) bool { return !r.ours })
}

// listReferences returns what refers to the bucket, or to the buckets before it, outside the containers that the manifest
// names for other consumers.
func (at place) listReferences(o outline) []reference {
	var all []reference
	for _, c := range o.containers {
		if at.isOfOthers(c.name) {
			continue
		}
		for _, pin := range c.pins {
			if from := at.parseValueFrom(pin); from.isOurs() {
				all = append(all, from)
			}
		}
	}
	return all
}

// startSkew is the most by which ECS's clock may be ahead of Secrets Manager's where a task's start is compared with a
// label's time, and by which a read may be answered as before a swap: some seconds in AWS.
const startSkew = 30 * time.Second

// currentSince returns the labelled versions of the bucket that may have been current at any time since began: that is
// every labelled version, without those that were seen not to be current before. Zero is any time.
func (at place) currentSince(began time.Time) []string { return currentSince(at.versions, began) }

// currentSince is the same of any secret's versions.
func currentSince(versions []history.Version, began time.Time) []string {
	var ids []string
	for _, v := range versions {
		if len(v.Labels) > 0 && (began.IsZero() || mayBeCurrentAfter(v, began.Add(-startSkew))) {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// mayBeCurrentAfter reports whether v may have been current after at. One that was withdrawn was replaced before that.
func mayBeCurrentAfter(v history.Version, at time.Time) bool {
	if _, held := v.Label(history.Held); held || v.Has(history.AWSCurrent) {
		return true
	}
	past, replaced := v.PastSince()
	return !replaced || past.After(at)
}
