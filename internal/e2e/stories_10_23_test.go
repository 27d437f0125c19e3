package e2e

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/bus"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// A rotation stopped half-way, and the retry made another value, or reused a bad one for ever.
func TestStory10AHalfDoneRotationGoesOnWithTheSameValue(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	rotate := s.Env.RotateFunction(s.declaredSource("session"))
	heal := s.failCalls(sim.Denied, func(c sim.Call) bool { return c.Caller == rotate && c.Operation == "UpdateSecretVersionStage" })
	s.rotateSource("session")
	h := s.readHistory(s.declaredSource("session").Secret)
	pending, some := h.Labelled(history.AWSPending)
	if !some {
		t.Fatal("the scene is not set: no version is pending")
	}
	value := s.readValues(s.declaredSource("session"), pending.ID)["SESSION_KEY"]
	if r := s.readReport(); !slices.ContainsFunc(r.Sources, func(source plan.SourceReport) bool { return source.Pending == pending.ID }) {
		t.Error("the half-done rotation is not visible")
	}
	s.Advance(2 * time.Minute)
	heal()
	s.finishScenario()
	if now, values := s.currentVersion("session"); now != pending.ID || !values["SESSION_KEY"].Equal(value) {
		t.Error("the rotation did not end with the value that it began with")
	}
	if versions := len(s.readHistory(h.Secret).Versions); versions != len(h.Versions) {
		t.Errorf("there are %d versions, expected %d", versions, len(h.Versions))
	}
}

// AWSPENDING was not readable a second after it was written; the step failed, and the rotation was stuck.
func TestStory11APendingValueThatIsNotReadableAtOnceIsReadLater(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	rotate := s.Env.RotateFunction(s.declaredSource("session"))
	put, denied := false, 0
	var mu sync.Mutex
	s.Tap.OnCall(func(c sim.Call) sim.Fault {
		mu.Lock()
		defer mu.Unlock()
		put = put || c.Caller == rotate && c.Operation == "PutSecretValue"
		if put && c.Caller == rotate && c.Operation == "GetSecretValue" && denied < 2 {
			denied++
			return sim.Fault{Outcome: sim.Denied}
		}
		return sim.Fault{}
	})
	before, _ := s.currentVersion("session")
	s.rotateSource("session")
	s.finishScenario()
	if now, _ := s.currentVersion("session"); denied < 2 || now == before {
		t.Errorf("%d reads were refused; the rotation did not come to its end", denied)
	}
}

// A revocation failed, was forgotten, and the old key lived for years.
func TestStory13ARevocationThatFailsIsOwedUntilItIsDone(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	rotate := s.Env.RotateFunction(s.declaredSource("session"))
	first, _ := s.currentVersion("session")
	s.rotateSource("session")
	heal := s.failCalls(sim.Denied, func(c sim.Call) bool { return c.Caller == rotate && c.Operation == "UpdateSecretVersionStage" })
	s.Advance(4 * time.Hour)
	r := s.readReport()
	versions := owedReports(r, "session")
	if r.Converged || len(versions) != 1 || versions[0].Version != first || versions[0].Failed == nil {
		t.Fatalf("the owed version is forgotten:\n%s", describeReport(r))
	}
	// After 1, 5 and 15 minutes, then every hour: each try that fails is counted, and in the log.
	failed := *versions[0].Failed
	if n := s.countAlarms("pass-incomplete"); failed.Count < 6 || failed.Count > 8 || n != failed.Count {
		t.Errorf("it failed %d times in four hours, and %d alarms were logged", failed.Count, n)
	}
	if at := slices.IndexFunc(r.Alarms, func(a plan.Alarm) bool { return a.Name == plan.RetirementFailed }); at < 0 ||
		r.Alarms[at].Subject != "session" || !strings.Contains(r.Alarms[at].Detail, "AccessDeniedException") {
		t.Errorf("alarms %+v", r.Alarms)
	}
	s.buried = s.countDeadLetters()
	heal()
	s.finishScenario()
	s.wantRetired("session", first)
	if alarms := s.readReport().Alarms; len(alarms) > 0 {
		t.Errorf("it is retired, and alarms %+v", alarms)
	}
}

