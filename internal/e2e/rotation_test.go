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
	s := openConverged(t, strings.Replace(service, "every: 30d", "every: 4h", 1))
	first, _ := s.currentVersion("session")
	s.Advance(4*time.Hour - 6*time.Minute) // the sweep at 9:05 was the first pass
	if now, _ := s.currentVersion("session"); now != first {
		t.Error("it was rotated before its time")
	}
	s.Advance(2 * time.Minute)
	s.watchConverged()
	now, values := s.currentVersion("session")
	if now == first || !s.runsOnly("api", "SESSION_KEY", secret.Reveal(values["SESSION_KEY"])) {
		t.Error("the service does not run the rotated value")
	}
	s.wantRetired("session", first)
	s.finishScenario()
}

func TestAPlainRotateSecretCallIsCarriedToEveryConsumerAndTheOldValueRetired(t *testing.T) {
	t.Parallel()
	s := openConverged(t, sinks)
	first, _ := s.currentVersion("session")
	s.Vercel.Push("dashboard", strings.Repeat("5e1c", 10))
	s.Advance(2 * time.Minute)
	s.rotateSource("session")
	s.finishScenario()
	now, values := s.currentVersion("session")
	value := secret.Reveal(values["SESSION_KEY"])
	if _, live := s.Vercel.Live("dashboard"); now == first || !s.runsOnly("api", "SESSION_KEY", value) || live["SESSION_KEY"] != value {
		t.Error("a consumer does not run the rotated value")
	}
	s.wantRetired("session", first)
}

func TestASymmetricSecretMovesWithoutAnybodyBeingRefused(t *testing.T) {
	t.Parallel()
	s := openConverged(t, symmetric)
	first, before := s.currentVersion("handshake")
	s.rotateSource("handshake")
	s.finishScenario()
	_, now := s.currentVersion("handshake")
	if now["HANDSHAKE"].Equal(before["HANDSHAKE"]) || !now["HANDSHAKE"].Equal(now["HANDSHAKE_ALSO"]) {
		t.Error("the rotation did not end with one new value in both keys")
	}
	s.wantRetired("handshake", first)
}

func TestASecondRotationIsRefusedWhileAnOlderVersionIsOwed(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	s.rotateSource("session")
	now, _ := s.currentVersion("session")
	before := s.readHistory(s.declaredSource("session").Secret)
	if len(before.Owed()) != 1 {
		t.Fatalf("%d versions are owed after the first rotation, expected 1", len(before.Owed()))
	}
	s.rotateSource("session")
	after := s.readHistory(s.declaredSource("session").Secret)
	if v, pending := after.Labelled(history.AWSPending); pending {
		t.Errorf("version %s is still pending", history.Short(v.ID))
	}
	if is, _ := s.currentVersion("session"); is != now || len(after.Owed()) != 1 {
		t.Error("the refused rotation changed the source")
	}
	if !strings.Contains(string(s.ownRegion().Lambda.Output()), "rotation of session refused") {
		t.Error("nobody was told of the refusal")
	}
	s.finishScenario()
	s.rotateSource("session")
	if is, _ := s.currentVersion("session"); is == now {
		t.Error("the source does not rotate after the retirement")
	}
	s.finishScenario()
}

// wantRetired fails the test unless a version of a source is retired: no label of rotary's is left on it.
func (s *scene) wantRetired(source, version string) {
	s.t.Helper()
	v, _ := s.readHistory(s.declaredSource(source).Secret).Version(version)
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
	s := openConverged(t, string(whole))
	s.Vercel.Push("dashboard", commit)
	s.Advance(2 * time.Minute)
	s.rotateSource("handshake")
	value := s.putFresh("vendors", "VENDOR_A_API_KEY")
	s.revokeByHand("vendors", 1)
	s.finishScenario()
	_, live := s.Vercel.Live("dashboard")
	if !s.runsOnly("api", "VENDOR_A_API_KEY", value) || !s.runsOnly("worker-a", "SHARED__INTEGRATIONS__VENDOR_A_API_KEY", value) || live["VENDOR_A_API_KEY"] != value {
		t.Error("a consumer does not run the vendor's new key")
	}
	_, now := s.currentVersion("handshake")
	key := now["MY_APP__AUTH_SERVICE__HANDSHAKE_KEY"]
	if !key.Equal(now["MY_APP__AUTH_SERVICE__HANDSHAKE_KEY_ALSO"]) || !s.runsOnly("worker-b", "SHARED__BACKEND_API_CLIENT__HANDSHAKE_KEY", secret.Reveal(key)) || live["API_HANDSHAKE_KEY"] != secret.Reveal(key) {
		t.Error("a consumer does not run the new handshake")
	}
}
