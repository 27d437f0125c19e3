package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/bus"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestAPlainPutIsCarriedToEveryConsumerAndTheOldValueStaysOwedUntilAPersonRevokedIt(t *testing.T) {
	t.Parallel()
	s := openConverged(t, sinks)
	value := s.putFresh("vendor", "VENDOR_KEY")
	s.watchUntil(time.Hour, "the old value is safe to revoke", waitsByHand("vendor", 1))
	s.Advance(2 * time.Hour)
	if r := s.readReport(); r.Converged || !waitsByHand("vendor", 1)(r) {
		t.Errorf("the owed version is forgotten:\n%s", describeReport(r))
	}
	if ci, _, _ := s.GitHub.Secret("example/app", "production", "CI_VENDOR_KEY"); !s.runsOnly("api", "VENDOR_KEY", value) || ci != value {
		t.Error("a consumer does not have the new value")
	}
	s.revokeByHand("vendor", 1)
	s.finishScenario()
}

// delivery decides when the events of sources arrive; everything else arrives once and at once.
type delivery func(nth int) []bus.Delivery

func TestHoweverAnEventArrivesTheEndIsTheSame(t *testing.T) {
	t.Parallel()
	at := func(delays ...time.Duration) []bus.Delivery {
		ds := []bus.Delivery{}
		for _, d := range delays {
			ds = append(ds, bus.Delivery{Delay: d})
		}
		return ds
	}
	for _, tt := range []struct {
		name     string
		arrives  delivery
		puts     int
		followed time.Duration // until the bucket is written
	}{
		{"once", func(int) []bus.Delivery { return at(0) }, 1, 2 * time.Second},
		{"twice at once", func(int) []bus.Delivery { return at(0, 0) }, 1, 2 * time.Second},
		{"again after the queue has forgotten it", func(int) []bus.Delivery { return at(0, 6*time.Minute, 50*time.Minute) }, 1, 2 * time.Second},
		{"not at all", func(int) []bus.Delivery { return at() }, 1, 5*time.Minute + 2*time.Second},
		{"six hours late", func(int) []bus.Delivery { return at(6 * time.Hour) }, 1, 5*time.Minute + 2*time.Second},
		{"in reverse order", func(n int) []bus.Delivery { return at(time.Duration(3-n) * time.Minute) }, 2, 5*time.Minute + 2*time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := openConverged(t, service)
			n := 0
			s.deliver = func(event []byte) []bus.Delivery {
				if !strings.Contains(string(event), "Secret Label Updated") {
					return at(0)
				}
				n++
				return tt.arrives(n)
			}
			first, _ := s.currentVersion("session")
			var value string
			for range tt.puts {
				value = s.putFresh("session", "SESSION_KEY")
			}
			start := s.Clock.Now()
			written := isOperation("secretsmanager", "PutSecretValue")
			bucketWrites := func() int {
				return len(s.selectCalls(func(c sim.Call) bool { return written(c) && c.Caller == s.Env.PropagateFunction() }))
			}
			before := bucketWrites()
			s.Until(time.Hour, func() bool { return bucketWrites() > before })
			if took := s.Clock.Now().Sub(start); took > tt.followed {
				t.Errorf("it took %v until the bucket followed, expected %v", took, tt.followed)
			}
			s.watchConverged()
			s.Advance(6 * time.Hour)
			s.finishScenario()
			if n == 0 {
				t.Error("the source made no event")
			}
			if got := bucketWrites() - before; got != 1 {
				t.Errorf("the bucket was written %d times", got)
			}
			if !s.runsOnly("api", "SESSION_KEY", value) {
				t.Error("the service does not run the last value")
			}
			s.wantRetired("session", first)
		})
	}
}

func TestQuickPutsAreAllKnownAndAllRetired(t *testing.T) {
	t.Parallel()
	for _, puts := range []int{2, 3} {
		t.Run(fmt.Sprint(puts, " of a source with a rotator"), func(t *testing.T) {
			t.Parallel()
			s := openConverged(t, service)
			versions := []string{}
			for range puts {
				v, _ := s.currentVersion("session")
				versions = append(versions, v)
				s.putFresh("session", "SESSION_KEY")
			}
			s.watchUntil(10*time.Minute, "every older version is known as owed", func(r plan.Report) bool { return len(owedReports(r, "session")) == puts })
			s.finishScenario()
			for _, v := range versions {
				s.wantRetired("session", v)
			}
		})
		t.Run(fmt.Sprint(puts, " of a source that a person rotates"), func(t *testing.T) {
			t.Parallel()
			s := openConverged(t, service)
			value := ""
			for range puts {
				value = s.putFresh("vendor", "VENDOR_KEY")
			}
			s.revokeByHand("vendor", puts)
			s.finishScenario()
			if live := s.Targets.Live(stage.Target(s.Env, "VENDOR_KEY")); live != 1 || !s.runsOnly("api", "VENDOR_KEY", value) {
				t.Errorf("the vendor accepts %d keys in the end, expected the last one alone", live)
			}
		})
	}
}

