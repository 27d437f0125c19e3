package policy_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
	"github.com/rotary-secrets/rotary/infra/policy"
)

// A mutant is a document of which something is missing.
type mutant struct {
	document string
	position int            // of the statement
	missing  string         // what
	wider    bool           // it may match requests that the statement did not match before
	only     *regexp.Regexp // it may differ for requests with an action or a resource of this pattern only
	policy   policy.Document
}

func (m mutant) name() string { return fmt.Sprintf("%s without %s", m.document, m.missing) }

// mutants are a document's: without each statement, each condition, each action and each resource of one.
func mutants(name string, d policy.Document) []mutant {
	var all []mutant
	add := func(i int, missing, only string, s policy.Statement) {
		changed := policy.Document{Version: d.Version, Statement: slices.Clone(d.Statement)}
		changed.Statement[i] = s
		all = append(all, mutant{name, i, d.Statement[i].Sid + missing, len(keysOf(s)) < len(keysOf(d.Statement[i])), glob(only), changed})
	}
	for i, s := range d.Statement {
		add(i, "", "*", nothing(s))
		for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
			for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
				add(i, "'s condition "+operator+" "+key, "*", without(s, operator, key))
			}
		}
		for j, action := range s.Action {
			if len(s.Action) > 1 {
				less := s
				less.Action = slices.Delete(slices.Clone(s.Action), j, j+1)
				add(i, "'s action "+action, action, less)
			}
		}
		for j, resource := range s.Resource {
			if len(s.Resource) > 1 {
				less := s
				less.Resource = slices.Delete(slices.Clone(s.Resource), j, j+1)
				add(i, "'s resource "+resource, resource, less)
			}
		}
	}
	return all
}

// nothing is a statement in the place of s that matches no request.
func nothing(s policy.Statement) policy.Statement {
	s.Action = []string{"rotary:Nothing"}
	return s
}

func without(s policy.Statement, operator, key string) policy.Statement {
	s.Condition = maps.Clone(s.Condition)
	s.Condition[operator] = maps.Clone(s.Condition[operator])
	delete(s.Condition[operator], key)
	if len(s.Condition[operator]) == 0 {
		delete(s.Condition, operator)
	}
	return s
}

// concerned are the cases that a mutant can fail: those that its statement decided; where it is wider, those that asked
// its document for something else than what it now says of more requests.
func (m mutant) concerned(checks []check, decisions []iam.Decision) []check {
	var all []check
	for i, c := range checks {
		decided := slices.Contains(decisions[i].By, iam.Statement{Document: m.document, Position: m.position})
		if m.wider && m.asked(c) || decided && (m.only.MatchString(c.ask.Action) || m.only.MatchString(c.ask.Resource)) {
			all = append(all, m.replace(c))
		}
	}
	return all
}

func (m mutant) asked(c check) bool {
	a, s := c.ask, m.policy.Statement[m.position]
	service, _, _ := strings.Cut(a.Action, ":")
	return (slices.Contains(a.Identity, m.document) || slices.Contains(a.Boundary, m.document) || a.ResourcePolicy == m.document) &&
		!c.want(map[string]string{"Allow": iam.Allowed, "Deny": iam.ExplicitlyDenied}[s.Effect]) &&
		slices.ContainsFunc(s.Action, func(action string) bool { return action == "*" || strings.HasPrefix(action, service+":") })
}

// replace is the question with the mutant in its document's place.
func (m mutant) replace(c check) check {
	swap := func(names []string) []string {
		names = slices.Clone(names)
		for i, name := range names {
			if name == m.document {
				names[i] = m.name()
			}
		}
		return names
	}
	c.ask.Identity, c.ask.Boundary = swap(c.ask.Identity), swap(c.ask.Boundary)
	c.ask.ResourcePolicy = swap([]string{c.ask.ResourcePolicy})[0]
	return c
}

// excused are the mutants that no case can miss, and why.
func excused() map[string]string {
	return map[string]string{
		"dev/propagate without LookAgain's action scheduler:UpdateSchedule": "PointSchedules allows it where a consumer is started by schedules: their names are of the same shape",
	}
}

// TestNothingCanBeTakenOutOfAPolicyUnnoticed takes one statement, condition, action or resource after the other out of
// every document of one environment: a case must fail. What nobody misses need not be there.
func TestNothingCanBeTakenOutOfAPolicyUnnoticed(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	judge := w.start(t)
	checks := append(w.all(t, readCases(t, "testdata")), w.swept(t, judge)...)
	decisions := decideAll(judge, checks)
	statements, total, excuses := 0, 0, excused()
	for _, name := range w.names() {
		if !strings.HasPrefix(name, "dev/") {
			continue
		}
		statements += len(w.documents[name].Statement)
		for _, m := range mutants(name, w.documents[name]) {
			judge.Keep(map[string]any{m.name(): m.policy})
			_, excuse := excuses[m.name()]
			if total++; missed(judge, m.concerned(checks, decisions)) == excuse {
				t.Errorf("%s: missed by a case: %v", m.name(), excuse)
			}
			delete(excuses, m.name())
		}
	}
	t.Logf("%d mutants of %d statements", total, statements)
	if len(excuses) > 0 {
		t.Errorf("there is no such mutant: %v", excuses)
	}
}

// missed reports whether a check fails. It asks a few at a time: most mutants fail one of the first.
func missed(judge *iam.Judge, checks []check) bool {
	for some := range slices.Chunk(checks, 4) {
		for i, d := range decideAll(judge, some) {
			if !some[i].want(d.Result) {
				return true
			}
		}
	}
	return false
}
