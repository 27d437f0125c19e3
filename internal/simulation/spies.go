package simulation

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/trail"
	"github.com/rotary-secrets/rotary/pkg/trail/lookup"
)

// listSpies returns the actions of roles that no manifest has, by name.
//
//	spy db        a role reads the source, and goes on with that for as long as rotary gives it
//	spy api       a role reads the bucket of that consumer
//	pardon        a person dismisses that role, for an hour: what it has may die
func listSpies() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{"spy": readUndeclared, "pardon": dismissSpy}
}

// spyRole is a role that no manifest has.
const spyRole = "nightly-export"

// isWatched reports whether the environment waits for CloudTrail. There passes look for receipts of no consumer too.
func (w *World) isWatched() bool {
	return w.fleet == nil && w.Env.ReadersRule == manifest.ReadersVeto
}

// readUndeclared lets a role that no manifest has read what is current of a source, or of a consumer's bucket. It goes on
// with that for a minute less than a stranger may.
func readUndeclared(w *World, args []string) error {
	if len(args) == 0 || !w.isWatched() {
		return errNotNow
	}
	r := reading{who: w.Env.IAMARN("role/" + spyRole), until: w.Clock.Now().Add(plan.StrangerDrain - time.Minute)}
	s, ofSource := w.Env.Source(args[0])
	if ofSource {
		r.secret = s.Secret
	} else {
		c, err := w.findConsumer(args, func(c manifest.Consumer) bool { return c.Bucket != "" })
		if err != nil {
			return err
		}
		b, _ := w.Env.Bucket(c.Bucket)
		r.secret = b.Secret
	}
	if _, has := findLabelled(w.peekAt(r.secret), history.AWSCurrent); !has {
		return errNotNow
	}
	if err := w.readAs(r.who, r.secret); err != nil {
		return err
	}
	w.keepReading(r)
	w.spied = w.Clock.Now()
	return nil
}

// readAs reads a secret in the name of a role, so that CloudTrail has it.
func (w *World) readAs(role, name string) error {
	defer w.openForOthers()()
	cfg := w.Config(w.Env.Account, w.Env.Region)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(w.Env.Account, "secret", role)
	_, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(w.ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	return err
}

// dismissSpy dismisses the role, as dismissStranger does.
func dismissSpy(w *World, _ []string) error {
	if !w.isWatched() {
		return errNotNow
	}
	return dismissStranger(w, []string{w.Env.IAMARN("role/" + spyRole)})
}

// newTrail returns the watch of the trail of a function that stays warm; nil where the environment waits for none.
func (w *World) newTrail() reconcile.Trail {
	if !w.isWatched() {
		return nil
	}
	if w.watch == nil {
		cfg := w.Config(w.Env.Account, w.Env.Region)
		cfg.Credentials = credentials.NewStaticCredentialsProvider(w.Env.Account, "secret", propagateLambda)
		w.watch = lookup.NewWatch(lookup.New(cfg, lookup.AtOnce{}))
	}
	return asRoles{w.watch, w}
}

// asRoles is a watch in which rotary's own functions, which the journal calls by short names, have their roles. People look
// by the look function.
type asRoles struct {
	*lookup.Watch
	w *World
}

func (a asRoles) ReadForward(ctx context.Context, from, to time.Time) (reads []trail.Read, until time.Time, err error) {
	reads, until, err = a.Watch.ReadForward(ctx, from, to)
	env := a.w.Env
	roles := map[string]string{
		propagateLambda: manifest.PropagateRole, rotateLambda: manifest.RotateRole, operator: manifest.LookRole, "person": manifest.LookRole,
		env.Named(manifest.PlatformRole): manifest.LookRole, env.Named(manifest.DeveloperRole): manifest.LookRole,
	}
	for i := range reads {
		if name, own := strings.CutPrefix(reads[i].Principal, env.IAMARN("role/")); own && roles[name] != "" {
			reads[i].Principal = env.IAMARN("role/" + env.Named(roles[name]))
		}
	}
	return reads, until, err
}

// isSpiedLately reports whether a role that no manifest has read something within the day for which rotary tells of it, and
// the quarter of an hour for which the trail may lag.
func (w *World) isSpiedLately() bool {
	return !w.spied.IsZero() && w.Clock.Now().Before(w.spied.Add(plan.StrangerDrain+trail.Lag))
}
