package rotatetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// The account and region of every source.
const (
	Account = "111111111111"
	Region  = "us-east-1"
)

var steps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

// source is one source on the stand-in, the rotator under test, and a person.
type source struct {
	World
	t       *testing.T
	standin *standin.World
	client  *secretsmanager.Client
	store   *store.Store
	made    int // versions that somebody asked for
	byHand  map[string]bool
	lost    int  // credentials that may be left at the target, each of which was said
	done    bool // Secrets Manager has seen every step of the rotation succeed

	environment *manifest.Environment // nil: it has this source only
}

// newSource returns a source whose first value a person has put and no pass has marked yet.
func newSource(t *testing.T, w World) *source {
	t.Helper()
	s := newEmptySource(t, w)
	s.putByHand()
	return s
}

func newEmptySource(t *testing.T, w World) *source {
	t.Helper()
	w.Source.Secret = "source/dev/" + w.Source.Name
	world := w.Standin
	if world == nil {
		world = standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})
	}
	world.Region(Account, Region).Lambda.Register(lambdahost.Function{
		Name: "rotate", Callers: []string{"secretsmanager.amazonaws.com"}, // it does nothing: the test does each step itself
		Handler: func(context.Context, []byte) ([]byte, error) { return nil, nil },
	})
	client := secretsmanager.NewFromConfig(world.Config(Account, Region))
	s := &source{World: w, t: t, standin: world, client: client, store: store.New(client), byHand: map[string]bool{}}
	_, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &s.Source.Secret})
	s.must(err)
	return s
}

func (s *source) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// versionID names the nth version that somebody makes.
func versionID(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n) }

// passMinute lets time pass, so that no two versions are of one moment.
func (s *source) passMinute() { s.standin.Advance(time.Minute) }

// passQuiet lets so much time pass that what is owed may be retired.
func (s *source) passQuiet() { s.standin.Advance(history.Deregistered) }

func (s *source) makeNextID() string {
	s.passMinute()
	s.made++
	return versionID(s.made)
}

// putByHand puts a value by hand.
func (s *source) putByHand() (id string) {
	s.t.Helper()
	id = s.makeNextID()
	s.byHand[id] = true
	s.must(s.store.Put(s.t.Context(), s.Source.Secret, id, s.writeText(s.Put())))
	return id
}

// swapByHand puts a value as rotary put does: under LIVE alone, and then current by a compare-and-swap.
func (s *source) swapByHand() (id string) {
	s.t.Helper()
	from, h := s.currentID(), s.readHistory()
	id = s.makeNextID()
	s.byHand[id] = true
	s.must(s.store.Put(s.t.Context(), s.Source.Secret, id, s.writeText(s.Put()), h.LabelFor(history.Live, id)))
	s.must(s.store.Move(s.t.Context(), s.Source.Secret, history.AWSCurrent, id, from))
	return id
}

// beginRotation asks Secrets Manager for a rotation.
func (s *source) beginRotation() (token string) {
	s.t.Helper()
	token, s.done = s.makeNextID(), false
	_, err := s.client.RotateSecret(s.t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: &s.Source.Secret, ClientRequestToken: &token,
		RotationLambdaARN: aws.String(s.standin.Region(Account, Region).Lambda.ARN("rotate")),
	})
	s.must(err)
	return token
}

func (s *source) disableRotation() {
	s.t.Helper()
	_, err := s.client.CancelRotateSecret(s.t.Context(), &secretsmanager.CancelRotateSecretInput{SecretId: &s.Source.Secret})
	s.must(err)
}

func (s *source) openJob() rotate.Job {
	return rotate.Job{
		Store: s.store, Source: s.Source, Environment: s.environment,
		Rotator: s.Open(func(_ string, do func() error) error { return do() }),
	}
}

// runSteps does some steps, or all, as Secrets Manager does: the first failure ends the try.
func (s *source) runSteps(j rotate.Job, token string, some ...string) error {
	if some == nil {
		some = steps
	}
	for _, step := range some {
		if err := j.Step(s.t.Context(), rotate.Event{Step: step, Version: token}); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	return nil
}

// runChange rotates and retires through a caller: all of it, or what an earlier try has left.
func (s *source) runChange(c caller, token string) error {
	j := s.openThrough(c)
	if !s.done { // Secrets Manager tries again, from the first step, until all of them have succeeded
		if err := s.runSteps(j, token); err != nil {
			return err
		}
		s.done = true
		if pending := s.takeLook().holderOf(history.AWSPending); pending != "" {
			s.t.Errorf("every step has succeeded, and AWSPENDING is on %s", pending)
		}
	}
	return s.retireAll(j)
}

// retireAll does what passes do once every consumer has followed and it is quiet: mark, and advance what is owed.
func (s *source) retireAll(j rotate.Job) error {
	for range 20 {
		s.standin.Advance(history.Deregistered)
		p := s.makePlan()
		if err := s.applyMarks(p); err != nil {
			return err
		}
		for _, a := range p.Advances {
			if err := j.Advance(s.t.Context(), a); err != nil {
				return err
			}
		}
		if p.Empty() {
			return nil
		}
	}
	return errors.New("what is owed does not come to an end")
}

func (s *source) applyMarks(p plan.Plan) error {
	for _, m := range slices.Concat(p.Marks, p.Drops) {
		if err := s.store.Move(s.t.Context(), m.Secret, m.Label, m.To, m.From); err != nil {
			return err
		}
	}
	return nil
}

// makePlan returns a pass over an environment of this one source, without consumers.
func (s *source) makePlan() plan.Plan {
	h := s.readHistory()
	return plan.Make(plan.State{
		Mode: manifest.Retire, Now: s.standin.Clock.Now(),
		Sources: []plan.Source{{Name: s.Source.Name, Manifest: s.Source, History: h}},
	})
}

// eachOwed yields the oldest owed version until there is none, each time after the pass has marked what it found.
func (s *source) eachOwed() iter.Seq[history.Version] {
	return func(yield func(history.Version) bool) {
		for range 20 {
			s.must(s.applyMarks(s.makePlan()))
			owed := s.readHistory().Owed()
			if len(owed) == 0 || !yield(owed[0]) {
				return
			}
		}
		s.t.Error("what is owed does not come to an end")
	}
}

func (s *source) readHistory() history.History {
	s.t.Helper()
	h, err := s.store.LookAll(s.t.Context(), s.Source.Secret)
	s.must(err)
	return h
}

func (s *source) currentID() string {
	s.t.Helper()
	v, _ := s.readHistory().Current()
	return v.ID
}

// createdAt returns when a version was created.
func (s *source) createdAt(id string) time.Time {
	s.t.Helper()
	v, _ := s.readHistory().Version(id)
	return v.Created
}

func (s *source) readContent(id string) rotate.Values {
	s.t.Helper()
	text, has, err := s.store.Value(s.t.Context(), s.Source.Secret, id)
	s.must(err)
	if !has {
		return nil
	}
	values, _, err := bucket.ReadSource(s.Source, text)
	s.must(err)
	return values
}

// writeText returns the text of a secret that holds values and nothing else.
func (s *source) writeText(values rotate.Values) secret.Value {
	s.t.Helper()
	text, err := bucket.WriteSource(s.Source, secret.Value{}, values)
	s.must(err)
	return text
}
