package e2e

import (
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/rotary-secrets/rotary/events"
)

// The samples look as AWS documents its events, and the stand-in had no part in making them.
func TestEveryRuleTakesTheEventsOfAWSThatItIsFor(t *testing.T) {
	for environment, want := range map[string]map[string][]string{
		"dev": {
			"sources": {"secret-label-updated.json"}, "services": {"ecs-deployment-state-change.json"},
			"manifest": {"cloudformation-stack-status-change.json"}, "failures": {"rotation-abandoned.json", "rotation-failed.json"},
		},
		"production": { // they are samples of dev, in another account: no bus of production has them
			"sources": nil, "services": nil, "manifest": nil, "failures": {"rotation-abandoned.json", "rotation-failed.json"},
		},
	} {
		t.Run(environment, func(t *testing.T) {
			p := stageOf(t, load(t, environment))
			got := map[string][]string{}
			for _, s := range p.assembly.stacks {
				for _, r := range s.Resources {
					if r.Type != ruleOf {
						continue
					}
					name := strings.TrimPrefix(r.Properties["Name"].(string), "rotary-"+environment+"-")
					got[name] = p.samples(t, plain(t, r.Properties["EventPattern"]))
				}
			}
			if !reflect.DeepEqual(want, got) {
				t.Errorf("the rules take %v, expected %v", got, want)
			}
		})
	}
}

// samples lists the samples that a pattern matches.
func (p *played) samples(t *testing.T, pattern string) (names []string) {
	t.Helper()
	client := eventbridge.NewFromConfig(p.Config(p.account, p.region))
	all, err := fs.Glob(events.FS, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		sample, err := events.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		event := string(sample)
		if !strings.Contains(event, `"detail-type"`) || strings.Contains(event, `"Records"`) {
			continue // no event of the bus
		}
		out, err := client.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{Event: &event, EventPattern: &pattern})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if out.Result {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
