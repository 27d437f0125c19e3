package postgres

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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

const (
	account   = "111111111111"
	region    = "us-east-1"
	rotations = 3
	workers   = 4  // of an application; half of them connect anew for each query
	between   = 3  // queries of each worker after any step of a rotation
	ahead     = 20 // queries of a worker that keeps its connection while a step is done, at most
	anew      = 4  // of one that connects for each: the server starts a process for it
)

// TestAnApplicationPoolWorksThroughThreeRotationsWithRetirement runs an application that queries all the time: it reads
// its source when it is deployed, and never again. Rotary rotates and retires on Secrets Manager as it does every day.
func TestAnApplicationPoolWorksThroughThreeRotationsWithRetirement(t *testing.T) {
	w := newWorld(t)
	user, password := w.user()
	w.do("CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY, made_by name DEFAULT current_user, login name DEFAULT session_user)",
		"GRANT SELECT, INSERT ON orders TO "+user, "ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "CREATE POLICY own ON orders TO "+user+" USING (made_by = current_user)")
	s := newSecret(t, w, at(w.URL(user, password, "postgres")))
	app := s.deploy()
	app.goOn()
	for n := range rotations {
		token := s.begin(n)
		for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
			s.must(s.job.Step(t.Context(), rotate.Event{Step: step, Version: token}))
			app.goOn()
		}
		next := s.deploy() // the old one works on until the new one does
		next.goOn()
		app.goOn()
		app.drain()
		app = next
		s.retire()
		app.goOn()
	}
	app.drain()

	if got := w.rows("SELECT count(*) FROM orders"); got[0] != fmt.Sprint(s.answered.Load()) {
		t.Errorf("%s orders are there of %d that were answered", got[0], s.answered.Load())
	}
	for _, login := range w.rows("SELECT login, made_by, count(*) FROM orders GROUP BY 1, 2 ORDER BY 1") {
		t.Logf("login, role, queries: %s", login)
	}
	if makers := w.rows("SELECT DISTINCT made_by FROM orders"); len(makers) != 1 || makers[0] != user {
		t.Errorf("orders are made by %v", makers)
	}
	t.Logf("%d queries in %d rotations with retirement, %d failed", s.answered.Load()+s.failed.Load(), rotations, s.failed.Load())
	if accepted := w.passwords(s); accepted != 1 {
		t.Errorf("%d of %d passwords are accepted in the end", accepted, rotations+1)
	}
}

// kept is a source on the stand-in's Secrets Manager.
type kept struct {
	t        *testing.T
	standin  *standin.World
	client   *secretsmanager.Client
	store    *store.Store
	job      rotate.Job
	answered atomic.Int64
	failed   atomic.Int64
}

func newSecret(t *testing.T, w *world, first rotate.Values) *kept {
	t.Helper()
	source := source()
	source.Secret = "source/dev/" + source.Name
	endSessions(&source)
	world := standin.New(standin.Config{Start: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)})
	world.Region(account, region).Lambda.Register(lambdahost.Function{
		Name: "rotate", Callers: []string{"secretsmanager.amazonaws.com"}, // it does nothing: the test does each step itself
		Handler: func(context.Context, []byte) ([]byte, error) { return nil, nil },
	})
	client := secretsmanager.NewFromConfig(world.Config(account, region))
	s := &kept{t: t, standin: world, client: client, store: store.New(client)}
	s.job = rotate.Job{Store: s.store, Source: source, Rotator: New(source, w.administrator())}
	_, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &source.Secret})
	s.must(err)
	s.must(s.store.Put(t.Context(), source.Secret, version(0), bucket.Encode(first)))
	return s
}

func version(n int) string { return fmt.Sprintf("%08x-0000-4000-8000-%012x", n+1, n+1) }

func (s *kept) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// begin asks Secrets Manager for the nth rotation.
func (s *kept) begin(n int) (token string) {
	s.t.Helper()
	s.standin.Advance(time.Hour) // no two versions are of one moment
	token = version(n + 1)
	_, err := s.client.RotateSecret(s.t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: &s.job.Source.Secret, ClientRequestToken: &token, RotationLambdaARN: aws.String(s.standin.Region(account, region).Lambda.ARN("rotate")),
	})
	s.must(err)
	return token
}

func (s *kept) history() history.History {
	s.t.Helper()
	h, err := s.store.LookAll(s.t.Context(), s.job.Source.Secret)
	s.must(err)
	return h
}

