package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/operate"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/store"
)

const nightlyRole = "arn:aws:iam::222222222222:role/nightly-export"

// readAs reads a source in the name of a role that no manifest has.
func (s *scene) readAs(role, source string) {
	s.t.Helper()
	cfg := s.Config(s.Env.Account, s.Env.Region)
	cfg.Credentials = credentials.NewStaticCredentialsProvider(s.Env.Account, "secret", role)
	secret := s.declaredSource(source).Secret
	if _, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(s.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &secret}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) dismiss(span time.Duration) {
	s.t.Helper()
	o := operate.Operator{Environment: s.Env, Secrets: store.New(secretsmanager.NewFromConfig(s.Config(s.Env.Account, s.Env.Region)))}
	if _, err := o.Dismiss(context.Background(), nightlyRole, span, "arn:aws:iam::222222222222:user/ann"); err != nil {
		s.t.Fatal(err)
	}
}

func namesStranger(r plan.Report) bool {
	return slices.ContainsFunc(r.Alarms, func(a plan.Alarm) bool {
		return a.Name == plan.StrangerReads && a.Subject == "session" && strings.Contains(a.Detail, nightlyRole)
	})
}

// With readers: report, whoever reads a secret and is in no manifest is named by the genuine Lambdas within two hours,
// stops nothing, and is forgotten a week later; consumers and rotary's own functions are nobody's strangers.
func TestAStrangerInTheTrailIsNamed(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	first, _ := s.currentVersion("session")
	s.readAs(nightlyRole, "session")
	s.rotateSource("session")
	s.Advance(2 * time.Hour)
	r := s.readReport()
	if !namesStranger(r) {
		t.Errorf("nobody is told:\n%s", describeReport(r))
	}
	if len(r.Readers) != 1 || r.Readers[0].Who != nightlyRole {
		t.Errorf("strangers are %+v", r.Readers)
	}
	s.wantRetired("session", first)
	s.dismiss(time.Hour)
	if r := s.readReport(); namesStranger(r) || len(r.Readers) != 1 || r.Readers[0].Dismissed.IsZero() {
		t.Errorf("it is dismissed: readers %+v, alarms %+v", r.Readers, r.Alarms)
	}
	s.Advance(2 * time.Hour)
	if r := s.readReport(); !namesStranger(r) {
		t.Errorf("its dismissal is over: alarms %+v", r.Alarms)
	}
	s.advanceSlowly(24 * time.Hour)
	if r := s.readReport(); namesStranger(r) {
		t.Errorf("a day after its last read: alarms %+v", r.Alarms)
	}
	s.advanceSlowly(8 * 24 * time.Hour)
	if r := s.readReport(); len(r.Readers) > 0 {
		t.Errorf("a week later it is remembered: %+v", r.Readers)
	}
	for _, c := range s.Tap.Calls() {
		if c.Service == "cloudtrail" && c.Caller != s.Env.PropagateFunction() {
			t.Errorf("%s looked at the trail", c.Caller)
		}
	}
}

// With readers: veto, what a stranger has read is not retired until it is dismissed, and nothing is before the trail was
// read as far as somebody could have read it.
func TestAStrangerInTheTrailVetoes(t *testing.T) {
	t.Parallel()
	s := openConverged(t, strings.Replace(service, "region: us-east-1", "region: us-east-1, readers: veto", 1))
	first, _ := s.currentVersion("session")
	heal := s.failCalls(sim.Denied, func(c sim.Call) bool { return c.Operation == "LookupEvents" })
	s.rotateSource("session")
	s.Advance(2 * time.Hour)
	owed := owedReports(s.readReport(), "session")
	if len(owed) != 1 || owed[0].Version != first || !slices.ContainsFunc(owed[0].Blocked, func(w plan.Wait) bool { return w.Reason == plan.Trail }) {
		t.Fatalf("while nobody may look at the trail:\n%s", describeReport(s.readReport()))
	}
	heal()
	s.Advance(time.Hour)
	s.wantRetired("session", first)

	second, _ := s.currentVersion("session")
	s.readAs(nightlyRole, "session")
	s.rotateSource("session")
	s.Advance(3 * time.Hour)
	owed = owedReports(s.readReport(), "session")
	if len(owed) != 1 || owed[0].Version != second || !slices.Contains(owed[0].HeldBy, nightlyRole) || !namesStranger(s.readReport()) {
		t.Fatalf("a stranger has read it:\n%s", describeReport(s.readReport()))
	}
	s.dismiss(6 * time.Hour)
	s.Advance(time.Hour)
	s.wantRetired("session", second)
}
