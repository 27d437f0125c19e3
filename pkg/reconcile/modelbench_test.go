package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin/lambdahost"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/random"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const db = "source/dev/db"

// model is a bench whose source db is rotated and retired by the genuine rotate.Job: what the executable model of the
// protocol has, with its invariants.
type model struct {
	*bench
	rotator  rotate.Rotator
	accepted map[string]bool // logins, written user:password; nil where the readers are the target
	made     int
	before   func() // runs once, before the next Advance looks: somebody acts between a pass's look and it
}

// modelled is a model in which everybody runs the first login, and the first pass has been.
func modelled(t *testing.T) *model {
	t.Helper()
	m := unmarked(t)
	m.settle()
	return m
}

// unmarked is a model before its first pass.
func unmarked(t *testing.T) *model {
	t.Helper()
	m := over(t, small)
	m.rotator, m.accepted = users{m}, map[string]bool{}
	m.hand(m.person())
	return m
}

// symmetric is a model whose readers send K to each other, and accept K and ALSO.
func symmetric(t *testing.T) *model {
	t.Helper()
	m := over(t, strings.NewReplacer(
		"db: {keys: [DB_URL], rotate: {with: random}}", "db: {keys: [K, ALSO], rotate: {with: random, also: ALSO}}", "DB_URL: [WORKER_DB]", "K: K, ALSO: ALSO",
	).Replace(small))
	source, _ := m.env.Source("db")
	m.rotator = random.New(source)
	m.put("db", `{"K":"first","ALSO":"first"}`)
	m.settle()
	return m
}

// over is a model of a manifest, in which source db has no value yet.
func over(t *testing.T, yaml string) *model {
	m := &model{bench: start(t, yaml)}
	m.pass.Advancer = advancer{m}
	m.Region(m.env.Account, m.env.Region).Lambda.Register(lambdahost.Function{
		Name: "rotate", Callers: []string{"secretsmanager.amazonaws.com"}, // it does nothing: a test does each step itself
		Handler: func(context.Context, []byte) ([]byte, error) { return nil, nil },
	})
	m.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
	return m
}

// person makes a login at the target, as people do before they put it.
func (m *model) person() (login string) {
	m.made++
	login = fmt.Sprintf("person%d:by-hand-%d", m.made, m.made)
	m.accepted[login] = true
	return login
}

// hand puts a login by hand, and returns the version.
func (m *model) hand(login string) string {
	m.t.Helper()
	m.Advance(time.Second)
	return m.put("db", fmt.Sprintf(`{"DB_URL":%q}`, login))
}

// begin asks Secrets Manager for a rotation.
func (m *model) begin() (token string) {
	m.t.Helper()
	m.Advance(time.Second)
	m.puts++
	token = fmt.Sprintf("%08d-0000-4000-8000-000000000000", m.puts)
	_, err := m.client.RotateSecret(m.t.Context(), &secretsmanager.RotateSecretInput{
		SecretId: aws.String(db), ClientRequestToken: &token, RotationLambdaARN: aws.String(m.Region(m.env.Account, m.env.Region).Lambda.ARN("rotate")),
	})
	must(m.t, err)
	return token
}

func (m *model) job() rotate.Job {
	source, _ := m.env.Source("db")
	return rotate.Job{Store: m.pass.Store.(rotate.Store), Source: source, Rotator: m.rotator}
}

// steps does these steps of a rotation; the first failure ends the try.
func (m *model) steps(token string, steps ...string) error {
	for _, step := range steps {
		if err := m.job().Step(m.t.Context(), rotate.Event{Step: step + "Secret", Version: token}); err != nil {
			return err
		}
	}
	return nil
}

// rotate does a whole rotation.
func (m *model) rotate() (token string) {
	m.t.Helper()
	token = m.begin()
	must(m.t, m.steps(token, "create", "set", "test", "finish"))
	return token
}

// next is a pass, five minutes on, after which the invariants hold.
func (m *model) next() (plan.Report, error) {
	m.t.Helper()
	report, err := m.run()
	m.safe("a pass")
	m.tick()
	m.safe("what was rolled has arrived")
	return report, err
}

// settle runs passes until nothing is left to do, and checks that no credential is forgotten.
func (m *model) settle() {
	m.t.Helper()
	for range 60 {
		if report, err := m.next(); err == nil && len(report.Steps) == 0 && !waiting(report) {
			m.remembered()
			m.worked = nil
			return
		}
	}
	m.t.Fatalf("it never settles; labels of the source: %v", m.labels(db))
}

// until runs passes until the next one would advance this version, which it does not do yet.
func (m *model) until(version string) {
	m.t.Helper()
	m.pass.DryRun = true
	defer func() { m.pass.DryRun = false }()
	for range 60 {
		report := m.mustRun()
		if i := slices.IndexFunc(report.Steps, func(s plan.Step) bool { return s.Do == "advance" }); i >= 0 && report.Steps[i].Version == version {
			return
		}
		m.pass.DryRun = false
		_, err := m.next()
		must(m.t, err)
		m.pass.DryRun = true
	}
	m.t.Fatalf("version %s is never advanced", version)
}

// inPlay is a bucket version that somebody may run.
type inPlay struct{ who, bucket, version string }

