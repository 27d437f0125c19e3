package secretsmanager

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// What the caller saw of a put, and whether it was done at once and after the delay.
func TestOutcomesOfADirectPut(t *testing.T) {
	for name, c := range map[string]struct {
		outcome    sim.Outcome
		now, later bool
		code       string // of the error, or broken
	}{
		"works":               {sim.Works, true, true, ""},
		"throttled":           {sim.Throttled, false, false, "ThrottlingException"},
		"unavailable":         {sim.Unavailable, false, false, "InternalServiceError"},
		"denied":              {sim.Denied, false, false, "AccessDeniedException"},
		"dropped":             {sim.Dropped, false, false, "broken"},
		"lost":                {sim.Lost, true, true, "broken"},
		"late":                {sim.Late, false, true, "broken"},
		"stale, and no write": {sim.Stale, true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			w := p.reached
			w.create("s", "v1", "v1")
			done := func() bool { return w.svc.entries["s"].labels[current] == versionID("v2") }
			w.setFaultOnce(sim.Fault{Outcome: c.outcome, Delay: time.Minute})
			if got := errorCode(w.put("s", versionID("v2"), "v2")); got != c.code || done() != c.now {
				t.Errorf("the caller saw %q and it was done: %v; want %q and %v", got, done(), c.code, c.now)
			}
			w.clock.Advance(time.Minute)
			if done() != c.later {
				t.Errorf("done in the end: %v, want %v", done(), c.later)
			}
		})
	}
}

func errorCode(err error) string {
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		return ""
	case answered:
		return api.ErrorCode()
	case errors.Is(err, sim.ErrBroken):
		return "broken"
	}
	return "neither an answer nor broken"
}

func TestAStaleReadIsOfTheSameQuestion(t *testing.T) {
	s := aws.String
	for name, in := range map[string]any{
		"describe":     &sdk.DescribeSecretInput{SecretId: s("s")},
		"list":         &sdk.ListSecretVersionIdsInput{SecretId: s("s")},
		"list all":     &sdk.ListSecretVersionIdsInput{SecretId: s("s"), IncludeDeprecated: aws.Bool(true)},
		"list some":    &sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(1)},
		"list on":      &sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(1), NextToken: s("page-1-0-00")},
		"get":          &sdk.GetSecretValueInput{SecretId: s("s")},
		"get version":  &sdk.GetSecretValueInput{SecretId: s("s"), VersionId: s(versionID("v1"))},
		"get stage":    &sdk.GetSecretValueInput{SecretId: s("s"), VersionStage: s(current)},
		"batch":        &sdk.BatchGetSecretValueInput{SecretIdList: []string{"s"}},
		"batch of two": &sdk.BatchGetSecretValueInput{SecretIdList: []string{"s", "empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			w := p.reached
			createSecrets(w)
			ask := func(outcome sim.Outcome) any {
				w.setFaultOnce(sim.Fault{Outcome: outcome})
				out, err := sendInput(t.Context(), p.direct, in)
				must(t, err)
				return out
			}
			before := ask(sim.Works)
			must(t, w.put("s", versionID("v3"), "v3"))
			askOtherQuestions(t, w, in)
			if diff := cmp.Diff(before, ask(sim.Stale), asAnswers); diff != "" {
				t.Errorf("the stale answer is another (-before +stale):\n%s", diff)
			}
			if cmp.Equal(before, ask(sim.Works), asAnswers) {
				t.Error("the answer never changed")
			}
			w.clock.Advance(sim.MaxStale + 1)
			if cmp.Equal(before, ask(sim.Stale), asAnswers) {
				t.Error("the stale answer is too old")
			}
		})
	}
}