// Two writers, one JSON object: a rotation and an edit by hand overlapped, and one key silently got its old value back.
func TestStory14TwoWritersNeverBringAnOldValueBack(t *testing.T) {
	t.Parallel()
	t.Run("an edit of a bucket", func(t *testing.T) {
		t.Parallel()
		s := openConverged(t, service)
		s.extra["by hand"] = stage.Canary("BY_HAND")
		b, _ := s.Env.Bucket("api-secrets")
		value := s.putFresh("session", "SESSION_KEY")
		s.putText(b.Secret, `{"SESSION_KEY":"`+s.extra["by hand"]+`"}`)
		s.finishScenario()
		if !s.runsOnly("api", "SESSION_KEY", value) || !s.runsOnly("api", "VENDOR_KEY", s.Values["vendor"]["VENDOR_KEY"]) {
			t.Error("the service does not run what the sources say")
		}
	})
	t.Run("an edit of a source while it rotates", func(t *testing.T) {
		t.Parallel()
		s := openConverged(t, service)
		rotate := s.Env.RotateFunction(s.declaredSource("session"))
		finish := nthCall(1, func(c sim.Call) bool { return c.Caller == rotate && c.Operation == "UpdateSecretVersionStage" })
		value := ""
		s.Tap.OnCall(func(c sim.Call) sim.Fault {
			if finish(c) {
				value = s.putFresh("session", "SESSION_KEY") // right before the rotation makes its version current
			}
			return sim.Fault{}
		})
		s.rotateSource("session")
		s.finishScenario()
		if _, values := s.currentVersion("session"); value == "" || secret.Reveal(values["SESSION_KEY"]) != value || !s.runsOnly("api", "SESSION_KEY", value) {
			t.Error("the person's value did not win over the rotation that it overtook")
		}
		if n := len(s.readHistory(s.declaredSource("session").Secret).Owed()); n > 0 {
			t.Errorf("%d versions are still owed", n)
		}
	})
}

// The change Lambda heard its own write and looped: thousands of versions, endless deployments.
func TestStory15RotarysOwnWritesDoNotWakeIt(t *testing.T) {
	t.Parallel()
	s := openLive(t)
	calls := func(service, name string) int { return len(s.selectCalls(isOperation(service, name))) }
	puts, rolls, deploys := calls("secretsmanager", "PutSecretValue"), calls("ecs", "UpdateService"), calls("vercel", "POST /v13/deployments")
	s.rotateSource("session")
	s.finishScenario()
	if n := calls("secretsmanager", "PutSecretValue") - puts; n != 3 {
		t.Errorf("%d versions were put for one rotation that feeds two buckets, expected 3", n)
	}
	if n := calls("ecs", "UpdateService") - rolls; n != 1 {
		t.Errorf("the service was rolled %d times", n)
	}
	if n := calls("vercel", "POST /v13/deployments") - deploys; n != 1 {
		t.Errorf("the dashboard was deployed %d times", n)
	}
	woken := 0
	for _, e := range s.events {
		if strings.Contains(string(e), `"name":"api-secrets-production"`) || strings.Contains(string(e), `"name":"dashboard-secrets-production"`) {
			woken++
		}
	}
	passes := s.countPasses()
	s.Advance(time.Hour)
	if n := s.countPasses() - passes; woken > 0 || n != 12 {
		t.Errorf("%d events of buckets reached the queue; %d passes in a quiet hour, expected the 12 sweeps", woken, n)
	}
	s.sendMessage(`{"detail-type":"Secret Label Updated","source":"aws.secretsmanager","account":"222222222222","region":"us-east-1","detail":{"name":"api-secrets-production","labelUpdated":"AWSCURRENT"}}`)
	s.Advance(time.Second)
	if n := s.countPasses() - passes; n != 12 {
		t.Error("an event about a bucket led to a pass")
	}
}

