package main

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// TestNoRotationStartsWhilePaused: whoever has asked Secrets Manager for a rotation is refused, and what is current stays.
func TestNoRotationStartsWhilePaused(t *testing.T) {
	w := newWorld(t)
	before := w.labels()
	now := w.Clock.Now()
	key, value := plan.FormatPause(plan.Pause{Since: now, Until: now.Add(time.Hour)})
	must(t, w.store.Tag(t.Context(), handshake, map[string]string{key: value}))
	w.begin()
	w.Advance(time.Minute)
	if diff := cmp.Diff(before, w.labels()); diff != "" {
		t.Errorf("labels (-before +after):\n%s", diff)
	}
	w.Advance(time.Hour)
	const next = "33333333-0000-4000-8000-000000000003"
	_, err := w.client.RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: aws.String(handshake), ClientRequestToken: aws.String(next)})
	must(t, err)
	w.Advance(time.Minute)
	if got := w.labels()[next]; len(got) == 0 || got[0] != "AWSCURRENT" {
		t.Errorf("after the pause: %v", w.labels())
	}
}