func (m *model) inPlay() []inPlay {
	var all []inPlay
	for _, name := range slices.Sorted(maps.Keys(m.sinks)) {
		of := map[string]string{"web": "api-dev", "jobs": "worker-dev"}[name]
		for _, id := range []string{m.sinks[name].running, m.sinks[name].rolling} {
			if id != "" {
				all = append(all, inPlay{name, of, id})
			}
		}
	}
	return all
}

// safe checks that what anybody may send is accepted, and that Secrets Manager keeps what anybody may run.
func (m *model) safe(after string) {
	m.t.Helper()
	for _, x := range m.inPlay() {
		if len(m.labels(x.bucket)[x.version]) == 0 {
			m.t.Errorf("UNHELD after %s: %s may run %s, which has no label", after, x.who, x.version)
		}
		if m.accepted != nil && !m.accepted[m.login(x.bucket, x.version)] {
			m.t.Errorf("REFUSED after %s: %s may run %s with %s", after, x.who, x.version, m.login(x.bucket, x.version))
		}
		for _, y := range m.inPlay() {
			if sent, by := m.values(x.bucket, x.version), m.values(y.bucket, y.version); sent["K"] != by["K"] && sent["K"] != by["ALSO"] {
				m.t.Errorf("REFUSED after %s: %s on %s sends what %s on %s does not accept", after, x.who, x.version, y.who, y.version)
			}
		}
	}
}

// login is what a version of a bucket or source holds for the target.
func (m *model) login(name, version string) string {
	values := m.values(name, version)
	return values["DB_URL"] + values["WORKER_DB"]
}

// remembered checks that nothing is owed, and that the target accepts the current login alone: another one that it
// accepts would be known to nobody.
func (m *model) remembered() {
	m.t.Helper()
	current := m.current(db)
	for id, labels := range m.labels(db) {
		for _, label := range labels {
			if (strings.HasPrefix(label, history.Live) || label == history.AWSPending) && id != current {
				m.t.Errorf("OWED for ever: version %s has %v; AWSCURRENT is on %s", id, labels, current)
			}
		}
	}
	now := m.login(db, current)
	for _, login := range slices.Sorted(maps.Keys(m.accepted)) {
		if login != now {
			m.t.Errorf("FORGOTTEN: the target still accepts %s, and AWSCURRENT holds %s", login, now)
		}
	}
}

// advancer is the rotate Lambda.
type advancer struct{ *model }

func (a advancer) Advance(ctx context.Context, ask plan.Advance) error {
	if act := a.before; act != nil {
		a.before = nil
		act()
	}
	if ask.Source != "db" {
		return nil
	}
	return a.job().Advance(ctx, ask)
}

// users rotates a login by alternating between two users, as the database rotators do.
type users struct{ *model }

func (u users) Create(_ context.Context, s rotate.Start) (rotate.Values, error) {
	current := s.Current
	user := u.Identity(current)
	other, second := strings.CutSuffix(user, "_2")
	if !second {
		other = user + "_2"
	}
	u.made++
	return rotate.Values{"DB_URL": secret.New(fmt.Sprintf("%s:made-%d", other, u.made))}, nil
}

func (u users) Set(_ context.Context, c rotate.Change) error {
	pending := c.Pending
	maps.DeleteFunc(u.accepted, func(login string, _ bool) bool { return strings.HasPrefix(login, u.Identity(pending)+":") })
	u.accepted[secret.Reveal(pending["DB_URL"])] = true
	return nil
}

func (u users) Test(_ context.Context, pending rotate.Values) error {
	if !u.accepted[secret.Reveal(pending["DB_URL"])] {
		return errors.New("the login is refused")
	}
	return nil
}

func (u users) Retire(_ context.Context, e rotate.End) (rotate.Values, error) {
	owed := e.Owed
	u.t.Helper()
	delete(u.accepted, secret.Reveal(owed["DB_URL"]))
	u.safe("a retirement")
	return nil, nil
}

func (u users) Identity(v rotate.Values) string {
	user, _, _ := strings.Cut(secret.Reveal(v["DB_URL"]), ":")
	return user
}

func (u users) Same(a, b rotate.Values) bool { return a["DB_URL"].Equal(b["DB_URL"]) }

// dies ends the next pass at its first write that is meant: the write comes to outcome, and nothing after it is done.
func (m *model) dies(outcome sim.Outcome, meant func(what string) bool) {
	dead := false
	decide := func(what string) sim.Outcome {
		switch {
		case dead:
			return sim.Dropped
		case meant(what):
			dead = true
			return outcome
		}
		return sim.Works
	}
	m.Tap.OnCall(func(c sim.Call) sim.Fault {
		if !c.Write && !dead {
			return sim.Fault{}
		}
		return sim.Fault{Outcome: decide(c.Operation + " " + c.Resource), Delay: delay}
	})
	m.step = func() sim.Outcome { return decide("a sink") }
	_, err := m.run()
	m.Tap.OnCall(nil)
	m.step = nil
	if err == nil || !dead {
		m.t.Fatalf("the pass did not die: %v", err)
	}
	m.safe("a crash")
}

func (a advancer) Confirm(ctx context.Context, ask plan.Confirm) error {
	return a.job().Confirm(ctx, ask)
}