// A server key was mapped to NEXT_PUBLIC_... and shipped to every browser.
func TestStory16AServerKeyInAPublicNameIsRefused(t *testing.T) {
	t.Parallel()
	shipped := strings.Replace(sinks, "VENDOR_KEY: VENDOR_KEY", "VENDOR_KEY: NEXT_PUBLIC_VENDOR_KEY", 1)
	if _, err := manifest.Parse("rotary.yaml", []byte(shipped)); err == nil || !strings.Contains(err.Error(), "NEXT_PUBLIC_VENDOR_KEY") {
		t.Errorf("the manifest is accepted, or the error does not name the name: %v", err)
	}
	s := openConverged(t, sinks)
	before := len(s.listWrites())
	if err := s.Redeploy(t.Context(), []byte(shipped)); err == nil {
		t.Error("it can be deployed")
	}
	if len(s.listWrites()) != before {
		t.Error("something was written")
	}
	s.finishScenario()
}

// A JSON object ended in logs; GitHub masks only the values it was given.
func TestStory17NoValueReachesALogWhateverFails(t *testing.T) {
	t.Parallel()
	s := openLive(t)
	awkward := stage.Canary("VENDOR_KEY") + "\"}\n%s 100% <&> \\"
	s.Vercel.RefuseKey("dashboard", "VENDOR_KEY", "VALUE_REFUSED") // Vercel echoes what it refuses
	s.sendMessage(`{"rotary":"sweep","environment":"` + s.Values["vendor"]["VENDOR_KEY"] + `"}`)
	s.putValue("vendor", "VENDOR_KEY", awkward)
	s.revokeByHand("vendor", 1)
	s.putText(s.declaredSource("vendor").Secret, `{"VENDOR_KEY":{"nested":"`+stage.Canary("NESTED")+`"},"VENDOR_ID":"`+s.Values["vendor"]["VENDOR_ID"]+`"}`)
	s.Advance(10 * time.Minute)
	s.putText(s.declaredSource("vendor").Secret, `{"VENDOR_KEY":"`+s.Values["vendor"]["VENDOR_ID"]+`" broken`)
	s.Advance(10 * time.Minute)
	s.putText(s.declaredSource("vendor").Secret, `{"`+s.Values["vendor"]["VENDOR_ID"]+`":"a value where its key should be"}`)
	s.Advance(10 * time.Minute)
	s.putFresh("vendor", "VENDOR_ID")
	s.revokeUntilSettled("vendor")
	s.buried = s.countDeadLetters()
	s.finishScenario()
	for _, name := range s.GitHub.Secrets("example/app", "production") {
		if held, _, _ := s.GitHub.Secret("example/app", "production", name); strings.HasPrefix(held, "{") {
			t.Errorf("GitHub's secret %s is an object, which GitHub cannot mask", name)
		}
	}
	if held, _, _ := s.GitHub.Secret("example/app", "production", "CI_VENDOR_KEY"); held != awkward {
		t.Error("GitHub does not have the awkward value")
	}
}

// The event never came: CloudTrail off, arn or aRN. No error, no propagation.
func TestStory19TheEventNeverComes(t *testing.T) {
	t.Parallel()
	s := openConverged(t, service)
	s.deliver = func(event []byte) []bus.Delivery {
		if strings.Contains(string(event), `"rotary":"sweep"`) {
			return []bus.Delivery{{}}
		}
		return nil
	}
	first, _ := s.currentVersion("session")
	value := s.putFresh("session", "SESSION_KEY")
	s.Advance(6 * time.Minute)
	if !s.runsOnly("api", "SESSION_KEY", value) {
		t.Error("six minutes later the service does not run the new value")
	}
	s.finishScenario()
	s.wantRetired("session", first)
}

