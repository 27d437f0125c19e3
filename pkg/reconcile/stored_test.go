package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// shaped has a source of each shape, in secrets that were there before, but for own, which rotary made.
const shaped = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  rds: {secret: prod/db, keys: {DB_USER: username, DB_PASSWORD: password, DB_PORT: port}, check: {DB_PORT: int}}
  spring: {secret: prod/spring, keys: {SPRING_PASSWORD: spring.datasource.password, NESTED: /vendor/a~1b/key}}
  stripe: {secret: prod/stripe, text: STRIPE_KEY, check: {STRIPE_KEY: /^(sk|rk)_live_/}}
  own: {keys: [OWN]}
buckets: {api: {originals: true}}
consumers: {web: {bucket: api, ecs: {cluster: main, service: web}}}
`

func shapedBench(t *testing.T) *bench {
	b := start(t, shaped)
	b.put("rds", `{"engine":"postgres","username":"app","password":"p 1\n","port":5432}`)
	b.put("spring", "{\n \"spring.datasource.password\": \"s1\", \"vendor\": {\"a/b\": {\"key\": true}, \"c\": null}\n}")
	b.put("stripe", "sk_live_1\n")
	b.put("own", `{"OWN":"o1"}`)
	return b
}

func TestEveryShapeOfASourceReachesItsConsumer(t *testing.T) {
	b := shapedBench(t)
	report := b.converge()
	same(t, "what the consumer has", map[string]string{
		"DB_USER": "app", "DB_PASSWORD": "p 1\n", "DB_PORT": "5432", "SPRING_PASSWORD": "s1", "NESTED": "true",
		"STRIPE_KEY": "sk_live_1\n", "OWN": "o1",
	}, b.values("api-dev", b.sinks["web"].running))
	for name, want := range map[string]int{"rds": 1, "spring": 1, "stripe": 0, "own": 0} {
		same(t, "undeclared keys of "+name, want, report.Source(name).Undeclared)
	}
	same(t, "alarms", 0, len(report.Alarms))
}

// TestAKeyThatNobodyDeclaredStopsNothing: it is counted, its name is nowhere, and where rotary made the secret somebody
// is told.
func TestAKeyThatNobodyDeclaredStopsNothing(t *testing.T) {
	b := shapedBench(t)
	b.converge()
	b.put("own", `{"OWN":"o2","c4nary":{"c4nary":[null]}}`)
	report := b.converge()
	same(t, "the value", "o2", b.values("api-dev", b.sinks["web"].running)["OWN"])
	same(t, "alarms", []plan.Alarm{{Name: plan.UndeclaredKey, Subject: "own", Detail: "it holds 1 key that nobody declared"}},
		report.Alarms)
	if strings.Contains(fmt.Sprintf("%+v", report), "c4nary") {
		t.Error("the report names it")
	}
}

// A token in the place of a key is shaped like a name, and stands in no report: not in a source, not in a bucket that
// somebody has put by hand, and not in one that rotary is about to write for the first time.
func TestATokenInThePlaceOfAKeyIsShownNowhere(t *testing.T) {
	const pasted = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	shown := func(what string, report plan.Report) {
		if text := fmt.Sprintf("%+v %v", report, report.Steps); strings.Contains(text, pasted) {
			t.Errorf("%s: the report shows it", what)
		}
	}
	b := shapedBench(t)
	b.putText(t, "api-dev", `{"THEIRS":"1","`+pasted+`":"2"}`)
	report := b.mustRun()
	shown("a bucket that rotary never wrote", report)
	if !waits(report, "api", plan.Brake) {
		t.Errorf("the waits are %q", reasons(report))
	}
	b.pass.AcceptRemovals = []string{plan.EveryName}
	shown("its first write", b.mustRun())
	b.pass.AcceptRemovals = nil
	b.converge()
	b.Advance(time.Hour)
	b.putText(t, "api-dev", `{"OWN":"o1","`+pasted+`":"2"}`)
	shown("a bucket that was put by hand", b.mustRun())
	b.converge()
	for _, text := range []string{`{"OWN":"o1","` + pasted + `":null}`, `{"` + pasted + `":"1","` + pasted + `":"2"}`, `{"OWN":{"` + pasted + `":1}}`} {
		b.put("own", text)
		shown("a source that holds "+text[:8], b.mustRun())
	}
}

func TestWhatIsNotAsTheManifestWantsItIsNamed(t *testing.T) {
	binary := func(b *bench) {
		s, _ := b.env.Source("own")
		_, err := b.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &s.Secret, SecretBinary: []byte("c4nary")})
		must(t, err)
	}
	deleted := func(b *bench) {
		s, _ := b.env.Source("stripe")
		_, err := b.client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &s.Secret})
		must(t, err)
	}
	for name, c := range map[string]struct {
		happens func(b *bench)
		source  string
		want    string
	}{
		"a failed pattern": {func(b *bench) { b.put("stripe", "c4nary") }, "stripe", `source "stripe": the value of "STRIPE_KEY" does not match /^(sk|rk)_live_/`},
		"a failed word":    {func(b *bench) { b.put("rds", `{"username":"a","port":"c4nary"}`) }, "rds", `source "rds": the value of "DB_PORT" is not a whole number`},
		"another shape":    {func(b *bench) { b.put("spring", `{"vendor":"c4nary"}`) }, "spring", `reading source spring: key "NESTED" should be in an object`},
		"binary data":      {binary, "own", "read source/dev/own: it holds binary data, which no environment variable can: store it as text"},
		"in the bin":       {deleted, "stripe", "prod/stripe: it is scheduled for deletion on 2026-02-0"},
	} {
		b := shapedBench(t)
		b.converge()
		b.Advance(time.Minute)
		before := b.values("api-dev", b.sinks["web"].running)
		c.happens(b)
		report := b.converge()
		why := report.Source(c.source).Frozen
		if !strings.Contains(why, c.want) || strings.Contains(fmt.Sprintf("%+v", report), "c4nary") {
			t.Errorf("%s: %q does not say %q, or the report quotes the value", name, why, c.want)
		}
		same(t, "what the consumer has: "+name, before, b.values("api-dev", b.sinks["web"].running))
	}
}

// TestABucketThatHoldsBinaryDataIsWrittenOver like any other content that should not be there.
func TestABucketThatHoldsBinaryDataIsWrittenOver(t *testing.T) {
	b := shapedBench(t)
	b.converge()
	b.Advance(time.Hour)
	_, err := b.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: new("api-dev"), SecretBinary: []byte("x")})
	must(t, err)
	b.converge()
	same(t, "the value", "o1", b.values("api-dev", b.current("api-dev"))["OWN"])
}

// TestAnOldVersionOfBinaryDataStopsNothing: it was put by mistake, and replaced.
func TestAnOldVersionOfBinaryDataStopsNothing(t *testing.T) {
	b := shapedBench(t)
	b.converge()
	s, _ := b.env.Source("own")
	_, err := b.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &s.Secret, SecretBinary: []byte("x")})
	must(t, err)
	b.Advance(time.Minute)
	b.put("own", `{"OWN":"o2"}`)
	b.converge()
	same(t, "the value", "o2", b.values("api-dev", b.sinks["web"].running)["OWN"])
}
