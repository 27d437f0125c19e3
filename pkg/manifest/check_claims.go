package manifest

import (
	"strings"
)

// claim is a place that has one writer only.
type claim struct{ scope, path, owner, thing string }

// checkClaims reports two owners of one secret in an account, or of one scope at a sink.
func (r *report) checkClaims(all []*Environment) {
	taken := map[string]claim{}
	for _, env := range all {
		for _, claim := range env.listClaims() {
			first, ok := findClaim(taken, claim.scope)
			if !ok {
				taken[claim.scope] = claim
				continue
			}
			r.add(claim.path, first.owner+" and "+claim.owner+" both claim "+claim.thing,
				"give each its own, for example with ${env} in the name")
		}
	}
}

// findClaim returns the claim of a scope, or of one that overlaps: who names no container may get any of the task's.
func findClaim(taken map[string]claim, scope string) (claim, bool) {
	if first, ok := taken[scope]; ok || !strings.HasPrefix(scope, "ecs") {
		return first, ok
	}
	task := scope[:strings.LastIndex(scope, " ")+1]
	if first, ok := taken[task+anyContainer]; ok {
		return first, true
	}
	if scope == task+anyContainer {
		for other, first := range taken {
			if strings.HasPrefix(other, task) {
				return first, true
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
			"source " + Quote(s.Name) + " in " + Quote(e.Name), "one secret in one account"})
	}
	for _, b := range e.Buckets {
		out = append(out, claim{"secret " + where + " " + b.Secret, "buckets." + b.Name + ".secret",
			"bucket " + Quote(b.Name) + " in " + Quote(e.Name), "one secret in one account"})
	}
	for _, consumer := range e.Consumers {
		for _, scope := range e.listScopes(consumer) {
			out = append(out, claim{scope, "consumers." + consumer.Name + "." + consumer.Kind(),
				"consumer " + Quote(consumer.Name) + " in " + Quote(e.Name), "the same " + consumer.Kind() + " scope"})
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
