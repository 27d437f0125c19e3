package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// commit is the head of the dashboard's branch.
const commit = "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689"

// openLive opens the manifest with every kind of sink, and a dashboard that is deployed.
func openLive(t *testing.T) *scene {
	t.Helper()
	s := openConverged(t, sinks)
	s.Vercel.Push("dashboard", commit)
	s.Advance(2 * time.Minute)
	s.watchConverged()
	return s
}

func TestARotatedVercelTokenIsUsedByTheNextPassAndTheOldOneCanGo(t *testing.T) {
	t.Parallel()
	s := openLive(t)
	old, fresh := s.Values["platform"]["VERCEL_TOKEN"], stage.Canary("VERCEL_TOKEN")
	s.Vercel.AddToken(fresh, "")
	s.putValue("platform", "VERCEL_TOKEN", fresh)
	s.revokeByHand("platform", 1)
	s.Vercel.RevokeToken(old)
	value := s.putFresh("vendor", "VENDOR_KEY")
	s.revokeByHand("vendor", 1)
	s.finishScenario()
	if _, live := s.Vercel.Live("dashboard"); live["VENDOR_KEY"] != value {
		t.Error("the dashboard does not have the new value")
	}
}

func TestARotatedGitHubTokenIsUsedByTheNextPassAndTheOldOneCanGo(t *testing.T) {
	t.Parallel()
	s := openConverged(t, sinks)
	old, fresh := s.Values["platform"]["GH_TOKEN"], stage.Canary("GH_TOKEN")
	s.GitHub.AddToken(fresh, "example/app")
	s.putValue("platform", "GH_TOKEN", fresh)
	s.revokeByHand("platform", 1)
	s.GitHub.RevokeToken(old)
	value := s.putFresh("vendor", "VENDOR_KEY")
	s.revokeByHand("vendor", 1)
	s.finishScenario()
	if ci, _, _ := s.GitHub.Secret("example/app", "production", "CI_VENDOR_KEY"); ci != value {
		t.Error("GitHub does not have the new value")
	}
}

