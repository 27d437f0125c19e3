package mysql

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/rotatetest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	rotations = 3
	workers   = 6  // of an application; half of them connect anew for each query
	between   = 10 // queries of each worker between any two moments
)

// TestAnApplicationPoolWorksThroughThreeRotationsWithRetirement runs an application that queries all the time. It reads
// its source when it is deployed, and never again; after a rotation it is deployed again, and the old deployment works
// on until the new one does.
func TestAnApplicationPoolWorksThroughThreeRotationsWithRetirement(t *testing.T) {
	g := start(t)
	entry(&g.source).EndSessions = true
	g.Do(t, "CREATE TABLE shop.queries (id BIGINT AUTO_INCREMENT PRIMARY KEY, login VARCHAR(200))")
	w := g.conformance(t, styles()[2])
	b := &business{t: t}
	var app *application
	rotatetest.Watch(t, w, rotations, func(moment string, current rotate.Values) {
		if moment == "start" {
			app = b.deploy(current)
		}
		app.goOn()
		if moment == "finishSecret" {
			next := b.deploy(current)
			next.goOn()
			app.goOn()
			app.drain()
			app = next
			app.goOn()
		}
	})
	app.drain()

	t.Logf("%d queries in %d rotations with retirement, %d failed", b.answered+b.failed, rotations, b.failed)
	if b.failed > 0 || b.answered < rotations*workers*between*6 {
		t.Errorf("%d queries were answered, %d failed", b.answered, b.failed)
	}
	var there int
	if err := g.DB.QueryRow("SELECT COUNT(*) FROM shop.queries").Scan(&there); err != nil || there != b.answered {
		t.Errorf("%d rows are there of %d that were answered: %v", there, b.answered, err)
	}
	for _, login := range g.Rows(t, "SELECT CONCAT(login, ': ', COUNT(*)) FROM shop.queries GROUP BY login ORDER BY login") {
		t.Log(login)
	}
}

// business counts the queries of all deployments of an application.
type business struct {
	t                *testing.T
	mu               sync.Mutex
	answered, failed int
}

// application is one deployment: two pools, one of which keeps no connection, and workers that query all the time.
type application struct {
	*business
	pools []*sql.DB
	stop  context.CancelFunc
	group sync.WaitGroup
	did   [workers]int // queries
	more  *sync.Cond   // somebody did one
}

func (b *business) deploy(current rotate.Values) *application {
	b.t.Helper()
	until, stop := context.WithCancel(b.t.Context())
	a := &application{business: b, stop: stop, more: sync.NewCond(&b.mu)}
	for _, idle := range []int{workers, 0} {
		pool, err := sql.Open("mysql", secret.Reveal(current["DB_URL"]))
		if err != nil {
			b.t.Fatal(err)
		}
		pool.SetMaxIdleConns(idle)
		pool.SetConnMaxLifetime(time.Hour)
		a.pools = append(a.pools, pool)
	}
	for n := range workers {
		a.group.Go(func() { a.work(until, n) })
	}
	return a
}

// work queries until it is told to stop. A query that has begun is finished.
func (a *application) work(until context.Context, n int) {
	for until.Err() == nil {
		_, err := a.pools[n%len(a.pools)].ExecContext(a.t.Context(), "INSERT INTO shop.queries (login) VALUES (CURRENT_USER())")
		a.note(n, err)
	}
}

func (a *application) note(n int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.failed++
		a.t.Errorf("a query fails: %v", err)
		a.stop()
	} else {
		a.answered++
	}
	a.did[n]++
	a.more.Broadcast()
}

// goOn waits until every worker has had some more queries answered, or one has failed.
func (a *application) goOn() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for n, before := range a.did {
		for a.did[n] <= before+between && a.failed == 0 {
			a.more.Wait()
		}
	}
}

// drain lets the workers finish, and leaves the database.
func (a *application) drain() {
	a.stop()
	a.group.Wait()
	for _, pool := range a.pools {
		_ = pool.Close()
	}
}