// An encryption key was rotated like an API key, and stored data became unreadable.
func TestStory22AnEncryptionKeyIsNeverRotated(t *testing.T) {
	t.Parallel()
	s := openConverged(t, strings.Replace(service, "VENDOR_ID]}", "VENDOR_ID], rotate: never}", 1))
	before, values := s.currentVersion("vendor")
	writes := len(s.listWrites())
	_, err := s.Secrets().RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{SecretId: aws.String(s.declaredSource("vendor").Secret)})
	if err == nil {
		t.Error("Secrets Manager rotates a source that nobody made rotatable")
	}
	_, err = s.Secrets().RotateSecret(t.Context(), &secretsmanager.RotateSecretInput{ // somebody makes it rotatable
		SecretId: aws.String(s.declaredSource("vendor").Secret), RotationLambdaARN: aws.String(s.ownRegion().Lambda.ARN(s.Env.RotateFunction(s.declaredSource("vendor")))),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Advance(time.Hour)
	if now, is := s.currentVersion("vendor"); now != before || !is["VENDOR_KEY"].Equal(values["VENDOR_KEY"]) {
		t.Error("the key was replaced")
	}
	if _, pending := s.readHistory(s.declaredSource("vendor").Secret).Labelled(history.AWSPending); pending {
		t.Error("a rotation is still pending")
	}
	for _, c := range s.listWrites()[writes:] {
		if c.Operation == "PutSecretValue" || c.Service != "secretsmanager" {
			t.Errorf("written: %s %s %s", c.Service, c.Operation, c.Resource)
		}
	}
	s.finishScenario()
}

// A bad token in a retry loop burned a whole account's daily quota in 20 minutes.
func TestStory23ABadTokenIsNotTriedAgainAndAgain(t *testing.T) {
	t.Parallel()
	s := openConverged(t, sinks)
	s.GitHub.RevokeToken(s.Values["platform"]["GH_TOKEN"])
	s.Vercel.RevokeToken(s.Values["platform"]["VERCEL_TOKEN"])
	value := s.putFresh("vendor", "VENDOR_KEY")
	first, _ := s.currentVersion("session")
	s.rotateSource("session")
	count := func(service string) int {
		return len(s.selectCalls(func(c sim.Call) bool { return c.Service == service }))
	}
	gitHub, vercel, passes := count("github"), count("vercel"), s.countPasses()
	s.Advance(2 * time.Hour)
	passes = s.countPasses() - passes
	// The look for receipts tries the token too, once an hour.
	if g, v := count("github")-gitHub, count("vercel")-vercel; g > passes+2 || v > passes || passes > 40 {
		t.Errorf("%d calls at GitHub and %d at Vercel in %d passes with a token that is refused", g, v, passes)
	}
	r := s.readReport()
	unread := func(consumer string) bool {
		return slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == consumer && w.Reason == plan.Unreadable })
	}
	if !unread("ci") || !unread("dashboard") || waitsByHand("vendor", 1)(r) || !s.runsOnly("api", "VENDOR_KEY", value) {
		t.Errorf("the others should follow, the two be shown as unreadable, and the old value be kept:\n%s", describeReport(r))
	}
	if v, _ := s.readHistory(s.declaredSource("session").Secret).Version(first); !v.Alive() {
		t.Error("a value was retired while two consumers could not be seen")
	}
	fresh := map[string]string{"GH_TOKEN": stage.Canary("GH_TOKEN"), "VERCEL_TOKEN": stage.Canary("VERCEL_TOKEN")}
	s.GitHub.AddToken(fresh["GH_TOKEN"], "example/app")
	s.Vercel.AddToken(fresh["VERCEL_TOKEN"], "")
	if err := s.Put(t.Context(), "platform", fresh); err != nil {
		t.Fatal(err)
	}
	s.revokeByHand("vendor", 1)
	s.revokeByHand("platform", 1)
	s.finishScenario()
}
