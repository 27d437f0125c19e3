package simulation

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// ownKey makes an access key of the user that a source's keys are of, for a person's own use, and uses it, unless they
// leave that for later.
func ownKey(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil || s.Rotate.Kind() != manifest.AWSAccessKey {
		return errNotNow
	}
	defer w.openForOthers()()
	w.Advance(time.Second)
	key, err := w.AccessKey(w.ctx, s)
	if err == nil {
		id, _ := s.AccessKey()
		w.ownKeys[key[id]] = true
		if len(args) == 1 {
			w.IAM.Use(key[id], "ec2", w.Env.Region)
		}
	}
	return err
}

// newKey makes an access key and puts it, as a person does, if the user has a slot for it.
func newKey(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil || s.Rotate.Kind() != manifest.AWSAccessKey {
		return errNotNow
	}
	w.Advance(time.Second)
	end := w.openForOthers()
	key, err := w.AccessKey(w.ctx, s)
	end()
	if err != nil {
		return err
	}
	values := w.readSource(s)
	for name, value := range key {
		values[name] = secret.New(value)
	}
	return w.putSource(s, values)
}

// dropKeys deletes the access keys that people made for their own use.
func dropKeys(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil || s.Rotate.Kind() != manifest.AWSAccessKey {
		return errNotNow
	}
	defer w.openForOthers()()
	client := awsiam.NewFromConfig(w.Config(w.Env.Account, w.Env.Region))
	for _, k := range w.IAM.Keys(stage.User(w.Env, s)) {
		if !w.ownKeys[k.ID] {
			continue
		}
		delete(w.ownKeys, k.ID)
		if _, err := client.DeleteAccessKey(w.ctx, &awsiam.DeleteAccessKeyInput{UserName: aws.String(k.User.Name), AccessKeyId: &k.ID}); err != nil {
			return err
		}
	}
	return nil
}

// tidyKeys deletes the access keys that are in no version and nobody's own, as a person does.
func (w *World) tidyKeys(s manifest.Source) error {
	if s.Rotate.Kind() != manifest.AWSAccessKey {
		return nil
	}
	defer w.openForOthers()()
	client := awsiam.NewFromConfig(w.Config(w.Env.Account, w.Env.Region))
	for _, k := range w.IAM.Keys(stage.User(w.Env, s)) {
		if len(w.listHolding(s, k.ID)) > 0 || w.ownKeys[k.ID] {
			continue
		}
		if _, err := client.DeleteAccessKey(w.ctx, &awsiam.DeleteAccessKeyInput{UserName: aws.String(k.User.Name), AccessKeyId: &k.ID}); err != nil {
			return err
		}
	}
	return nil
}

// checkDyingKey checks that an access key that works may stop working. It is called just before that.
func (w *World) checkDyingKey(k iam.Key) {
	if w.ownKeys[k.ID] && !w.now.open {
		w.noteViolation("S14 an access key is ended that is a person's own")
	}
	for _, s := range w.Env.Sources {
		if s.Rotate.Kind() != manifest.AWSAccessKey || stage.User(w.Env, s) != k.User || w.now.open {
			continue
		}
		id, _ := s.AccessKey()
		holders := w.listHolding(s, k.ID)
		if len(holders) == 0 {
			continue // a rotation that died has made it
		}
		if !w.isTaken(s, k.ID) && !w.isDoomed(s, k.ID) {
			w.checkRetiring(id, k.ID)
		}
		if slices.ContainsFunc(holders, func(v secretsmanager.Version) bool { return slices.Contains(v.Labels, history.Retain) }) {
			w.noteViolation("S4 a version of %s is retired, and somebody retains it", s.Name)
		}
	}
}

// listHolding returns the versions of a source that hold an access key.
func (w *World) listHolding(s manifest.Source, keyID string) []secretsmanager.Version {
	id, _ := s.AccessKey()
	return slices.DeleteFunc(slices.Clone(w.peekAt(s.Secret)), func(v secretsmanager.Version) bool {
		return secret.Reveal(readContent(s, v.Value)[id]) != keyID
	})
}

// keysRemembered checks that every access key that works is known: some version that holds it says so, or is so new
// that no pass has seen it, or the rotation that has made it is not over.
func (w *World) keysRemembered() {
	for _, s := range w.Env.Sources {
		versions := w.peekAt(s.Secret)
		seen, _ := findLabelled(versions, history.Seen)
		if _, rotating := findLabelled(versions, history.AWSPending); rotating || s.Rotate.Kind() != manifest.AWSAccessKey {
			continue
		}
		for _, k := range w.IAM.Keys(stage.User(w.Env, s)) {
			known := slices.ContainsFunc(w.listHolding(s, k.ID), func(v secretsmanager.Version) bool {
				return !v.Created.Before(seen.Created) || slices.ContainsFunc(v.Labels, func(l string) bool {
					return strings.HasPrefix(l, history.Live) || l == history.AWSCurrent
				})
			})
			if k.Status == iam.Active && !known && !w.ownKeys[k.ID] {
				w.noteViolation("S6 AWS accepts an access key of %s, and no version says so", s.Name)
			}
		}
	}
}

// keysAlone checks that AWS accepts the current access key, no other of rotary's, and everybody's own.
func (w *World) keysAlone() {
	for _, s := range w.Env.Sources {
		if s.Rotate.Kind() != manifest.AWSAccessKey {
			continue
		}
		id, _ := s.AccessKey()
		now, found := secret.Reveal(w.readSource(s)[id]), 0
		for _, k := range w.IAM.Keys(stage.User(w.Env, s)) {
			switch {
			case k.ID == now || w.ownKeys[k.ID]:
				found++
				if k.Status != iam.Active {
					w.noteViolation("L3 the current access key of %s, or somebody's own, is %s", s.Name, k.Status)
				}
			case k.Status == iam.Active:
				w.noteViolation("L3 AWS still accepts another access key of %s than the current one", s.Name)
			}
		}
		if found != 1+len(w.ownKeys) {
			w.noteViolation("L3 the current access key of %s, or somebody's own, is gone", s.Name)
		}
	}
}
