package bench

import (
	"cmp"
	"slices"
	"strings"
)

// runCalls are the calls of one run that were not refused for their rate, in the order in which they began.
type runCalls []Call

func newRunCalls(calls []Call) runCalls {
	run := slices.DeleteFunc(slices.Clone(calls), func(c Call) bool { return c.Throttled })
	slices.SortStableFunc(run, func(a, b Call) int { return cmp.Compare(a.Begin, b.Begin) })
	return run
}

// spanOf returns the calls of a name that were answered first and last; of one resource, where that is not "".
func (run runCalls) spanOf(name, resource string) (first, last Call, made bool) {
	for _, c := range run {
		if !matchesName(name, c.Name()) || resource != "" && c.Resource != resource {
			continue
		}
		if !made || c.End < first.End {
			first = c
		}
		if !made || c.End > last.End {
			last = c
		}
		made = true
	}
	return first, last, made
}

// matchesName reports whether a call's name is what a step names; each * stands for anything.
func matchesName(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	rest, found := strings.CutPrefix(name, parts[0])
	if !found || len(parts) == 1 {
		return found && rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		if _, rest, found = strings.Cut(rest, part); !found {
			return false
		}
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// findDependentChain returns the longest chain of calls that need each other's answers, by the table of protocol, and the
// names of the calls that the table does not have, each once; those depend on nothing.
//
// The chain is one of steps, not of the calls that were made: a step that is taken for many objects takes as long as for
// one, and a call that is made again in the same step counts once. Only where calls about one object need each other in
// turn does each of them count, for the object with the most. Of each step the chain has a call that was made: one that
// is about what the next one in the chain is about, where there is one.
func findDependentChain(calls []Call) (chain []Call, unlisted []string) {
	run, steps := newRunCalls(calls), protocol()
	g := graph{steps: map[string]step{}, calls: map[string][]Call{}, depths: map[string]int{}}
	for _, s := range steps {
		g.steps[s.name] = s
	}
	for _, c := range run {
		i := slices.IndexFunc(steps, func(s step) bool { return s.has(c, run) })
		if i >= 0 {
			g.calls[steps[i].name] = append(g.calls[steps[i].name], c)
		} else if !slices.Contains(unlisted, c.Name()) {
			unlisted = append(unlisted, c.Name())
		}
	}
	last, deepest := "", 0
	for _, s := range steps {
		if d := g.depthOf(s.name); d > deepest {
			last, deepest = s.name, d
		}
	}
	slices.Sort(unlisted)
	return g.pickCalls(last), unlisted
}

// has reports whether a call is of this step, if of none before it.
func (s step) has(c Call, run runCalls) bool {
	named := slices.ContainsFunc(s.calls, func(pattern string) bool { return matchesName(pattern, c.Name()) })
	return named && (s.when == nil || s.when(c, run))
}

// graph is the protocol with the calls of one run.
type graph struct {
	steps  map[string]step
	calls  map[string][]Call // by step
	depths map[string]int    // that are known already
}

// depthOf returns the number of calls in the longest chain that ends with a step: that of what it needs, where it was not
// taken itself.
func (g graph) depthOf(name string) int {
	if depth, known := g.depths[name]; known {
		return depth
	}
	deepest := 0
	for _, need := range g.steps[name].needs {
		deepest = max(deepest, g.depthOf(need))
	}
	g.depths[name] = deepest + g.lengthOf(name)
	return g.depths[name]
}

// lengthOf returns how many calls of a step need each other.
func (g graph) lengthOf(name string) int {
	if !g.steps[name].inTurn {
		return min(len(g.calls[name]), 1)
	}
	most, count := 0, map[string]int{}
	for _, c := range g.calls[name] {
		count[c.Resource]++
		most = max(most, count[c.Resource])
	}
	return most
}

// pickCalls returns the calls of the longest chain that ends with a step.
func (g graph) pickCalls(last string) (chain []Call) {
	about := ""
	for name := last; name != ""; name = g.deepestNeed(name) {
		picked := g.pickFor(name, about)
		if len(picked) > 0 {
			chain, about = append(slices.Clone(picked), chain...), bucketOf(picked[0])
		}
	}
	return chain
}

// deepestNeed returns the needed step that the longest chain goes through; "" where nothing is needed.
func (g graph) deepestNeed(name string) (deepest string) {
	for _, need := range g.steps[name].needs {
		if g.depthOf(need) > 0 && (deepest == "" || g.depthOf(need) > g.depthOf(deepest)) {
			deepest = need
		}
	}
	return deepest
}

// pickFor returns the calls of a step that need each other: those that are about a bucket, where there are as many of
// them as of any.
func (g graph) pickFor(name, bucket string) (picked []Call) {
	length := g.lengthOf(name)
	if length == 0 {
		return nil
	}
	for _, wanted := range []func(Call) bool{
		func(c Call) bool { return bucketOf(c) == bucket },
		func(Call) bool { return true },
	} {
		byObject := map[string][]Call{}
		for _, c := range g.calls[name] {
			if !wanted(c) {
				continue
			}
			byObject[c.Resource] = append(byObject[c.Resource], c)
			if len(byObject[c.Resource]) == length {
				return byObject[c.Resource]
			}
		}
	}
	return nil
}

// bucketOf returns the bucket of the fixture that a call is about, or whose consumer it is about; "" where that is not
// known.
func bucketOf(c Call) string {
	switch c.Service {
	case "github":
		return "ci"
	case "vercel":
		return "dashboard"
	case "secretsmanager":
		return strings.TrimSuffix(c.Resource, "-"+environment)
	}
	resource := c.Resource[strings.LastIndex(c.Resource, "/")+1:]
	for i := range mostServices {
		if name := serviceName(i); resource == name || strings.HasPrefix(resource, name+"-") {
			return serviceBuckets[i%len(serviceBuckets)].name
		}
	}
	return ""
}
