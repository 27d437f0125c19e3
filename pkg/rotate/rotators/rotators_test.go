package rotators

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const environment = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  pg: {keys: [PG_URL], rotate: {postgres: {url: PG_URL, admin: master}}}
  my: {keys: [MY_URL], rotate: {mysql: {url: MY_URL, admin: master}}}
  master: {keys: [username, password], hosts: [127.0.0.1]}
buckets: {app: {originals: [pg, my]}}
consumers: {app: {bucket: app, ecs: {cluster: main, service: app}}}
`

// The rotator of a database gets its administrator's source with all that the manifest says of it, and its values from
// Secrets Manager: a listed host is asked, and no other.
func TestADatabaseKnowsItsAdministratorsSource(t *testing.T) {
	file, err := manifest.Parse("rotary.yaml", []byte(environment))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	client := secretsmanager.NewFromConfig(standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}).Config("111111111111", "us-east-1"))
	admin, _ := env.Source("master")
	if _, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &admin.Secret}); err != nil {
		t.Fatal(err)
	}
	s := store.New(client)
	values := rotate.Values{"username": secret.New("root"), "password": secret.New("pw")}
	if err := s.Put(t.Context(), admin.Secret, "00000001-0000-4000-8000-000000000001", bucket.Encode(values)); err != nil {
		t.Fatal(err)
	}
	open := Opener(Reach{Environment: env, Store: s})
	for name, scheme := range map[string]string{"pg": "postgres", "my": "mysql"} {
		source, _ := env.Source(name)
		r, err := open(source)
		if err != nil {
			t.Fatal(err)
		}
		at := func(user, host string) rotate.Values {
			return rotate.Values{source.KeyNames()[0]: secret.New(fmt.Sprintf("%s://%s:pw@%s/app", scheme, user, host))}
		}
		set := func(host string) error {
			return r.Set(t.Context(), rotate.Change{Pending: at("app_clone", host), Current: at("app", host)})
		}
		closed := closedPort(t)
		if err := set("127.0.0.1:" + closed); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: at a listed host the error is %v", name, err)
		}
		var refused sqluser.Refusal
		if err := set("127.0.0.2:" + closed); !errors.As(err, &refused) {
			t.Errorf("%s: at another host the error is %v", name, err)
		}
	}
}

// closedPort returns a port at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
