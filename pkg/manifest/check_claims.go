package manifest

import (
	"maps"
	"slices"
	"strings"
)

// claim is a place that has one writer only.
type claim struct{ scope, path, owner, thing, do string }

const (
	giveEachItsOwn  = "give each its own, for example with ${env} in the name"
	giveEachItsTeam = "give each its own; if two teams have a project of this name, write team at both"
)

// checkClaims reports two owners of one secret in an account, or of one scope at a sink.
func (r *report) checkClaims(all []*Environment) {
	taken, reported := map[string]claim{}, map[string]bool{}
	for _, env := range all {
		for _, claim := range env.listClaims() {
			first, ok := findClaim(taken, claim.scope)
			both := first.owner + " and " + claim.owner
			switch {
			case !ok:
				taken[claim.scope] = claim
			case first.owner != claim.owner && !reported[both]:
				reported[both] = true
				if strings.HasPrefix(claim.scope, "vercel") && claim.scope != first.scope {
					claim.do = giveEachItsTeam
				}
				r.add(claim.path, both+" both claim "+claim.thing, claim.do)
			}
		}
	}
}

// findClaim returns the claim of a scope, or of one that overlaps: who names no container may get any of the task's, and
// who names no team may mean any.
func findClaim(taken map[string]claim, scope string) (claim, bool) {
	if first, ok := taken[scope]; ok || !strings.HasPrefix(scope, "ecs") && !strings.HasPrefix(scope, "vercel") {
		return first, ok
	}
	place := scope[:strings.LastIndex(scope, " ")+1]
	if first, ok := taken[place+anyOf]; ok {
		return first, true
	}
	if scope == place+anyOf {
		for _, other := range slices.Sorted(maps.Keys(taken)) {
			if strings.HasPrefix(other, place) {
				return taken[other], true
			}
		}
	}
	return claim{}, false
}

func (e *Environment) listClaims() []claim {
	var out []claim
	where := e.Account + " " + e.Region
	for _, s := range e.Sources {
		out = append(out, claim{"secret " + where + " " + s.Secret, "sources." + s.Name + ".secret",
			"source " + Quote(s.Name) + " in " + Quote(e.Name), "one secret in one account", giveEachItsOwn})
	}
	for _, b := range e.Buckets {
		out = append(out, claim{"secret " + where + " " + b.Secret, "buckets." + b.Name + ".secret",
			"bucket " + Quote(b.Name) + " in " + Quote(e.Name), "one secret in one account", giveEachItsOwn})
	}
	for _, consumer := range e.Consumers {
		path, owner := "consumers."+consumer.Name+"."+consumer.Kind(), "consumer "+Quote(consumer.Name)+" in "+Quote(e.Name)
		for _, scope := range e.listScopes(consumer) {
			out = append(out, claim{scope, path, owner, "the same " + consumer.Kind() + " scope", giveEachItsOwn})
		}
		if task, has := consumer.Task(); has && len(task.Containers) > 0 {
			// A container that has the bucket already gets all of it: two consumers would write there.
			scope := e.taskScope(consumer) + "=" + consumer.Bucket
			out = append(out, claim{scope, path, owner, "bucket " + Quote(consumer.Bucket) + " in one task definition",
				"list the containers of both in one of them"})
		}
	}
	return out
}

// listScopes returns the places at c's sink that rotary writes for it.
func (e *Environment) listScopes(c Consumer) []string {
	if kind := c.chosenKind(); kind != nil {
		return kind.listScopes(e)
	}
	return nil
}
