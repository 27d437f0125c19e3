package e2e

import (
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
)

// What CDK made of the manifest carries every change to every consumer, and every call that is made for it is allowed.
func TestAnEnvironmentRunsOnWhatCDKMadeOfIt(t *testing.T) {
	for _, environment := range environments {
		t.Run(environment, func(t *testing.T) {
			p := stageOf(t, load(t, environment))
			p.database = openDatabase(t)
			if err := p.play(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.fed(t)
			judge := iam.Start(t)
			judge.Keep(p.documents())
			denied, _ := p.denied(judge, p.needed(t))
			for _, d := range denied {
				t.Error(d)
			}
		})
	}
}
