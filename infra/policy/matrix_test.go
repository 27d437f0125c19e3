package policy_test

import (
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
)

func TestEveryCaseIsDecidedAsItSays(t *testing.T) {
	w := newWorld(t, "testdata/rotary.yaml")
	cases := readCases(t, "testdata")
	w.decide(t, w.start(t), cases)
	if len(cases) < 150 {
		t.Errorf("%d cases are too few", len(cases))
	}
}

// decide holds what the judge says against what the cases say.
func (w world) decide(t *testing.T, judge *iam.Judge, cases []testCase) {
	t.Helper()
	checks := w.all(t, cases)
	for i, d := range decideAll(judge, checks) {
		c := checks[i]
		if !c.want(d.Result) {
			t.Errorf("%s: %s %s %s on %s %v, %s: %s by %v", c.where, c.who, c.verdict, c.action, c.resource, c.context, c.how, d.Result, d.By)
		}
		for _, key := range d.Ignored {
			if !strings.HasPrefix(key, "aws:") { // a tag that AWS does not have there is an attack of its own
				t.Errorf("%s: AWS has no %s for %s: the case does not say what it seems to", c.where, key, c.action)
			}
		}
	}
	t.Logf("%d cases, %d questions", len(cases), len(checks))
}

func (w world) all(t *testing.T, cases []testCase) []check {
	t.Helper()
	var all []check
	for _, c := range cases {
		checks, err := w.checks(c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, checks...)
	}
	return all
}

func decideAll(judge *iam.Judge, checks []check) []iam.Decision {
	asks := make([]iam.Ask, len(checks))
	for i, c := range checks {
		asks[i] = c.ask
	}
	return judge.DecideAll(asks)
}