// retire does what passes do once every consumer has followed: mark, and advance what is owed.
func (s *kept) retire() {
	s.t.Helper()
	advanced := 0
	for range 10 {
		s.standin.Advance(history.Deregistered)
		h := s.history()
		p := plan.Make(plan.State{
			Mode: manifest.Retire, Now: h.Changed.Add(history.Deregistered),
			Sources: []plan.Source{{Name: s.job.Source.Name, Manifest: s.job.Source, History: h}},
		})
		for _, m := range p.Marks {
			s.must(s.store.Move(s.t.Context(), m.Secret, m.Label, m.To, m.From))
		}
		for _, a := range p.Advances {
			s.must(s.job.Advance(s.t.Context(), a))
			advanced++
		}
		if p.Empty() {
			break
		}
	}
	if owed := s.history().Owed(); len(owed) > 0 || advanced == 0 {
		s.t.Fatalf("%d versions were retired, %d are owed", advanced, len(owed))
	}
}

// passwords counts those of the source's versions that the server accepts.
func (w *world) passwords(s *kept) (accepted int) {
	w.t.Helper()
	for _, v := range s.history().Versions {
		text, has, err := s.store.Value(w.t.Context(), s.job.Source.Secret, v.ID)
		s.must(err)
		if !has {
			continue
		}
		values, err := bucket.ParseSource(s.job.Source.Name, []byte(secret.Reveal(text)))
		s.must(err)
		if w.accepts(s.job.Source, values) {
			accepted++
		}
	}
	return accepted
}

// application is one deployment: two pools, one of which keeps no connection, and workers that query all the time.
type application struct {
	*kept
	pools []*pgxpool.Pool
	stop  context.CancelFunc
	group sync.WaitGroup
	done  [workers]chan struct{} // queries of a worker that have come back
}

// deploy starts an application on what is current.
func (s *kept) deploy() *application {
	s.t.Helper()
	values, err := rotate.Current(s.t.Context(), s.store, s.job.Source)
	s.must(err)
	until, stop := context.WithCancel(s.t.Context())
	a := &application{kept: s, stop: stop}
	for _, keeps := range []bool{true, false} {
		config, err := pgxpool.ParseConfig(secret.Reveal(values[key]))
		s.must(err)
		config.MaxConns, config.AfterRelease = workers/2, func(*pgx.Conn) bool { return keeps }
		pool, err := pgxpool.NewWithConfig(s.t.Context(), config)
		s.must(err)
		a.pools = append(a.pools, pool)
	}
	for n := range workers {
		a.done[n] = make(chan struct{}, []int{ahead, anew}[n%len(a.pools)])
		a.group.Go(func() { a.work(until, n) })
	}
	return a
}

// work queries until it is told to stop, and counts. A query that has begun is finished.
func (a *application) work(until context.Context, n int) {
	defer close(a.done[n])
	for until.Err() == nil {
		var orders int
		row := a.pools[n%len(a.pools)].QueryRow(a.t.Context(), "WITH made AS (INSERT INTO orders DEFAULT VALUES RETURNING id) SELECT count(*) FROM made")
		if err := row.Scan(&orders); err != nil || orders != 1 {
			a.failed.Add(1)
			a.t.Errorf("a query fails: %v", err)
			return
		}
		a.answered.Add(1)
		select {
		case a.done[n] <- struct{}{}:
		case <-until.Done():
		}
	}
}

// goOn waits until every worker has had some queries answered that it has sent from now on.
func (a *application) goOn() {
	a.t.Helper()
	for n := range workers {
		for range len(a.done[n]) + 1 + between { // one may have been sent before
			if <-a.done[n]; a.failed.Load() > 0 {
				a.t.FailNow()
			}
		}
	}
}

// drain lets the workers finish, and leaves the database.
func (a *application) drain() {
	a.stop()
	a.group.Wait()
	for _, pool := range a.pools {
		pool.Close()
	}
}

// One server's users are accepted by the passwords that its catalog has: what the counts above stand on.
func verifiers(t *testing.T, w *world) {
	user, password := w.user()
	w.do("CREATE ROLE plain LOGIN PASSWORD " + literal(password))
	for _, name := range []string{user, "plain"} {
		kept := w.rows("SELECT rolpassword FROM pg_authid WHERE rolname = $1", name)[0]
		if !matches(kept, password) || matches(kept, password+"x") || matches("", "") {
			t.Errorf("the verifier of %s does not stand for its password alone", name)
		}
	}
}
