package simulation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// emergency is a person who rotates a source past what it owes, with a deadline or without, as rotary rotate --emergency
// --again does: "emergency db 2h". Where their machine dies, the rotation goes on if Secrets Manager was told.
func emergency(w *World, args []string) error {
	version, err := declared(w, args)
	if err != nil && version == "" {
		return err
	}
	if pending, _ := labelled(w.peek(w.named(args)), history.AWSPending); pending.ID != version {
		return err
	}
	return w.rotate(args[0], version, steps...)
}

// beginEmergency is that up to where Secrets Manager has been told.
func beginEmergency(w *World, args []string) error {
	_, err := declared(w, args)
	return err
}

// declared tells Secrets Manager of an emergency. A version with an error may or may not have been begun.
func declared(w *World, args []string) (version string, err error) {
	s, err := w.source(args)
	if err != nil {
		return "", err
	}
	deadline := time.Duration(0)
	if len(args) > 1 {
		if deadline, err = time.ParseDuration(args[1]); err != nil {
			return "", err
		}
	}
	delete(w.now.dead, operator)
	w.Advance(time.Second)
	h, err := w.cleared(s)
	if err != nil {
		return "", err
	}
	return w.declare(s, h, deadline)
}

// cleared takes off what is left of other rotations: labels of emergencies that never began, and AWSPENDING, which stops
// the one that is under way. What that one has sent lands before anything else is done.
func (w *World) cleared(s manifest.Source) (h history.History, err error) {
	stopped := false
	err = w.command(func(_ *secretsmanager.Direct, st *store.Store) error {
		if h, err = st.LookAll(w.ctx, s.Secret); err != nil {
			return err
		}
		if _, back := h.Labelled(history.Rollback); back {
			return fmt.Errorf("a rollback is under way: %w", errNotNow)
		}
		for _, e := range h.Emergencies() {
			if !begun(h, e) {
				w.void(e.Label)
				err = errors.Join(err, st.Move(w.ctx, s.Secret, e.Label, "", e.On.ID))
			}
		}
		if pending, some := h.Labelled(history.AWSPending); some && !pending.Has(history.AWSCurrent) {
			stopped = true
			err = errors.Join(err, st.Move(w.ctx, s.Secret, history.AWSPending, "", pending.ID))
		}
		return err
	})
	if err != nil || !stopped {
		return h, err
	}
	w.sweepUntil(w.Clock.Now().Add(rotate.Outlast))
	w.act("tidy " + s.Name) // what that rotation may have made
	err = w.command(func(_ *secretsmanager.Direct, st *store.Store) error {
		h, err = st.LookAll(w.ctx, s.Secret)
		return err
	})
	return h, err
}

// begun says whether there is a version that an emergency was begun for.
func begun(h history.History, e history.Emergency) bool {
	return slices.ContainsFunc(h.Versions, func(v history.Version) bool {
		of, is := h.EmergencyOf(v.ID)
		return is && of.Label == e.Label
	})
}

// declare says whom it breaks, puts the label and asks for the rotation.
func (w *World) declare(s manifest.Source, h history.History, deadline time.Duration) (version string, err error) {
	current, _ := h.Current()
	if i := slices.IndexFunc(h.Owed(), func(v history.Version) bool { return v.Has(history.Retain) }); i >= 0 && w.databases[s.Name] != nil {
		return "", fmt.Errorf("it would take the place of a version that somebody retains: %w", errNotNow)
	}
	until := time.Time{}
	if deadline > 0 {
		until = w.Clock.Now().Add(deadline).Truncate(time.Second)
	}
	version = w.token()
	label := history.DeadlineLabel(until, version)
	w.announce(s, h, version, label, until)
	err = w.command(func(client *secretsmanager.Direct, st *store.Store) error {
		if err := st.Move(w.ctx, s.Secret, label, current.ID, ""); err != nil {
			return err
		}
		_, err := client.RotateSecret(w.ctx, &sdk.RotateSecretInput{
			SecretId: &s.Secret, ClientRequestToken: &version, RotationLambdaARN: aws.String(w.region().Lambda.ARN(rotateLambda)),
		})
		if _, refused := errors.AsType[*types.InvalidRequestException](err); refused {
			w.void(label)
			return errors.Join(err, st.Move(w.ctx, s.Secret, label, "", current.ID))
		}
		return err
	})
	return version, err
}
