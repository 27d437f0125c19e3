package manifest

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/pkg/history"
)

func TestALocationSaysWhereAConsumerIs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for want, c := range map[string]Consumer{
		"ecs:main/web":                         {ECS: &ECS{Cluster: "main", Service: "web", Task: Task{Containers: Names{"app"}}}},
		"ecs:arn=3Aaws=3Aecs=2Fmain/web":       {ECS: &ECS{Cluster: "arn:aws:ecs/main", Service: "web"}},
		"ecs-family:main/nightly":              {ECSFamily: &ECSFamily{Cluster: "main", Family: "nightly"}},
		"github:example/app":                   {GitHub: &GitHub{Repository: "example/app"}},
		"github:example/app:a=20b=2F=C3=A9=3D": {GitHub: &GitHub{Repository: "example/app", Environment: "a b/é="}},
		"github-org:example":                   {GitHub: &GitHub{Organization: "example"}},
		"vercel:dashboard:preview+production":  {Vercel: &Vercel{Project: "dashboard", Targets: map[string][]string{"dev": {"production", "preview"}, "other": {"development"}}}},
		"vercel:acme/dashboard:preview":        {Vercel: &Vercel{Project: "dashboard", Team: "acme", Targets: map[string][]string{"dev": {"preview"}}}},
		"reader:26h:a=40b+engineering":         {Reader: &Reader{Drain: Duration(26 * time.Hour), Roles: []string{"engineering", "a@b"}}},
		"reader:2h:":                           {Reader: &Reader{Drain: Duration(2 * time.Hour)}},
		"reader:3h:":                           {Reader: &Reader{Drain: Duration(3 * time.Hour), Roles: []string{long}}},
		"":                                     {},
	} {
		if got := c.Location("dev"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	a := Consumer{GitHub: &GitHub{Repository: "example/app", Environment: long}}
	b := Consumer{GitHub: &GitHub{Repository: "example/app", Environment: long + "y"}}
	if a.Location("dev") == b.Location("dev") || len(a.Location("dev")) > maxLocation || !strings.HasPrefix(a.Location("dev"), "github:") {
		t.Errorf("two long ones are %s and %s", a.Location("dev"), b.Location("dev"))
	}
	if _, ok := a.MovedTo(a.Location("dev"), "dev"); ok {
		t.Error("a shortened one can be read")
	}
}

func TestAConsumerMovesToWhatItsLocationSays(t *testing.T) {
	t.Parallel()
	word := rapid.StringN(1, 12, 16) // two of them fit, however they are escaped
	tagged := regexp.MustCompile(`^[A-Za-z0-9_.:/=+-]*$`)
	rapid.Check(t, func(t *rapid.T) {
		var c Consumer
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			c.ECS = &ECS{Cluster: word.Draw(t, "cluster"), Service: word.Draw(t, "service"), Idle: true}
		case 1:
			c.ECSFamily = &ECSFamily{Cluster: word.Draw(t, "cluster"), Family: word.Draw(t, "family")}
		case 2:
			c.GitHub = &GitHub{Repository: "example/a.b-c", Environment: rapid.StringN(0, 12, 16).Draw(t, "environment"), Drain: defaultDrain}
		case 3:
			c.GitHub = &GitHub{Organization: word.Draw(t, "organization"), Drain: defaultDrain}
		case 4:
			c.Vercel = &Vercel{Project: word.Draw(t, "project"), Team: rapid.StringN(0, 12, 16).Draw(t, "team"), Targets: map[string][]string{"dev": {"development", "preview"}}}
		case 5:
			c.Reader = &Reader{Drain: Duration(time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour), Roles: []string{word.Draw(t, "role")}}
		}
		location := c.Location("dev")
		if len(location) > maxLocation || !tagged.MatchString(location) || len(location) > history.MaxTagValue {
			t.Fatalf("%q is no part of a tag", location)
		}
		moved, ok := Consumer{}.MovedTo(location, "dev")
		if !ok {
			if len(location) < 60 && !strings.Contains(location, "reader") {
				t.Fatalf("%q cannot be read", location)
			}
			return
		}
		if c.Reader != nil && moved.Reader.Roles == nil {
			return // they were left out
		}
		if diff := cmp.Diff(c, moved); diff != "" {
			t.Fatalf("%q is another place (-was +is):\n%s", location, diff)
		}
	})
}

// What a consumer signs in with, and how its containers get the bucket, does not stand in its location.
func TestAConsumerKeepsWhatItsLocationDoesNotSay(t *testing.T) {
	t.Parallel()
	roll := false
	c := Consumer{Name: "web", Bucket: "api", Leaving: true, ECS: &ECS{
		Cluster: "new", Service: "web", Roll: &roll,
		Task: Task{Containers: Names{"app"}, Inject: InjectBundle, Variable: "API", Adopt: []string{"A"}, Withdraw: "own", DeploysTake: Duration(time.Hour)},
	}}
	moved, ok := c.MovedTo("ecs:old/web", "dev")
	want := Consumer{Name: "web", Bucket: "api", ECS: &ECS{
		Cluster: "old", Service: "web", Idle: true, Task: Task{Inject: InjectBundle, Variable: "API", Withdraw: "own", DeploysTake: Duration(time.Hour)},
	}}
	if diff := cmp.Diff(want, moved); diff != "" || !ok {
		t.Errorf("(-want +got):\n%s", diff)
	}
	g := Consumer{Name: "actions", GitHub: &GitHub{Repository: "a/new", SignIn: GitHubSignIn{Token: "T"}, Drain: Duration(time.Hour)}}
	moved, ok = g.MovedTo("github:a/old:live", "dev")
	if diff := cmp.Diff(&GitHub{Repository: "a/old", Environment: "live", SignIn: GitHubSignIn{Token: "T"}, Drain: Duration(time.Hour)}, moved.GitHub); diff != "" || !ok || !moved.IsSignedIn() {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for location, signed := range map[string]bool{"github:a/b": false, "vercel:p:preview": false, "ecs:a/b": true, "reader:1h:": true} {
		if moved, ok := (Consumer{Name: "gone"}).MovedTo(location, "dev"); !ok || moved.IsSignedIn() != signed {
			t.Errorf("%s: read %v, signed in %v", location, ok, moved.IsSignedIn())
		}
	}
}

func TestALocationThatNobodyWroteIsRefused(t *testing.T) {
	t.Parallel()
	for _, location := range []string{
		"", "ecs", "ecs:", "ecs:main", "ecs:main/", "ecs:/web", "ecs:a/b/c", "ecs:a/b=", "ecs:a/b=2", "ecs:a/b=zz", "lambda:a", "ecs-family:a",
		"github:app", "github:a/b:", "github:a/b:c/d", "github-org:", "vercel:a", "vercel:a/b/c:preview", "vercel::preview", "reader:", "reader:26h", "reader:long:", "reader:1h:a++b",
	} {
		if moved, ok := (Consumer{}).MovedTo(location, "dev"); ok {
			t.Errorf("%q is read as %+v", location, moved)
		}
	}
}
