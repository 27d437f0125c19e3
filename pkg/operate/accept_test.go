package operate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// books is a database of which a rotator can ask whether it accepts a version.
const books = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  admin: {keys: [ADMIN_URL]}
  db: {keys: [DB_URL, NOTE], rotate: {postgres: {url: DB_URL, admin: admin}}}
buckets: {app: {originals: [db]}}
consumers: {app: {bucket: app, ecs: {cluster: main, service: app}}}
`

const (
	oldURL = "postgres://app:old@db.example.com/app"
	newURL = "postgres://app:new@db.example.com/app"
)

// answering answers each test like that, and counts them.
type answering struct {
	outcome plan.Outcome
	asked   []plan.Test
}

func (a *answering) Test(_ context.Context, t plan.Test) plan.Outcome {
	a.asked = append(a.asked, t)
	return a.outcome
}

// ledger is an operator of books, its source db, and what its target answers.
type ledger struct {
	operate.Operator
	*answering
	t      *testing.T
	source manifest.Source
	world  *standin.World
}

// openBooks opens books with a URL in db, marked and taken as a pass does; "" for none.
func openBooks(t *testing.T, url string, answer plan.Answer) ledger {
	t.Helper()
	file, err := manifest.Parse("rotary.yaml", []byte(books))
	if err != nil {
		t.Fatal(err)
	}
	env, err := file.Environment("dev")
	if err != nil {
		t.Fatal(err)
	}
	source, _ := env.Source("db")
	world := standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})
	t.Cleanup(func() { _ = world.Close() })
	client := secretsmanager.NewFromConfig(world.Config(env.Account, env.Region))
	if _, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &source.Secret}); err != nil {
		t.Fatal(err)
	}
	n := 0
	l := ledger{t: t, source: source, world: world, answering: &answering{outcome: plan.Outcome{Answer: answer}}, Operator: operate.Operator{
		Environment: env, Secrets: store.New(client), NewID: func() string { n++; return fmt.Sprintf("%08d%024d", n, n) },
	}}
	if url != "" {
		if _, err := l.put(url, true); err != nil {
			t.Fatal(err)
		}
		l.move(history.Seen, l.current())
	}
	l.Tester = l.answering
	world.Advance(time.Hour)
	return l
}

func (l ledger) put(url string, untested bool) (string, error) {
	l.t.Helper()
	change, err := l.NewChange(l.t.Context(), l.source, map[string]secret.Value{"DB_URL": secret.New(url)})
	if err != nil {
		return "", err
	}
	if untested {
		return l.PutUntested(l.t.Context(), change)
	}
	return l.Put(l.t.Context(), change)
}

func (l ledger) move(label, to string) {
	l.t.Helper()
	if err := l.Secrets.Move(l.t.Context(), l.source.Secret, label, to, ""); err != nil {
		l.t.Fatal(err)
	}
}

func (l ledger) look() history.History {
	l.t.Helper()
	h, err := l.Secrets.LookAll(l.t.Context(), l.source.Secret)
	if err != nil {
		l.t.Fatal(err)
	}
	return h
}

func (l ledger) current() string {
	l.t.Helper()
	v, _ := l.look().Current()
	return v.ID
}

// labels lists what carries a label, oldest first, without the starts of ids: "AWSCURRENT LIVE TAKEN".
func (l ledger) labels() (all []string) {
	l.t.Helper()
	for _, v := range l.look().Versions {
		var labels []string
		for _, label := range v.Labels {
			kind, _, _ := strings.Cut(label, "-")
			labels = append(labels, kind)
		}
		slices.Sort(labels)
		all = append(all, strings.Join(labels, " "))
	}
	return all
}

func TestAPutAsksTheTargetFirst(t *testing.T) {
	for _, tt := range []struct {
		name     string
		before   string // the URL in the source
		answer   plan.Answer
		untested bool
		fails    plan.Answer // "": it is put
		asked    int
		labels   []string
	}{
		{"it is accepted", oldURL, plan.Accepted, false, "", 1, []string{"AWSPREVIOUS LIVE SEEN TAKEN", "AWSCURRENT LIVE TAKEN"}},
		{"it is refused", oldURL, plan.Refused, false, plan.Refused, 1, []string{"AWSCURRENT LIVE TAKEN", "SEEN"}},
		{"nobody knows", oldURL, plan.Unknown, false, plan.Unknown, 1, []string{"AWSCURRENT LIVE TAKEN", "SEEN"}},
		{"a person's word", oldURL, plan.Refused, true, "", 0, []string{"AWSPREVIOUS LIVE SEEN TAKEN", "AWSCURRENT LIVE TAKEN"}},
		{"a first value is accepted", "", plan.Accepted, false, "", 1, []string{"AWSCURRENT LIVE"}},
		{"a first value about which nobody knows", "", plan.Unknown, false, "", 1, []string{"AWSCURRENT LIVE"}},
		{"a first value is refused", "", plan.Refused, false, plan.Refused, 1, []string{"AWSCURRENT LIVE"}},
	} {
		l := openBooks(t, tt.before, tt.answer)
		_, err := l.put(newURL, tt.untested)
		refused, is := errors.AsType[*operate.NotAccepted](err)
		if is != (tt.fails != "") || is && (refused.Outcome.Answer != tt.fails || refused.Current != (tt.before == "")) || !is && err != nil {
			t.Errorf("%s: error is %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.labels, l.labels()); diff != "" || len(l.asked) != tt.asked {
			t.Errorf("%s: asked %d times; labels (-want +got):\n%s", tt.name, len(l.asked), diff)
		}
		if owed := l.look(); tt.fails != "" && tt.before != "" && len(owed.Unseen())+len(owed.Owed()) > 0 {
			t.Errorf("%s: what was not put is marked by the next pass, or owed", tt.name)
		}
	}
}

// TestAMalformedValueIsRefusedBeforeAnyCall, and not quoted.
func TestAMalformedValueIsRefusedBeforeAnyCall(t *testing.T) {
	l := openBooks(t, oldURL, plan.Accepted)
	for _, url := range []string{"postgres://app:canary@host:bad/app", "canary", "postgres://db.example.com/app", "postgres://app:canary@/app"} {
		_, err := l.put(url, false)
		if _, is := errors.AsType[*operate.Invalid](err); !is || strings.Contains(err.Error(), "canary") || len(l.asked) > 0 {
			t.Errorf("error is %v; asked %d times", err, len(l.asked))
		}
	}
}

func TestAPersonAcceptsAValue(t *testing.T) {
	l := openBooks(t, oldURL, plan.Refused)
	first := l.current()
	l.Tester = nil // past rotary's test, as with AWS's console
	second, err := l.put(newURL, false)
	if err != nil {
		t.Fatal(err)
	}
	h := l.look()
	l.move(h.TimedLabel(history.Ask, l.world.Clock.Now(), second), second)
	if taken, _ := l.look().Taken(); taken.ID != first {
		t.Fatalf("%s is taken", taken.ID)
	}
	found, err := l.FindAcceptable(t.Context(), l.source)
	if err != nil || found.Done || found.Version != second {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := errors.Join(l.Accept(t.Context(), found), l.Accept(t.Context(), found)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"AWSPREVIOUS LIVE SEEN TAKEN", "AWSCURRENT LIVE TAKEN"}, l.labels()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if again, err := l.FindAcceptable(t.Context(), l.source); err != nil || !again.Done {
		t.Errorf("afterwards: %+v, %v", again, err)
	}
	l.world.Advance(time.Hour)
	if _, err := l.put(oldURL, false); err != nil {
		t.Fatal(err)
	}
	if _, is := errors.AsType[*operate.Refused](l.Accept(t.Context(), found)); !is {
		t.Error("what is not current any more is accepted")
	}
	admin, _ := l.Environment.Source("admin")
	if _, err := l.FindAcceptable(t.Context(), admin); err == nil {
		t.Error("a source that nobody is asked about is accepted")
	}
}
