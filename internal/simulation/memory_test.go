package simulation

import (
	"slices"
	"strings"
	"testing"
)

// TestWhoLeftTheManifestIsNotRefused plays templates that are deployed without the check of deploy: a consumer moves to
// another service, repository, project or bucket, or leaves the manifest, in one change, and nobody tidies up at the place
// where it was. It keeps what it has there, and nobody is refused, however often its source is rotated.
func TestWhoLeftTheManifestIsNotRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"moved-bucket", "moved-service", "moved-repository", "moved-project", "dropped-ci", "dropped-project"} {
		for _, schedule := range []string{
			"manifest " + name + "\nrotate db\nsweeps\nrotate db\nsweeps\nwait 7h\nsweeps\nsweeps",
			"rotate db\npass\nmanifest " + name + "\nsweeps\nrotate db\nsweeps\nwait 7h\nsweeps\nsweeps",
			"manifest " + name + "\npass\nrotate db\npass\nmanifest main\nsweeps\nrotate db\nsweeps\nsweeps",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w, err := Scenario{Name: name, Manifest: "main", Schedule: MustParse(schedule)}.Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				harm := slices.DeleteFunc(slices.Clone(w.Violations), isNoHarm)
				if len(harm) > 0 {
					t.Errorf("%s", Failure{Schedule: MustParse(schedule), Violations: harm})
				}
			})
		}
	}
}

// isNoHarm reports whether a violation is not that a credential in use is retired: as long as nobody tidies up, nothing
// ends. What a new project had before rotary first wrote there is refused from the beginning.
func isNoHarm(violation string) bool {
	refused := strings.HasPrefix(violation, "S1 ") || strings.HasPrefix(violation, "S4 ")
	return !refused || strings.Contains(violation, "project site, deployment")
}
