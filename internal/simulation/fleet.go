package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// rollTime is how long a member of the fleet takes to roll.
const rollTime = 2 * time.Minute

// member is a consumer made of memory: a service that rolls like one of ECS's, with one call a look. It stands in for
// the drivers where every pair of faults is tried; TestTheFleetBehavesLikeECS holds the two together.
type member struct {
	w       *World
	name    string
	bucket  string // its secret
	image   int
	broken  bool
	running string   // what its tasks hold
	rolling string   // what its new tasks hold
	rest    int      // the image of the rollout that failed last
	failed  string   // its version
	stuck   bool     // so did the rollback: with that image, no task starts
	tried   []string // versions whose rollouts have failed, and the way back too, since it last came to rest
	changed time.Time
	since   time.Time            // it runs what it runs since then
	fell    time.Time            // when its last rollout failed
	foreign bool                 // the rollout is a person's
	ran     map[string]bool      // versions that it was ever rolled to
	gone    map[string]time.Time // since when a version is withdrawn
	moves   []plan.Move          // deployments onto and away from versions
	lag     time.Duration        // for how long a version can still be deployed that is withdrawn
	bake    time.Duration        // for how long the tasks before run on beside the new ones, when those are up
	began   time.Time            // when its newest rollout began
	rounds  int                  // how many rollouts it has begun
}

// deregistered is for how long ECS may still start a revision after it was deregistered.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeregisterTaskDefinition.html
const deregistered = 10 * time.Minute

// openFleet makes a world in which every consumer is a member of the fleet.
func (w *World) openFleet(env *manifest.Environment) error {
	w.fleet = map[string]*member{}
	for i, s := range env.Sources { // its login is a database's, and behaves like PostgreSQL's where the manifest names none
		if s.Name == "db" && s.Rotate.Kind() == manifest.Random {
			env.Sources[i].Rotate = manifest.Rotate{Every: s.Rotate.Every, Postgres: &manifest.RotatePostgres{}}
		}
	}
	w.Stage = &stage.Stage{World: standin.New(standin.Config{Start: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)}), Env: env, Values: map[string]map[string]string{}}
	for _, c := range env.Consumers {
		b, _ := env.Bucket(c.Bucket)
		w.fleet[c.Name] = &member{w: w, name: c.Name, bucket: b.Secret, ran: map[string]bool{}, gone: map[string]time.Time{}, lag: deregistered, changed: w.Clock.Now()}
	}
	return w.Containers(w.ctx, env)
}

func (m *member) callFleet(operation string, write bool, do func() (plan.Seen, error)) (plan.Seen, error) {
	call := sim.Call{Service: "fleet", Operation: operation, Resource: m.name, Write: write, Caller: propagateLambda}
	return sim.Do(m.w.Tap, call, operation+m.name, do, func(o sim.Outcome) error { return fmt.Errorf("the fleet says no: %d", o) })
}

// Status implements reconcile.Consumer.
func (m *member) Status(context.Context) (plan.Seen, error) {
	return m.callFleet("Describe", false, func() (plan.Seen, error) {
		seen := plan.Seen{Running: m.running, Since: m.since, RollingTo: m.rolling, Settled: m.rolling == "", Changed: m.changed, Rest: fmt.Sprint(m.image), InPlay: m.inPlay(), Deployable: m.listRegistered(), Moves: slices.Clone(m.moves)}
		if m.rolling != "" && m.bake > 0 {
			seen.RollsTill = m.began.Add(m.bake)
		}
		seen.Bakes = m.bake
		if m.foreign {
			seen.Foreign, seen.RollingTo = "somebody's deployment", ""
		}
		if m.stuck {
			seen.Running, seen.Settled = "", false
		}
		if m.failed != "" {
			seen.Failed = &plan.Failed{Version: m.failed, Rest: fmt.Sprint(m.rest), Reason: "tasks exit", At: m.fell}
		}
		return seen, nil
	})
}

