package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestAScheduledRotationIsCarriedToEveryConsumerAndTheOldValueRetired(t *testing.T) {
	t.Parallel()
	s := open(t, strings.Replace(service, "every: 30d", "every: 4h", 1))
	first, _ := s.current("session")
	s.Advance(4*time.Hour - 6*time.Minute) // the sweep at 9:05 was the first pass
	if now, _ := s.current("session"); now != first {
		t.Error("it was rotated before its time")
	}
	s.Advance(2 * time.Minute)
	s.converge()
	now, values := s.current("session")
	if now == first || !s.runs("api", "SESSION_KEY", secret.Reveal(values["SESSION_KEY"])) {
		t.Error("the service does not run the rotated value")
	}
	s.retired("session", first)
	s.finish()
}

func TestAPlainRotateSecretCallIsCarriedToEveryConsumerAndTheOldValueRetired(t *testing.T) {
	t.Parallel()
	s := open(t, sinks)
	first, _ := s.current("session")
	s.Vercel.Push("dashboard", strings.Repeat("5e1c", 10))
	s.Advance(2 * time.Minute)
	s.rotate("session")
	s.finish()
	now, values := s.current("session")
	value := secret.Reveal(values["SESSION_KEY"])
	if _, live := s.Vercel.Live("dashboard"); now == first || !s.runs("api", "SESSION_KEY", value) || live["SESSION_KEY"] != value {
		t.Error("a consumer does not run the rotated value")
	}
	s.retired("session", first)
}

func TestASymmetricSecretMovesWithoutAnybodyBeingRefused(t *testing.T) {
	t.Parallel()
	s := open(t, symmetric)
	first, before := s.current("handshake")
	s.rotate("handshake")
	s.finish()
	_, now := s.current("handshake")
	if now["HANDSHAKE"].Equal(before["HANDSHAKE"]) || !now["HANDSHAKE"].Equal(now["HANDSHAKE_ALSO"]) {
		t.Error("the rotation did not end with one new value in both keys")
	}
	s.retired("handshake", first)
}

func TestASecondRotationIsRefusedWhileAnOlderVersionIsOwed(t *testing.T) {
	t.Parallel()
	s := open(t, service)
	s.rotate("session")
	now, _ := s.current("session")
	before := s.labels(s.source("session").Secret)
	if len(before.Owed()) != 1 {
		t.Fatalf("%d versions are owed after the first rotation, expected 1", len(before.Owed()))
	}
	s.rotate("session")
	after := s.labels(s.source("session").Secret)
	if v, pending := after.Labelled(history.AWSPending); pending {
		t.Errorf("version %s is still pending", history.Short(v.ID))
	}
	if is, _ := s.current("session"); is != now || len(after.Owed()) != 1 {
		t.Error("the refused rotation changed the source")
	}
	if !strings.Contains(string(s.region().Lambda.Output()), "rotation of session refused") {
		t.Error("nobody was told of the refusal")
	}
	s.finish()
	s.rotate("session")
	if is, _ := s.current("session"); is == now {
		t.Error("the source does not rotate after the retirement")
	}
	s.finish()
}

// retired makes sure that a version of a source is dead: no label of rotary's is left on it.
func (s *scene) retired(source, version string) {
	s.t.Helper()
	v, _ := s.labels(s.source(source).Secret).Version(version)
	for _, label := range v.Labels {
		if label != history.AWSPrevious && label != history.Seen {
			s.t.Errorf("version %s of %s still carries %s", history.Short(version), source, label)
		}
	}
}

// The manifest in this repository is the article's whole environment.
func TestTheArticlesEnvironmentFollowsARotationAndAPut(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("../../rotary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, string(whole))
	s.Vercel.Push("dashboard", commit)
	s.Advance(2 * time.Minute)
	s.rotate("handshake")
	value := s.put("vendors", "VENDOR_A_API_KEY")
	s.revoke("vendors", 1)
	s.finish()
	_, live := s.Vercel.Live("dashboard")
	if !s.runs("api", "VENDOR_A_API_KEY", value) || !s.runs("worker-a", "SHARED__INTEGRATIONS__VENDOR_A_API_KEY", value) || live["VENDOR_A_API_KEY"] != value {
		t.Error("a consumer does not run the vendor's new key")
	}
	_, now := s.current("handshake")
	key := now["MY_APP__AUTH_SERVICE__HANDSHAKE_KEY"]
	if !key.Equal(now["MY_APP__AUTH_SERVICE__HANDSHAKE_KEY_ALSO"]) || !s.runs("worker-b", "SHARED__BACKEND_API_CLIENT__HANDSHAKE_KEY", secret.Reveal(key)) || live["API_HANDSHAKE_KEY"] != secret.Reveal(key) {
		t.Error("a consumer does not run the new handshake")
	}
}
