// Package tagging is one account and region's Resource Groups Tagging API: an index of tagged resources that follows the
// services which have them. It speaks awsJson1.1 and refuses, loudly, what it does not reproduce.
package tagging

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Config holds what an Index depends on. Clock is required.
type Config struct {
	Clock *sim.Clock
	Lists sim.Lists     // the order and the pages of lists
	Lag   time.Duration // for how long the index answers as before a change of tags, and lists what was deleted
}

// Index has the tags of resources, by ARN. Safe for concurrent use.
type Index struct {
	cfg Config

	mu      sync.Mutex
	changes map[string][]change // by ARN, oldest first; the first may be the one that is shown now
}

// change is the tags of a resource from a moment on; nil once it was deleted.
type change struct {
	at   time.Time
	tags map[string]string
}

// New returns an index of nothing.
func New(cfg Config) *Index { return &Index{cfg: cfg, changes: map[string][]change{}} }

// Note records the tags that a resource has from now on, all of them; nil when it is deleted. It is called by the
// service that has the resource.
func (x *Index) Note(arn string, tags map[string]string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.changes[arn] = append(x.dropPast(x.changes[arn]), change{x.cfg.Clock.Now(), maps.Clone(tags)})
}

// dropPast drops the changes of a resource that a newer one has replaced in every answer from now on.
func (x *Index) dropPast(all []change) []change {
	shown := x.cfg.Clock.Now().Add(-x.cfg.Lag)
	for len(all) > 1 && !all[1].at.After(shown) {
		all = all[1:]
	}
	return all
}

// shownTags returns the tags with which the index shows a resource now; nil where it shows none.
func (x *Index) shownTags(all []change) map[string]string {
	shown, tags := x.cfg.Clock.Now().Add(-x.cfg.Lag), map[string]string(nil)
	for _, c := range all {
		if !c.at.After(shown) {
			tags = c.tags
		}
	}
	return tags
}

// Wire returns the index as its clients reach it, under the name that IAM has for its actions.
func (x *Index) Wire() wire.JSONService {
	return wire.JSONService{
		Name: "tag", Target: "ResourceGroupsTaggingAPI_20170126", Refuse: refuse,
		Ops:   map[string]wire.Op{"GetResources": wire.Handle(x.getResources)},
		Reads: func(string) bool { return true },
	}
}

// refuse returns the API's own errors
// (https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html#API_GetResources_Errors).
func refuse(o sim.Outcome) *wire.Error {
	switch o {
	case sim.Throttled:
		return &wire.Error{Code: "ThrottledException", Message: "Rate exceeded"}
	case sim.Denied:
		return &wire.Error{Code: "AccessDeniedException", Message: "not authorized to perform: tag:GetResources"}
	default:
		return &wire.Error{Code: "InternalServiceException", Message: "An internal error occurred.", Status: http.StatusInternalServerError}
	}
}

type tag struct{ Key, Value string }

type tagFilter struct {
	Key    string
	Values []string
}

type getResourcesInput struct {
	PaginationToken     string
	TagFilters          []tagFilter
	ResourceTypeFilters []string
	ResourcesPerPage    *int
}

type mapping struct {
	ResourceARN string
	Tags        []tag
}

type getResourcesOutput struct {
	PaginationToken        string // "" on the last page
	ResourceTagMappingList []mapping
}

// getResources answers https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html. An
// order is not documented, and a page may have fewer resources than were asked for.
func (x *Index) getResources(_ context.Context, in getResourcesInput) (getResourcesOutput, error) {
	if err := checkRequest(in); err != nil {
		return getResourcesOutput{}, err
	}
	l := sim.List[mapping]{
		Lists: x.cfg.Lists, Now: x.cfg.Clock.Now(), Items: x.listMatches(in),
		Key: func(m mapping) string { return m.ResourceARN }, Most: 50,
	}
	if in.ResourcesPerPage != nil {
		l.Most = *in.ResourcesPerPage
	}
	page, next, err := l.Page(in.PaginationToken)
	if err != nil {
		return getResourcesOutput{}, wire.Errorf("PaginationTokenExpiredException", "The specified PaginationToken is expired or invalid.")
	}
	return getResourcesOutput{next, append([]mapping{}, page...)}, nil
}

// checkRequest refuses what the API refuses, and what the stand-in does not reproduce.
func checkRequest(in getResourcesInput) error {
	if n := in.ResourcesPerPage; n != nil && (*n < 1 || *n > 100) {
		return wire.Errorf("InvalidParameterException", "ResourcesPerPage must be between 1 and 100.")
	}
	if len(in.TagFilters) == 0 || len(in.ResourceTypeFilters) == 0 {
		return wire.NotImplemented("GetResources without TagFilters, or without ResourceTypeFilters")
	}
	for _, f := range in.TagFilters {
		if f.Key == "" {
			return wire.Errorf("InvalidParameterException", "The key of a tag filter must not be empty.")
		}
	}
	for _, kind := range in.ResourceTypeFilters {
		if !strings.HasPrefix(kind, "ecs:") {
			return wire.NotImplemented("resource type %s: only Amazon ECS is indexed", kind)
		}
	}
	return nil
}

// listMatches returns the resources that are shown now and that a request asks for.
func (x *Index) listMatches(in getResourcesInput) []mapping {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []mapping
	for arn, all := range x.changes { // the list that is made of them has an order of its own
		if !isOfType(arn, in.ResourceTypeFilters) {
			continue
		}
		if tags := x.shownTags(all); matchesAll(tags, in.TagFilters) {
			out = append(out, mapping{arn, x.listTags(tags)})
		}
	}
	return out
}

// listTags returns the tags of a resource, in no order.
func (x *Index) listTags(tags map[string]string) []tag {
	var out []tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, tag{key, tags[key]})
	}
	sim.Shuffle(x.cfg.Lists, x.cfg.Clock.Now(), out, func(t tag) string { return t.Key })
	return out
}

// isOfType reports whether an ARN is of one of these types: service:type, as they stand in ARNs.
func isOfType(arn string, types []string) bool {
	parts := strings.SplitN(arn, ":", 6)
	kind, _, _ := strings.Cut(parts[len(parts)-1], "/")
	return slices.Contains(types, parts[2]+":"+kind)
}

// matchesAll reports whether tags satisfy every filter; a filter without values only wants the key.
func matchesAll(tags map[string]string, filters []tagFilter) bool {
	for _, f := range filters {
		value, has := tags[f.Key]
		if !has || len(f.Values) > 0 && !slices.Contains(f.Values, value) {
			return false
		}
	}
	return true
}