func (m *member) inPlay() []string {
	var all []string
	for _, id := range append([]string{m.running, m.rolling}, m.tried...) {
		if id != "" && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// Roll implements reconcile.Consumer.
func (m *member) Roll(_ context.Context, b bucket.Bucket) error {
	if m.isOn(b.Version) && !m.foreign {
		return nil
	}
	_, err := m.callFleet("Update", true, func() (plan.Seen, error) {
		if m.foreign {
			return plan.Seen{}, errors.New("somebody's deployment is in progress")
		}
		delete(m.gone, b.Version) // as the driver registers another revision
		m.startRollout(b.Version)
		return plan.Seen{}, nil
	})
	return err
}

// startRollout starts a rollout. It fails after rollTime where the image is broken, and so does the way back, unless that
// is what runs beside it until the end of a bake; the tasks that run stay.
func (m *member) startRollout(version string) {
	if m.isOn(version) {
		return
	}
	m.noteMoves(version)
	if m.rolling != "" && m.bake > 0 { // its tasks run on until the end
		m.tried = append(m.tried, m.rolling)
	}
	m.rounds++
	round := m.rounds
	m.rolling, m.changed, m.began, m.ran[version] = version, m.w.Clock.Now(), m.w.Clock.Now(), true
	m.w.Clock.After(rollTime, "rollout of "+m.name, func() {
		switch {
		case m.rolling != version || m.rounds != round:
		case m.broken || m.bake == 0:
			m.noteMoves(version)
			m.endRollout(version, !m.broken)
		default:
			m.bakeRollout(version)
		}
	})
}

// bakeRollout ends a rollout when its bake time is over.
func (m *member) bakeRollout(version string) {
	round := m.rounds
	m.w.Clock.After(m.bake, "bake of "+m.name, func() {
		if m.rolling == version && m.rounds == round {
			m.noteMoves(version)
			m.endRollout(version, true)
		}
	})
}

// endRollout ends a rollout well, or goes back.
func (m *member) endRollout(version string, well bool) {
	now := m.w.Clock.Now()
	m.rolling, m.changed, m.failed, m.foreign, m.stuck = "", now, "", false, !well && m.bake == 0
	switch {
	case well:
		m.running, m.since, m.tried = version, now, nil
	case m.bake > 0:
		m.failed, m.rest, m.fell, m.tried = version, m.image, now, nil
	default:
		m.failed, m.rest, m.fell, m.tried = version, m.image, now, append(m.tried, version)
	}
}

// noteMoves notes that a deployment onto a version begins or ends.
func (m *member) noteMoves(version string) {
	now := m.w.Clock.Now()
	m.moves = slices.DeleteFunc(m.moves, func(one plan.Move) bool { return now.Sub(one.At) > history.Deregistered })
	for _, id := range append(m.inPlay(), version) {
		m.moves = append(m.moves, plan.Move{Version: id, At: now})
	}
}

// listRegistered returns the versions that somebody could deploy, sorted.
func (m *member) listRegistered() (all []string) {
	for _, v := range slices.Sorted(maps.Keys(m.ran)) {
		if m.isRegistered(v) {
			all = append(all, v)
		}
	}
	return all
}

// isOn reports whether a member runs a version alone, or is on its way to it. One that is stuck is on its way to
// nothing.
func (m *member) isOn(version string) bool {
	return m.rolling == version || m.rolling == "" && m.running == version && !m.stuck
}

// releaseImage deploys another image with the version that runs, as a release does.
func (m *member) releaseImage(image int) {
	m.image, m.broken, m.changed, m.failed, m.stuck, m.tried = image, false, m.w.Clock.Now(), "", false, nil
}

// isDeployable reports whether a person can deploy a version: it ran, and it is not withdrawn for longer than lag.
func (m *member) isDeployable(version string) bool {
	since, gone := m.gone[version]
	return m.ran[version] && (!gone || m.w.Clock.Now().Before(since.Add(m.lag)))
}

// canHave reports whether a member has a version in play, or can be deployed on it.
func (m *member) canHave(version string) bool {
	return slices.Contains(m.inPlay(), version) || m.isDeployable(version)
}

// redeployOlder deploys the newest other version that can be deployed, as a person does.
func (m *member) redeployOlder() error {
	for _, v := range slices.Backward(m.w.peekAt(m.bucket)) {
		if v.ID != m.running && m.isRegistered(v.ID) && m.rolling == "" {
			m.foreign = true
			m.startRollout(v.ID)
			return nil
		}
	}
	return errNotNow
}

// Withdraw implements reconcile.Consumer.
func (m *member) Withdraw(_ context.Context, versions []string) error {
	for _, v := range versions {
		if slices.Contains(m.inPlay(), v) {
			return fmt.Errorf("version %s is in play", v)
		}
	}
	if !slices.ContainsFunc(versions, m.isRegistered) {
		return nil
	}
	_, err := m.callFleet("Deregister", true, func() (plan.Seen, error) {
		for _, v := range versions {
			if slices.Contains(m.inPlay(), v) {
				return plan.Seen{}, errors.New("somebody has deployed it meanwhile")
			}
			if m.isRegistered(v) {
				m.gone[v] = m.w.Clock.Now()
			}
		}
		return plan.Seen{}, nil
	})
	return err
}

// isRegistered reports whether a member ran on a version that is not withdrawn.
func (m *member) isRegistered(version string) bool {
	_, gone := m.gone[version]
	return m.ran[version] && !gone
}

// listMembers returns the members, sorted by name.
func (w *World) listMembers() []*member {
	var all []*member
	for _, name := range slices.Sorted(maps.Keys(w.fleet)) {
		all = append(all, w.fleet[name])
	}
	return all
}

// checkFleet checks S1 to S3 for the fleet: what anybody runs, rolls to, or could be deployed on by a person, exists,
// has a label, and holds what the database accepts.
func (w *World) checkFleet() {
	for _, m := range w.listMembers() {
		for _, v := range w.peekAt(m.bucket) {
			if !slices.Contains(m.inPlay(), v.ID) {
				m.checkDeployable(v)
				continue
			}
			if len(v.Labels) == 0 {
				w.noteViolation("S3 %s may run version %s, which has no label", m.name, history.Short(v.ID))
			}
			if !w.isLoginAccepted(m.bucket, v.Value) {
				w.noteViolation("S1 %s runs version %s, and the database refuses it", m.name, history.Short(v.ID))
			}
		}
	}
}

// checkDeployable checks that what a person can deploy holds what the database accepts, unless an emergency has ended it.
func (m *member) checkDeployable(v secretsmanager.Version) {
	if m.isDeployable(v.ID) && !m.w.isLoginAccepted(m.bucket, v.Value) && !holdsAny(m.bucket, v.Value, m.w.wasEnded) {
		m.w.noteViolation("S2 %s could be deployed on version %s, and the database refuses it", m.name, history.Short(v.ID))
	}
}

// isLoginAccepted reports whether the database accepts what a version of a bucket holds.
func (w *World) isLoginAccepted(name string, text secret.Value) bool {
	logins := w.db.listTolerated()
	values := readBucket(name, text)
	for _, b := range w.Env.Buckets {
		for _, e := range w.Env.Entries(b) {
			if value, has := values[e.Name]; b.Secret == name && e.Key == w.db.key && has && !logins[secret.Reveal(value)] {
				return false
			}
		}
	}
	return true
}

func (w *World) openMember(c manifest.Consumer, _ reconcile.Opening) (reconcile.Consumer, error) {
	return w.fleet[c.Name], nil
}