// askOtherQuestions makes reads that resemble in without being the same question.
func askOtherQuestions(t *testing.T, w *world, in any) {
	s := aws.String
	for _, other := range []any{
		&sdk.DescribeSecretInput{SecretId: s("s")}, &sdk.DescribeSecretInput{SecretId: s("empty")},
		&sdk.ListSecretVersionIdsInput{SecretId: s("s")}, &sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(2)},
		&sdk.ListSecretVersionIdsInput{SecretId: s("s"), IncludeDeprecated: aws.Bool(true)},
		&sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(1)},
		&sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(1), NextToken: s("page-1-0-00")},
		&sdk.GetSecretValueInput{SecretId: s("s")}, &sdk.GetSecretValueInput{SecretId: s("s"), VersionId: s(versionID("v1"))},
		&sdk.GetSecretValueInput{SecretId: s("s"), VersionId: s(versionID("v2"))}, &sdk.GetSecretValueInput{SecretId: s("s"), VersionStage: s(current)},
		&sdk.BatchGetSecretValueInput{SecretIdList: []string{"s"}}, &sdk.BatchGetSecretValueInput{SecretIdList: []string{"s", "empty"}},
	} {
		if cmp.Equal(in, other, asAnswers) {
			continue
		}
		_, err := sendInput(t.Context(), w.reach, other)
		must(t, err)
	}
}

func TestAStaleAnswerCarriesTheTimeItWasGivenAt(t *testing.T) {
	p := newPair(t)
	p.both(createSecrets)
	in := &sdk.DescribeSecretInput{SecretId: aws.String("s")}
	for _, outcome := range []sim.Outcome{sim.Works, sim.Stale} {
		p.both(func(w *world) { w.setFaultOnce(sim.Fault{Outcome: outcome}) })
		if diff := p.compare(t.Context(), in); diff != "" {
			t.Errorf("(-genuine +direct):\n%s", diff)
		}
		p.both(func(w *world) { w.clock.Advance(2 * time.Second) })
	}
}

// What sounds like a question that was answered before, and is refused, is refused though reads are stale.
func TestAStaleReadIsRefusedAsAnyOther(t *testing.T) {
	s := aws.String
	p := newPair(t)
	p.both(createSecrets)
	for _, pair := range [][2]any{
		{&sdk.BatchGetSecretValueInput{SecretIdList: []string{"s"}}, &sdk.BatchGetSecretValueInput{SecretIdList: []string{"s"}, Filters: []types.Filter{{}}}},
		{&sdk.ListSecretVersionIdsInput{SecretId: s("s")}, &sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(0)}},
	} {
		for i, outcome := range []sim.Outcome{sim.Works, sim.Stale} {
			p.both(func(w *world) { w.setFaultOnce(sim.Fault{Outcome: outcome}) })
			if diff := p.compare(t.Context(), pair[i]); diff != "" {
				t.Errorf("(-genuine +direct):\n%s", diff)
			}
		}
	}
}

func TestACallIsJournalledUnderItsCaller(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "v1")
	w.tap.Reset()
	_, err := w.svc.Direct(w.tap, "rotate").DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: aws.String("s")})
	must(t, err)
	if calls := w.tap.Calls(); len(calls) != 1 || calls[0].Caller != "rotate" {
		t.Errorf("journal: %+v", calls)
	}
}

func TestACallerThatIsGoneMakesNoCall(t *testing.T) {
	p := newPair(t)
	p.both(func(w *world) { w.create("s", "v1", "v1") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if diff := p.compare(ctx, &sdk.DescribeSecretInput{SecretId: aws.String("s")}); diff != "" {
		t.Errorf("(-genuine +direct):\n%s", diff)
	}
}

func TestACallerThatGoesMeanwhileHearsNothing(t *testing.T) {
	p := newPair(t)
	p.both(func(w *world) {
		w.create("s", "v1", "v1")
		ctx, cancel := context.WithCancel(t.Context())
		w.tap.OnCall(func(sim.Call) sim.Fault { cancel(); return sim.Fault{} })
		_, err := w.reach.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: aws.String("s"), ClientRequestToken: aws.String(versionID("v2")), SecretString: aws.String("v2")})
		if describeError(err) != "canceled" {
			t.Errorf("the caller hears %v", err)
		}
		w.tap.OnCall(nil)
	})
	p.wantSameState(t, "s")
	if got := p.reached.labelHolder("s", current); got != versionID("v2") {
		t.Errorf("%s is current", got)
	}
}

