package simulation

import "testing"

// TestABucketRemembersItsReaders plays what a manifest forgets: whoever got something from a bucket may still have it,
// wherever the manifest has moved them.
func TestABucketRemembersItsReaders(t *testing.T) {
	for _, n := range forgotten() {
		t.Run(n.rule, n.play)
	}
}

func forgotten() []needed {
	return []needed{
		{rule: "unseen-consumer: the bucket remembers a repository", manifest: "main", open: true, schedule: `
			manifest moved-repository
			rotate db
			sweeps
			sweeps`},
		{rule: "unseen-consumer: the bucket remembers a project", manifest: "main", open: true, schedule: `
			manifest moved-project
			rotate db
			sweeps
			sweeps`},
		{rule: "unseen-consumer: the bucket remembers a repository that nobody declares any more", manifest: "main", open: true, schedule: `
			manifest dropped-ci
			rotate db
			sweeps
			sweeps`},
		{rule: "unseen-consumer: the bucket remembers a project that nobody declares any more", manifest: "main", open: true, schedule: `
			manifest dropped-project
			rotate db
			sweeps
			sweeps`},
		{rule: "unseen-consumer: a repository that was hidden as it moved", manifest: "main", open: true, schedule: `
			blind ci
			manifest moved-repository
			rotate db
			sweeps
			sight ci
			sweeps`},
	}
}
