package simulation

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// What people do in the console or with the AWS CLI, past rotary, and what Secrets Manager does by itself. Nothing else
// in the simulation moves a label or starts a rotation: what people do through rotary is in operator.go.

// beginRotationOf asks Secrets Manager for a rotation, as its schedule or a person does.
func beginRotationOf(w *World, args []string) (version string, err error) {
	s, err := w.findSource(args)
	if err != nil {
		return "", err
	}
	w.Advance(time.Second)
	version = w.makeID()
	err = w.actAsPerson(func(c *secretsmanager.Direct) error {
		_, err := c.RotateSecret(w.ctx, &sdk.RotateSecretInput{
			SecretId: &s.Secret, ClientRequestToken: &version,
		})
		return err
	})
	if err == nil {
		w.started[s.Name] = version
	}
	return version, err
}

func beginRotation(w *World, args []string) error {
	_, err := beginRotationOf(w, args)
	return err
}

func rotateNow(w *World, args []string) error {
	version, err := beginRotationOf(w, args)
	if err != nil {
		return err
	}
	return w.runSteps(args[0], version, steps...)
}

// actAsPerson lets somebody act on Secrets Manager. Their calls are not rotary's.
func (w *World) actAsPerson(act func(c *secretsmanager.Direct) error) error {
	defer w.openForOthers()()
	return act(w.region().SecretsManager.Direct(w.Tap, "person"))
}

// openForOthers makes the calls that follow somebody else's, until the function it returns is called.
func (w *World) openForOthers() (end func()) {
	was := w.now.open
	w.now.open = true
	return func() { w.now.open = was }
}

// putByPerson puts a new credential, as a person does.
func putByPerson(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	w.Advance(time.Second)
	return w.putSource(s, w.makeValues(s))
}

// putSource puts values into a source. Who puts by hand writes the whole text: over the rest of what there is where the
// secret is not rotary's alone.
func (w *World) putSource(s manifest.Source, values map[string]secret.Value) error {
	current, _ := findLabelled(w.peekAt(s.Secret), history.AWSCurrent)
	if !s.Selects() {
		current.Value = secret.Value{}
	}
	text, err := stage.WriteOver(s, current.Value, values)
	if err != nil {
		return err
	}
	return w.actAsPerson(func(c *secretsmanager.Direct) error {
		_, err := c.PutSecretValue(w.ctx, &sdk.PutSecretValueInput{
			SecretId: &s.Secret, SecretString: aws.String(secret.Reveal(text)), ClientRequestToken: aws.String(w.makeID()),
		})
		return err
	})
}

// putBack puts the value before the current one again, as a person does, if the target still accepts it.
func putBack(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	old, some := findLabelled(w.peekAt(s.Secret), history.AWSPrevious)
	if !some || !w.isAccepted(s, old.Value) {
		return errors.New("there is no value to go back to")
	}
	w.Advance(time.Second)
	return w.putSource(s, readContent(s, old.Value))
}

// moveBack moves AWSCURRENT back, as a person does, if the target still accepts the value that it moves to.
func moveBack(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	versions := w.peekAt(s.Secret)
	old, some := findLabelled(versions, history.AWSPrevious)
	now, _ := findLabelled(versions, history.AWSCurrent)
	if !some || !w.isAccepted(s, old.Value) {
		return errors.New("there is no version to go back to")
	}
	w.Advance(time.Second)
	return w.actAsPerson(func(c *secretsmanager.Direct) error {
		_, err := c.UpdateSecretVersionStage(w.ctx, &sdk.UpdateSecretVersionStageInput{
			SecretId: &s.Secret, VersionStage: aws.String(history.AWSCurrent), MoveToVersionId: &old.ID, RemoveFromVersionId: &now.ID,
		})
		return err
	})
}

// takeHeldOff takes HELD off the current version of a bucket, as a person or another tool may.
func takeHeldOff(w *World, args []string) error {
	b, has := w.Env.Bucket(args[0])
	if !has {
		return errNotNow
	}
	current, _ := findLabelled(w.peekAt(b.Secret), history.AWSCurrent)
	i := slices.IndexFunc(current.Labels, func(l string) bool { return strings.HasPrefix(l, history.Held) })
	if i < 0 {
		return errNotNow
	}
	return w.actAsPerson(func(c *secretsmanager.Direct) error {
		_, err := c.UpdateSecretVersionStage(w.ctx, &sdk.UpdateSecretVersionStageInput{
			SecretId: &b.Secret, VersionStage: &current.Labels[i], RemoveFromVersionId: &current.ID,
		})
		return err
	})
}
