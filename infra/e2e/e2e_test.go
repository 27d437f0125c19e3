package e2e

import "testing"

// What CDK made of the manifest carries every change to every consumer, and every call that is made for it is allowed.
func TestAnEnvironmentRunsOnWhatCDKMadeOfIt(t *testing.T) {
	for _, environment := range environments {
		t.Run(environment, func(t *testing.T) {
			t.Parallel()
			p := stageOf(t, load(t, environment))
			p.database = openDatabase(t)
			if err := p.play(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.fed(t)
			c := p.tried(t)
			t.Run("every statement is needed", c.everyStatementIsNeeded)
			t.Run("services read their bucket only", c.servicesReadTheirBucketOnly)
			t.Run("a look that tries to write is refused", c.aLookThatWritesIsRefused)
			t.Run("a wrong policy is seen", c.aWrongPolicyIsSeen)
		})
	}
}