func TestAValueThatComesBackIsNotRevoked(t *testing.T) {
	t.Parallel()
	t.Run("put again", func(t *testing.T) {
		t.Parallel()
		s := openConverged(t, service)
		a := s.Values["vendor"]["VENDOR_KEY"]
		b := s.putFresh("vendor", "VENDOR_KEY")
		s.watchUntil(time.Hour, "everybody runs B", waitsByHand("vendor", 1))
		first := owedReports(s.readReport(), "vendor")[0].Version
		second, _ := s.currentVersion("vendor")
		s.putValue("vendor", "VENDOR_KEY", a)
		r := s.watchUntil(time.Hour, "everybody is back on A", func(r plan.Report) bool {
			return s.runsOnly("api", "VENDOR_KEY", a) && waitsByHand("vendor", 1)(r)
		})
		if owed := owedReports(r, "vendor"); owed[0].Version != second || !strings.Contains(owed[0].Blocked[0].Detail, "VENDOR_KEY") {
			t.Errorf("a person is told to revoke %+v, expected the key of B alone", owed)
		}
		s.wantRetired("vendor", first) // its value is current again
		s.revokeByHand("vendor", 1)
		s.finishScenario()
		if !s.runsOnly("api", "VENDOR_KEY", a) || s.Targets.Accepts(stage.Target(s.Env, "VENDOR_KEY"), b) {
			t.Error("the end is not A alone")
		}
	})
	t.Run("the label moved back", func(t *testing.T) {
		t.Parallel()
		s := openConverged(t, service)
		a, _ := s.currentVersion("vendor")
		value := s.Values["vendor"]["VENDOR_KEY"]
		s.putFresh("vendor", "VENDOR_KEY")
		s.watchUntil(time.Hour, "everybody runs B", waitsByHand("vendor", 1))
		b, _ := s.currentVersion("vendor")
		_, err := s.Secrets().UpdateSecretVersionStage(t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: aws.String(s.declaredSource("vendor").Secret), VersionStage: aws.String(history.AWSCurrent), MoveToVersionId: &a, RemoveFromVersionId: &b,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.watchUntil(time.Hour, "everybody is back on A", waitsByHand("vendor", 1))
		s.revokeByHand("vendor", 1)
		s.finishScenario()
		if !s.runsOnly("api", "VENDOR_KEY", value) {
			t.Error("the service does not run A")
		}
		s.wantRetired("vendor", b)
	})
	t.Run("back before anybody looked", func(t *testing.T) {
		t.Parallel()
		s := openConverged(t, service)
		a := s.Values["session"]["SESSION_KEY"]
		s.putFresh("session", "SESSION_KEY")
		s.putValue("session", "SESSION_KEY", a)
		before := len(s.selectCalls(isOperation("ecs", "UpdateService")))
		s.finishScenario()
		if got := len(s.selectCalls(isOperation("ecs", "UpdateService"))) - before; got != 0 || !s.runsOnly("api", "SESSION_KEY", a) {
			t.Errorf("the service was rolled %d times for a value that it already had", got)
		}
	})
}

func TestMessagesThatDoNotBelongHereAreAcknowledgedAndAlarmedAndChangeNothing(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	event := func(account, source, kind, detail string) string {
		return fmt.Sprintf(`{"version":"0","id":"b0500000-0000-4000-8000-000000000099","detail-type":%q,"source":%q,"account":%q,"time":"2026-01-01T09:00:00Z","region":"us-east-1","resources":[],"detail":%s}`, kind, source, account, detail)
	}
	value := s.Values["vendor"]["VENDOR_KEY"]
	messages := []string{
		`hello`, `null`, `[]`, `{}`, `{"rotary":7}`,
		`{"rotary":"sweep","environment":"dev","execution":"1"}`,
		`{"rotary":"sweep","environment":"","execution":"1"}`,
		`{"rotary":"retire","environment":"production","execution":"1"}`,
		`{"rotary":"sweep","environment":"production","execution":"1","advance":{"source":"vendor"}}`,
		`{"dryRun":true,"environment":"production"}`,
		`{"detail-type":1}`,
		event("111111111111", "aws.secretsmanager", "Secret Label Updated", `{"name":"source/production/vendor","labelUpdated":"AWSCURRENT"}`),
		event("222222222222", "aws.secretsmanager", "Secret Label Updated", `{"name":"source/dev/vendor","labelUpdated":"AWSCURRENT"}`),
		event("222222222222", "aws.secretsmanager", "Secret Label Updated", `{}`),
		event("222222222222", "somebody", "Secret Label Updated", `{"name":"source/production/vendor","labelUpdated":"AWSCURRENT"}`),
		event("222222222222", "aws.s3", "Object Created", `{"value":"`+value+`"}`),
		`{"value":"` + value + `"}`,
		`{"` + value + `":1}`,
	}
	before, passes := len(s.listWrites()), s.countPasses()
	for _, m := range messages {
		s.sendMessage(m)
		s.Advance(time.Second)
	}
	if left := s.ownRegion().Bus.Queue(s.Env.Queue()).Messages; len(left) > 0 {
		t.Errorf("%d messages are still in the queue", len(left))
	}
	if got := s.countAlarms("event-refused"); got != len(messages) {
		t.Errorf("%d alarms for %d messages", got, len(messages))
	}
	if s.countPasses() != passes || len(s.listWrites()) != before {
		t.Error("a message that was refused led to a pass")
	}
	s.sendMessage(event("222222222222", "aws.secretsmanager", "Secret Label Updated", `{"name":"source/production/vendor","labelUpdated":"AWSCURRENT"}`))
	s.Advance(time.Second)
	if s.countPasses() != passes+1 || len(s.listWrites()) != before {
		t.Error("a forged event that looks genuine should lead to one pass that changes nothing")
	}
	s.putFresh("session", "SESSION_KEY")
	s.sendMessage(`hello again`)
	s.finishScenario()
}

func TestTheLambdasRefuseWhatIsAboutAnotherEnvironment(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	before := len(s.listWrites())
	for function, payloads := range map[string][]string{
		s.Env.PropagateFunction(): {`{"dryRun":true}`, `{"dryRun":true,"environment":"dev"}`, `{"Records":[]}`, `{"environment":"production"}`, `"` + s.Values["vendor"]["VENDOR_KEY"] + `"`},
		s.Env.RotateFunction(s.declaredSource("session")): {
			`{"Step":"createSecret","SecretId":"source/dev/session","ClientRequestToken":"0123456789012345678901234567890123"}`,
			`{"Step":"createSecret","SecretId":"arn:aws:secretsmanager:us-east-1:111111111111:secret:source/dev/session-AbCdEf","ClientRequestToken":"0123456789012345678901234567890123"}`,
			`{"Step":"finishSecret","SecretId":"api-secrets-production","ClientRequestToken":"0123456789012345678901234567890123"}`,
			`{"advance":{"source":"session","version":"` + s.Values["vendor"]["VENDOR_KEY"] + `","current":"c"},"Step":"createSecret"}`,
			`{}`,
		},
		s.Env.RotateFunction(s.declaredSource("session")) + ":" + manifest.AdvanceAlias:  {`{"advance":{"source":"nobody","version":"v","current":"c"}}`},
		s.Env.RotateFunction(s.declaredSource("session")) + ":" + manifest.RollbackAlias: {`{"rollback":{"source":"nobody","version":"v","from":"c"}}`},
	} {
		for _, payload := range payloads {
			result, err := s.ownRegion().Lambda.Invoke(t.Context(), function, []byte(payload))
			if err != nil {
				t.Fatal(err)
			}
			if result.ErrorType != "Unreadable" {
				t.Errorf("%s answered %q to a payload of %d bytes, expected Unreadable", function, result.ErrorType, len(payload))
			}
			s.searchCanaries(place{"an answer", result.Payload})
		}
	}
	if len(s.listWrites()) != before {
		t.Error("something was changed")
	}
	s.finishScenario()
}

func TestAnEnvironmentNeverTouchesAnother(t *testing.T) {
	t.Parallel()
	s := openScene(t, twins)
	dev := s.openBeside("dev")
	s.watchConverged()
	s.Until(time.Hour, func() bool { r, err := dev.Look(t.Context()); return err == nil && r.Converged })
	_, devKey, _ := s.GitHub.Secret("example/app", "dev", "CI_VENDOR_KEY")
	before, start := len(s.listWrites()), s.Clock.Now()
	s.putFresh("vendor", "VENDOR_KEY")
	s.rotateSource("session")
	s.revokeByHand("vendor", 1)
	s.finishScenario()
	for _, c := range s.listWrites()[before:] {
		if c.Account == dev.Env.Account || c.Service == "github" && strings.Contains(c.Resource, "/dev/") {
			t.Errorf("dev was changed: %s %s %s by %q", c.Service, c.Operation, c.Resource, c.Caller)
		}
	}
	if _, is, _ := s.GitHub.Secret("example/app", "dev", "CI_VENDOR_KEY"); !is.Equal(devKey) || !start.After(is) {
		t.Error("dev's GitHub secret was written")
	}
	ours := slices.ContainsFunc(s.listWrites()[before:], func(c sim.Call) bool { return c.Account == s.Env.Account })
	if _, values := s.currentVersion("vendor"); !ours || !s.runsOnly("api", "VENDOR_KEY", secret.Reveal(values["VENDOR_KEY"])) {
		t.Error("production was not changed either")
	}
}
