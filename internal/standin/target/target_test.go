package target_test

import (
	"testing"

	"github.com/rotary-secrets/rotary/internal/standin/target"
)

func TestExplicit(t *testing.T) {
	targets := target.New(nil)
	if targets.Accepts("db", "a") {
		t.Error("a target that nobody told about accepted something")
	}
	targets.Accept("db", "a")
	targets.Accept("db", "b")
	if !targets.Accepts("db", "a") || targets.Accepts("vendor", "a") || targets.Accepts("db", "") {
		t.Error("a target accepts exactly what it was told to")
	}
	targets.Revoke("db", "a")
	if targets.Accepts("db", "a") || !targets.Accepts("db", "b") || targets.Live("db") != 1 {
		t.Error("a revoked credential is refused, the other one is not")
	}
	if targets.WouldAccept("db", "a") || !targets.WouldAccept("db", "b") {
		t.Error("what it would accept differs from what it accepts")
	}
	if got := targets.Refusals("db"); got != 3 {
		t.Errorf("refusals: %d, want 3", got)
	}
}

func TestSymmetric(t *testing.T) {
	var verifiers []func(string) bool
	targets := target.New(func(string) []func(string) bool { return verifiers }, "handshake")
	accepts := func(good ...string) func(string) bool {
		return func(c string) bool {
			for _, g := range good {
				if g == c {
					return true
				}
			}
			return false
		}
	}
	if !targets.Accepts("handshake", "x") {
		t.Error("nobody verifies, and yet somebody refused")
	}
	verifiers = append(verifiers, accepts("x"), accepts("x", "y"))
	if !targets.Accepts("handshake", "x") || targets.Accepts("handshake", "y") {
		t.Error("a credential is good only if every verifier accepts it")
	}
}

func TestATargetThatIsSomebodyElsesAcceptsWhatTheySay(t *testing.T) {
	targets := target.New(func(string) []func(string) bool { return nil })
	shown := 0
	targets.Ask("iam", func(credential string, presented bool) bool {
		if presented {
			shown++
		}
		return credential == "good"
	})
	targets.Accept("iam", "put")
	if targets.WouldAccept("iam", "put") || !targets.WouldAccept("iam", "good") || shown > 0 {
		t.Error("it accepts what nobody asked said, or to ask is to present")
	}
	if !targets.Accepts("iam", "good") || targets.Accepts("iam", "bad") || targets.Accepts("iam", "") || shown != 2 || targets.Refusals("iam") != 2 {
		t.Errorf("shown %d times, refused %d times", shown, targets.Refusals("iam"))
	}
}
