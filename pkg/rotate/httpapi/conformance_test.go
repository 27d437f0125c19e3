package httpapi_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/vendors"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/httpapi"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// vendor is a stand-in of a vendor's API.
type vendor interface {
	http.Handler
	Make(name string) vendors.Key
	Admin() string
	Accepts(token string) bool
	Accepted() []vendors.Key
}

// fixedTime is the vendors': the suite's rotations begin on that day.
func fixedTime() time.Time { return time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC) }

func newGitLab() vendor  { return vendors.NewGitLab(fixedTime) }
func newVercel() vendor  { return vendors.NewVercel(fixedTime) }
func newDatadog() vendor { return vendors.NewDatadog(fixedTime) }
func newRolled() vendor  { return vendors.NewRolled(fixedTime) }

// sourceOf is the source x of a manifest whose rotate is this.
func sourceOf(t testing.TB, keys, rotate string) manifest.Source {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(`
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  owner: {keys: [OWNER]}
  x: {keys: [`+keys+`], rotate: {http: {`+rotate+`}, every: 30d}}
buckets: {all: {originals: true}}
`))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	source, _ := env.Source("x")
	return source
}

const withID = "keys_for: {token: TOKEN, id: TOKEN_ID}"

var described = []struct {
	vendor string
	at     func() vendor
	rotate string
}{
	{"gitlab-group-access-token", newGitLab, `admin: owner, ` + withID + `, settings: {group: "example/platform", scopes: [api, read_registry]}`},
	{"gitlab-project-access-token", newGitLab, `admin: owner, ` + withID + `, settings: {project: 42, host: "gitlab.example.com:8443"}`},
	{"vercel-token", newVercel, withID},
	{"datadog-api-key", newDatadog, `admin: owner, keys_for: {key: TOKEN, id: TOKEN_ID}, settings: {site: datadoghq.eu}`},
	{"rolled-key", newRolled, `keys_for: {key: TOKEN, id: TOKEN_ID}, settings: {host: api.example.com}`},
}

// worldOf is a source over a vendor's stand-in, which is reached without a socket.
func worldOf(source manifest.Source, v vendor) rotatetest.World {
	put := 0
	return rotatetest.World{
		Source: source,
		Open: func(calls rotatetest.Calls) rotate.Rotator {
			return httpapi.New(source, newReachTo(v, rotatetest.Transport(sim.Transport{Handler: v}, calls)))
		},
		Put: func() rotate.Values {
			put++
			made := v.Make(fmt.Sprintf("by-hand-%d", put))
			return rotate.Values{"TOKEN": secret.New(made.Token), "TOKEN_ID": secret.New(made.ID), "NOTE": secret.New("kept")}
		},
		Accepts:  func(values rotate.Values) bool { return v.Accepts(secret.Reveal(values["TOKEN"])) },
		Accepted: func() int { return len(v.Accepted()) },
	}
}

func newReachTo(v vendor, over http.RoundTripper) httpapi.Reach {
	return httpapi.Reach{
		Environment: "dev", Transport: over,
		Admin: func(context.Context) (rotate.Values, error) {
			return rotate.Values{"OWNER": secret.New(v.Admin())}, nil
		},
		Pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func TestEveryReadyMadeDescriptionConforms(t *testing.T) {
	missing := maps.Clone(manifest.Vendors())
	delete(missing, "gitlab-self-rotating-token") // it has its own test: the old credential dies at once
	for _, d := range described {
		delete(missing, d.vendor)
		t.Run(d.vendor, func(t *testing.T) {
			t.Parallel()
			source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", "vendor: "+d.vendor+", "+d.rotate)
			rotatetest.Run(t, func(*testing.T) rotatetest.World { return worldOf(source, d.at()) })
		})
	}
	if len(missing) > 0 {
		t.Errorf("not tested: %s", strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
}

// asText is the description of a vendor that neither lists what it has made nor knows a request again.
const asText = `calls: {
  create: {url: "https://api.datadoghq.com/api/v2/api_keys", headers: {DD-API-KEY: "{{TOKEN}}", DD-APPLICATION-KEY: "{{admin}}"},
           json: {data: {type: api_keys, attributes: {name: "{{env}}/{{source}}"}}}, expect: [201], set: {TOKEN: $.data.attributes.key, TOKEN_ID: $.data.id}},
  test:   {url: "https://api.datadoghq.com/api/v1/validate", headers: {DD-API-KEY: "{{TOKEN}}"}, expect: [200], refused: [403]},
  revoke: {url: "https://api.datadoghq.com/api/v2/api_keys/{{owed.TOKEN_ID}}", headers: {DD-API-KEY: "{{TOKEN}}", DD-APPLICATION-KEY: "{{admin}}"}, expect: [204], gone: [404]}}`

func TestARotatorThatCannotBeAskedTwiceConforms(t *testing.T) {
	t.Parallel()
	source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", "admin: owner, "+asText)
	rotatetest.Run(t, func(*testing.T) rotatetest.World { return worldOf(source, newDatadog()) })
}

func TestARotatorThatKillsTheOldCredentialAtOnceConforms(t *testing.T) {
	t.Parallel()
	source := sourceOf(t, "TOKEN, TOKEN_ID, NOTE", "vendor: gitlab-self-rotating-token, keys_for: {token: TOKEN}")
	rotatetest.Run(t, func(*testing.T) rotatetest.World { return worldOf(source, newGitLab()) })
}