// pkg/store makes the same of both clients, whatever goes wrong.
func TestTheStoreCannotTellDirectFromTheGenuineClient(t *testing.T) {
	type saw struct {
		Missing, Moved, Failed bool
		Says                   string // of a put that was answered
		Now                    time.Time
	}
	for outcome := sim.Works; outcome <= sim.Stale; outcome++ {
		for name, do := range map[string]func(context.Context, *store.Store) error{
			"look":         func(ctx context.Context, s *store.Store) error { _, err := s.LookAll(ctx, "rotating"); return err },
			"look nowhere": func(ctx context.Context, s *store.Store) error { _, err := s.Look(ctx, "none"); return err },
			"look at gone": func(ctx context.Context, s *store.Store) error { _, err := s.Look(ctx, "gone"); return err },
			"current": func(ctx context.Context, s *store.Store) error {
				_, _, err := s.Current(ctx, []string{"s", "empty"})
				return err
			},
			"current, gone": func(ctx context.Context, s *store.Store) error {
				_, _, err := s.Current(ctx, []string{"gone"})
				return err
			},
			"value": func(ctx context.Context, s *store.Store) error {
				_, _, err := s.Value(ctx, "s", versionID("v9"))
				return err
			},
			"put": func(ctx context.Context, s *store.Store) error {
				return s.Put(ctx, "s", versionID("v3"), secret.New("v3"), "X")
			},
			"put again": func(ctx context.Context, s *store.Store) error {
				return s.Put(ctx, "s", versionID("v1"), secret.New("other"))
			},
			"move": func(ctx context.Context, s *store.Store) error {
				return s.Move(ctx, "s", "SEEN", versionID("v1"), versionID("v2"))
			},
			"move, lost": func(ctx context.Context, s *store.Store) error {
				return s.Move(ctx, "s", "SEEN", versionID("v0"), versionID("v1"))
			},
			"move, done": func(ctx context.Context, s *store.Store) error {
				return s.Move(ctx, "s", "SEEN", versionID("v2"), versionID("v1"))
			},
			"move nowhere": func(ctx context.Context, s *store.Store) error {
				return s.Move(ctx, "s", "SEEN", versionID("v9"), versionID("v2"))
			},
		} {
			var both []saw
			p := newPair(t)
			p.both(func(w *world) {
				createSecrets(w)
				s := store.New(w.reach)
				w.setFaultOnce(sim.Fault{Outcome: outcome, Delay: time.Minute})
				err := do(t.Context(), s)
				one := saw{Missing: errors.Is(err, store.ErrMissing), Moved: errors.Is(err, store.ErrMoved), Failed: err != nil, Now: s.Now()}
				if err != nil && strings.HasPrefix(name, "put") && !slices.Contains([]sim.Outcome{sim.Dropped, sim.Lost, sim.Late}, outcome) {
					one.Says = err.Error()
				}
				both = append(both, one)
			})
			if diff := cmp.Diff(both[0], both[1]); diff != "" {
				t.Errorf("outcome %d, %s (-genuine +direct):\n%s", outcome, name, diff)
			}
		}
	}
}

func TestDirectServesManyAtOnce(t *testing.T) {
	p := newPair(t)
	createSecrets(p.reached)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, in := range []any{
				&sdk.DescribeSecretInput{SecretId: aws.String("s")}, &sdk.BatchGetSecretValueInput{SecretIdList: []string{"s"}},
				&sdk.PutSecretValueInput{SecretId: aws.String("s"), ClientRequestToken: aws.String(versionID("v3")), SecretString: aws.String("v3")},
			} {
				if _, err := sendInput(t.Context(), p.direct, in); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