func TestARotatedGitHubAppKeyIsUsedByTheNextPass(t *testing.T) {
	t.Parallel()
	m := strings.NewReplacer("keys: [GH_TOKEN, VERCEL_TOKEN]", "keys: [GH_KEY, GH_APP, VERCEL_TOKEN]", "token: GH_TOKEN", "private_key: GH_KEY, app_id: GH_APP").Replace(sinks)
	s := openConverged(t, m)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s.GitHub.AddApp(4711, &key.PublicKey, "example/app") // and the App's first key is deleted
	s.putValue("platform", "GH_KEY", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
	s.revokeByHand("platform", 1)
	value := s.putFresh("vendor", "VENDOR_KEY")
	s.revokeByHand("vendor", 1)
	s.finishScenario()
	if ci, _, _ := s.GitHub.Secret("example/app", "production", "CI_VENDOR_KEY"); ci != value {
		t.Error("GitHub does not have the new value")
	}
}

func TestAForeignGitHubSecretIsRefusedWithNothingWrittenThereUntilItIsAdopted(t *testing.T) {
	t.Parallel()
	s := openScene(t, sinks)
	s.extra["somebody's secret"] = stage.Canary("FOREIGN")
	s.GitHub.SetSecretByHand("example/app", "production", "CI_VENDOR_KEY", s.extra["somebody's secret"])
	s.Advance(time.Hour)
	if held, _, _ := s.GitHub.Secret("example/app", "production", "CI_VENDOR_KEY"); held != s.extra["somebody's secret"] {
		t.Error("somebody's secret was overwritten")
	}
	if got := s.selectCalls(func(c sim.Call) bool { return c.Service == "github" && c.Write }); len(got) > 0 {
		t.Errorf("%d writes at GitHub, expected none", len(got))
	}
	if s.countAlarms("pass-incomplete") == 0 || !strings.Contains(string(s.ownRegion().Lambda.Output()), "CI_VENDOR_KEY") {
		t.Error("nobody was told which secret stands in the way")
	}
	if !s.runsOnly("api", "VENDOR_KEY", s.Values["vendor"]["VENDOR_KEY"]) {
		t.Error("the other consumers did not follow")
	}
	if err := s.Redeploy(t.Context(), []byte(strings.Replace(sinks, "token: GH_TOKEN}", "token: GH_TOKEN}, adopt: [CI_VENDOR_KEY]", 1))); err != nil {
		t.Fatal(err)
	}
	s.watchUntil(time.Hour, "it waits for a person", waitsNotRolled("ci"))
	s.Advance(30 * time.Minute)
	if held, _, _ := s.GitHub.Secret("example/app", "production", "CI_VENDOR_KEY"); held != s.extra["somebody's secret"] {
		t.Error("what the manifest permits was done before a person asked")
	}
	s.adopt("ci")
	s.watchConverged()
	s.finishScenario()
	if held, _, _ := s.GitHub.Secret("example/app", "production", "CI_VENDOR_KEY"); held != s.Values["vendor"]["VENDOR_KEY"] {
		t.Error("the adopted secret was not written")
	}
}

func TestWhatIsChangedByHandAtASinkIsRepairedAndWhatIsNotRotarysIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := openLive(t)
	hand := func(name string) string {
		s.extra[name] = stage.Canary("BY_HAND")
		return s.extra[name]
	}
	s.Advance(10 * time.Minute)
	s.GitHub.SetSecretByHand("example/app", "production", "CI_VENDOR_KEY", hand("GitHub"))
	s.GitHub.DeleteSecretByHand("example/app", "production", "CI_VENDOR_ID")
	s.GitHub.SetSecretByHand("example/app", "production", "MINE", hand("GitHub, foreign"))
	s.Vercel.SetByHand("dashboard", "VENDOR_KEY", "production", hand("Vercel"))
	s.Vercel.SetByHand("dashboard", "MINE", "production", hand("Vercel, foreign"))
	told := ""
	for _, step := range s.readReport().Steps {
		told += step.Detail + "\n"
	}
	if !strings.Contains(told, "changed by hand: CI_VENDOR_ID, CI_VENDOR_KEY") || !strings.Contains(told, "changed by hand: VENDOR_KEY") {
		t.Errorf("the report does not name what was changed by hand:\n%s", told)
	}
	s.finishScenario()
	for name, want := range map[string]string{"CI_VENDOR_KEY": s.Values["vendor"]["VENDOR_KEY"], "CI_VENDOR_ID": s.Values["vendor"]["VENDOR_ID"], "MINE": s.extra["GitHub, foreign"]} {
		if held, _, _ := s.GitHub.Secret("example/app", "production", name); held != want {
			t.Errorf("GitHub's %s is not what it should be", name)
		}
	}
	for name, want := range map[string]string{"VENDOR_KEY": s.Values["vendor"]["VENDOR_KEY"], "MINE": s.extra["Vercel, foreign"]} {
		if s.dashboardVariable(name) != want {
			t.Errorf("Vercel's %s is not what it should be", name)
		}
	}
	if _, live := s.Vercel.Live("dashboard"); live["VENDOR_KEY"] != s.Values["vendor"]["VENDOR_KEY"] {
		t.Error("the dashboard runs a value that was put by hand")
	}
}

func TestAVariableDeletedByHandAtVercelIsWrittenAgain(t *testing.T) {
	t.Parallel()
	s := openLive(t)
	s.Vercel.DeleteByHand("dashboard", "VENDOR_KEY", "production")
	s.finishScenario()
	if s.dashboardVariable("VENDOR_KEY") != s.Values["vendor"]["VENDOR_KEY"] {
		t.Error("the variable is still missing")
	}
}

func TestADashboardThatCannotBeBuiltKeepsTheOldValueAlive(t *testing.T) {
	t.Parallel()
	s := openLive(t)
	old := s.Values["vendor"]["VENDOR_KEY"]
	s.Vercel.FailNextBuild("dashboard", "ERROR")
	s.putFresh("vendor", "VENDOR_KEY")
	s.watchUntil(time.Hour, "the failed build is shown", func(r plan.Report) bool {
		return slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == "dashboard" && w.Reason == plan.RolloutFailed })
	})
	s.Advance(2 * time.Hour)
	if _, live := s.Vercel.Live("dashboard"); live["VENDOR_KEY"] != old {
		t.Fatal("the dashboard does not run the old value")
	}
	if r := s.readReport(); waitsByHand("vendor", 1)(r) {
		t.Errorf("the old value is said to be safe to revoke:\n%s", describeReport(r))
	}
	s.Vercel.Push("dashboard", "0123456789abcdef0123456789abcdef01234567")
	s.revokeByHand("vendor", 1)
	s.finishScenario()
}

// countDeadLetters counts the messages in the dead-letter queue.
func (s *scene) countDeadLetters() int {
	return len(s.ownRegion().Bus.Queue("rotary-" + s.Env.Name + "-dead.fifo").Messages)
}

// dashboardVariable returns the value of a production variable of the dashboard.
func (s *scene) dashboardVariable(key string) string {
	for _, v := range s.Vercel.Variables("dashboard") {
		if v.Key == key && slices.Contains(v.Target, "production") {
			return v.Value
		}
	}
	return ""
}
