package e2e

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// shapes has secrets as people have them, which were there before rotary.
const shapes = `
environments:
  production: {account: "222222222222", region: us-east-1, protected: true}
sources:
  orders-db:
    secret: prod/orders-db
    keys: {ORDERS__USER: username, ORDERS__PASSWORD: password, ORDERS__HOST: host, ORDERS__PORT: port, ORDERS__NAME: dbname}
    config: [ORDERS__HOST, ORDERS__PORT, ORDERS__NAME]
    check: {ORDERS__PORT: int}
    rotate: {random: {key: ORDERS__PASSWORD}, every: 30d}
  users-db: {secret: prod/users-db, keys: {USERS__USER: username, USERS__PASSWORD: password}}
  stripe:   {secret: prod/stripe, text: STRIPE_KEY, check: {STRIPE_KEY: /^(sk|rk)_live_/}}
  spring:   {secret: prod/spring, keys: {SPRING_PASSWORD: spring.datasource.password, NESTED: /mail/smtp~1out/password}}
buckets:
  api-secrets: {originals: true}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
`

// TestSecretsOfEveryShapeAreRotatedPutAndRead: the tasks get the values, and whatever a source does not declare stays as
// it was, byte for byte.
func TestSecretsOfEveryShapeAreRotatedPutAndRead(t *testing.T) {
	t.Parallel()
	s := openScene(t, shapes)
	orders := s.shape("orders-db", map[string]string{"ORDERS__PORT": "5432", "ORDERS__HOST": "db.example.com", "ORDERS__NAME": "shop"},
		`{"engine": "postgres", "host": "db.example.com", "username": "%[1]s", "password": "%[2]s", "dbname": "shop", "port": 5432, "dbInstanceIdentifier": null}`,
		"ORDERS__USER", "ORDERS__PASSWORD")
	spring := s.shape("spring", nil, "{\n  \"spring.datasource.url\": \"jdbc:x\",\n  \"spring.datasource.password\": \"%[1]s\",\n"+
		"  \"mail\": {\"user\": 1e5, \"smtp/out\": {\"password\": \"%[2]s\", \"tls\": true}}\n}\n", "SPRING_PASSWORD", "NESTED")
	s.revokeUntilSettled("spring")
	s.reads("the first values")
	s.wantUndeclared(map[string]int{"orders-db": 2, "users-db": 0, "stripe": 0, "spring": 3})

	password := s.Values["orders-db"]["ORDERS__PASSWORD"]
	s.rotateSource("orders-db")
	s.watchConverged()
	_, now := s.currentVersion("orders-db")
	s.Values["orders-db"]["ORDERS__PASSWORD"] = secret.Reveal(now["ORDERS__PASSWORD"])
	if now["ORDERS__PASSWORD"].Equal(secret.New(password)) {
		t.Error("the password was not rotated")
	}
	s.wantText("orders-db", fmt.Sprintf(orders, s.Values["orders-db"]["ORDERS__USER"], s.Values["orders-db"]["ORDERS__PASSWORD"]))
	s.reads("the rotated value")

	nested, key := stage.Canary("NESTED"), "sk_live_"+stage.Canary("STRIPE_KEY")+" \n"
	s.putByOperator("spring", "NESTED", nested)
	s.revokeUntilSettled("spring")
	s.putByOperator("stripe", "STRIPE_KEY", key)
	s.revokeUntilSettled("stripe")
	s.wantText("spring", fmt.Sprintf(spring, s.Values["spring"]["SPRING_PASSWORD"], nested))
	s.wantText("stripe", key)
	s.reads("the values that were put")
	s.wantRefusedPut("stripe", "STRIPE_KEY", stage.Canary("REFUSED"))
	s.finishScenario()
	if r := s.readReport(); len(r.Alarms) > 0 {
		t.Errorf("alarms: %v", r.Alarms)
	}
}

// shape puts a text with the values of some keys in it, as a tool that is not rotary does, and returns the text.
func (s *scene) shape(source string, values map[string]string, text string, keys ...string) string {
	s.t.Helper()
	maps.Copy(s.Values[source], values)
	var filled []any
	for _, key := range keys {
		filled = append(filled, s.Values[source][key])
	}
	for key, value := range values {
		s.Targets.Accept(stage.Target(s.Env, key), value)
	}
	s.putText(s.declaredSource(source).Secret, fmt.Sprintf(text, filled...))
	return text
}

// reads fails the test where a task of the service does not have the value of every key.
func (s *scene) reads(when string) {
	s.t.Helper()
	for source, values := range s.Values {
		for key, value := range values {
			if source != "" && !s.runsOnly("api", key, value) {
				s.t.Errorf("%s: a task does not have %s of %s", when, key, source)
			}
		}
	}
}

// wantText compares the text of a source's current version. The values are in it, so only the place is shown.
func (s *scene) wantText(source, want string) {
	s.t.Helper()
	declared := s.declaredSource(source)
	current, _ := s.readHistory(declared.Secret).Current()
	text, _, err := store.New(s.Secrets()).Value(s.t.Context(), declared.Secret, current.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	got := secret.Reveal(text)
	if got != want {
		same := 0
		for same < min(len(got), len(want)) && got[same] == want[same] {
			same++
		}
		s.t.Errorf("%s is another text from byte %d of %d on", source, same, len(want))
	}
}

func (s *scene) wantUndeclared(want map[string]int) {
	s.t.Helper()
	got := map[string]int{}
	for _, source := range s.readReport().Sources {
		got[source.Name] = source.Undeclared
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("undeclared keys (-want +got):\n%s", diff)
	}
}

func (s *scene) operator() operate.Operator {
	return operate.Operator{Environment: s.Env, Secrets: store.New(s.Secrets()), NewID: func() string { return strings.ToLower(rand.Text() + rand.Text()) }}
}

// putByOperator puts a value as rotary put does.
func (s *scene) putByOperator(source, key, value string) {
	s.t.Helper()
	s.Targets.Accept(stage.Target(s.Env, key), value)
	s.Values[source][key] = value
	change, err := s.operator().NewChange(s.t.Context(), s.declaredSource(source), map[string]secret.Value{key: secret.New(value)})
	if err != nil {
		s.t.Fatal(err)
	}
	if names := change.Names(); !slices.Equal(names, []string{key}) {
		s.t.Errorf("%v change", names)
	}
	if _, err := s.operator().Put(s.t.Context(), change); err != nil {
		s.t.Fatal(err)
	}
}

// wantRefusedPut fails the test where a value that fails its check may be put, or is quoted.
func (s *scene) wantRefusedPut(source, key, value string) {
	s.t.Helper()
	_, err := s.operator().NewChange(s.t.Context(), s.declaredSource(source), map[string]secret.Value{key: secret.New(value)})
	if _, invalid := errors.AsType[*operate.Invalid](err); !invalid || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), value) {
		s.t.Errorf("a value that fails its check: %v", err)
	}
}
