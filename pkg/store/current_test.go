package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/awserr"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

func TestReadCurrentIsOneCall(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one", "two")
	made := w.Clock.Now()
	w.Advance(time.Hour)
	w.Tap.Reset()
	got, err := w.store.ReadCurrent(t.Context(), name)
	w.must(err)
	if got.ID != versionID("two") || secret.Reveal(got.Text) != "value of two" || !got.Created.Equal(made) {
		t.Errorf("version %s of %v", got.ID, got.Created)
	}
	if len(w.Tap.Calls()) != 1 || w.countCalls("GetSecretValue") != 1 || !w.store.Now().Equal(w.Clock.Now()) {
		t.Errorf("%d calls, and the store's time is %v", len(w.Tap.Calls()), w.store.Now())
	}
}

func TestReadCurrentSaysWhyNot(t *testing.T) {
	w := newWorld(t)
	if _, err := w.store.ReadCurrent(t.Context(), name); !errors.Is(err, store.ErrMissing) {
		t.Errorf("a secret that is not there: %v", err)
	}
	w.createSecret(name)
	if _, err := w.store.ReadCurrent(t.Context(), name); !errors.Is(err, store.ErrMissing) {
		t.Errorf("a secret without a value: %v", err)
	}
	_, err := w.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: new(name), SecretBinary: []byte("canary")})
	w.must(err)
	if _, err := w.store.ReadCurrent(t.Context(), name); !errors.Is(err, secret.ErrBinary) {
		t.Errorf("binary data: %v", err)
	}
	w.breakCalls("GetSecretValue", 1, sim.Denied)
	if _, err := w.store.ReadCurrent(t.Context(), name); awserr.Code(err) != "AccessDeniedException" {
		t.Errorf("who may not read: %v", err)
	}
	_, err = w.client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: new(name)})
	w.must(err)
	if _, err := w.store.ReadCurrent(t.Context(), name); !errors.Is(err, store.ErrDeleted) {
		t.Errorf("a secret in the bin: %v", err)
	}
}
