// Package played plays, in this process, what a manifest's rotators reach outside of AWS: databases with users that take
// turns, and vendors' APIs. So a rotation runs to its end without a server and without a network, and nothing real is
// asked. Of a database the genuine rotator runs, on a server that keeps its users here; of a vendor the calls that the
// manifest describes are not made.
package played

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/target"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/mysql"
	"github.com/rotary-secrets/rotary/pkg/rotate/postgres"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// Config holds what the targets of an environment are played with.
type Config struct {
	Environment *manifest.Environment
	Store       *store.Store
	Clock       *sim.Clock
	Targets     *target.Targets
	Target      func(key string) string                             // names what accepts a key's value
	Value       func(key string, check manifest.Check) secret.Value // makes a value that meets a check
}

// Backends are the databases and vendors of an environment. Safe for concurrent use.
type Backends struct {
	Config

	mu        sync.Mutex
	databases map[string]*database // by the source of their administrator
	vendors   map[string]*vendor   // by source
}

// New returns the targets of an environment. What accepts the login of a database asks it from then on.
func New(c Config) *Backends {
	b := &Backends{Config: c, databases: map[string]*database{}, vendors: map[string]*vendor{}}
	b.SetEnvironment(c.Environment)
	return b
}

// SetEnvironment goes on with another manifest's environment: what was accepted still is.
func (b *Backends) SetEnvironment(env *manifest.Environment) {
	b.mu.Lock()
	b.Environment = env
	b.mu.Unlock()
	for _, s := range env.Sources {
		switch s.Rotate.Kind() {
		case manifest.Postgres, manifest.MySQL:
			b.askDatabase(s)
		case manifest.HTTP:
			b.addVendor(s)
		}
	}
}

// environment returns the environment as its manifest has it now.
func (b *Backends) environment() *manifest.Environment {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Environment
}

// Plays reports whether the target of a source is played.
func Plays(s manifest.Source) bool {
	switch s.Rotate.Kind() {
	case manifest.Postgres, manifest.MySQL, manifest.HTTP:
		return true
	}
	return false
}

// request has the fields of a rotate function's payload that are about a source: see lambdas/rotate.
type request struct {
	Step               string
	SecretId           string //nolint:revive,staticcheck // the field's name on the wire
	ClientRequestToken string
	RotationToken      string
	Advance            *plan.Advance `json:"advance"`
	Confirm            *plan.Confirm `json:"confirm"`
	Rollback           *rotate.Back  `json:"rollback"`
	Test               *plan.Test    `json:"test"`
}

// Handle answers an invocation of the rotate function that is about a played source. did is false for any other, which
// the genuine function answers. It is for lambdahost.Function's Instead.
func (b *Backends) Handle(ctx context.Context, payload []byte) (answer []byte, did bool, err error) {
	var r request
	if unknown := json.Unmarshal(payload, &r); unknown != nil {
		return nil, false, nil //nolint:nilerr // the genuine function says what is wrong with it
	}
	env := b.environment()
	source, known := r.findSource(env)
	if !known || !Plays(source) {
		return nil, false, nil
	}
	if env.Mode == manifest.Observe && r.Step == "createSecret" {
		return nil, true, &rotate.Refused{Source: source.Name, Reason: "mode observe makes no credential"}
	}
	out, err := r.askJob(ctx, rotate.Job{
		Store: b.Store.WithRotationToken(secret.New(r.RotationToken)), Source: source, Rotator: b.openRotator(source),
		Environment: env,
	})
	if err != nil {
		return nil, true, err
	}
	answer, err = json.Marshal(out)
	return answer, true, err
}

func (r request) findSource(env *manifest.Environment) (manifest.Source, bool) {
	switch {
	case r.Advance != nil:
		return env.Source(r.Advance.Source)
	case r.Confirm != nil:
		return env.Source(r.Confirm.Source)
	case r.Rollback != nil:
		return env.Source(r.Rollback.Source)
	case r.Test != nil:
		return env.Source(r.Test.Source)
	}
	return env.SourceBySecret(r.SecretId)
}

func (r request) askJob(ctx context.Context, job rotate.Job) (any, error) {
	switch {
	case r.Advance != nil:
		return nil, job.Advance(ctx, *r.Advance)
	case r.Confirm != nil:
		return nil, job.Confirm(ctx, *r.Confirm)
	case r.Rollback != nil:
		return job.Rollback(ctx, *r.Rollback)
	case r.Test != nil:
		return job.Test(ctx, *r.Test)
	}
	return nil, job.Step(ctx, rotate.Event{Step: r.Step, Version: r.ClientRequestToken})
}

// openRotator opens the rotator of a source whose target is played.
func (b *Backends) openRotator(s manifest.Source) rotate.Rotator {
	switch s.Rotate.Kind() {
	case manifest.Postgres:
		return sqluser.New(s, b.findAdmin(s), postgres.NewSyntax(), b.findDatabase(s))
	case manifest.MySQL:
		return sqluser.New(s, b.findAdmin(s), mysql.NewSyntax(), b.findDatabase(s))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.vendors[s.Name]
}

// findAdmin returns the source with the administrator's login, which is read at each use.
func (b *Backends) findAdmin(s manifest.Source) sqluser.Admin {
	env := b.environment()
	admin, known := env.Source(s.Rotate.Admin())
	if !known {
		admin.Name = s.Rotate.Admin()
	}
	return sqluser.Admin{Source: admin, Read: func(ctx context.Context) (rotate.Values, error) {
		if !known {
			return nil, fmt.Errorf("environment %s has no source %s", env.Name, admin.Name)
		}
		return rotate.Current(ctx, b.Store, admin)
	}}
}
