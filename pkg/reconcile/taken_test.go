package reconcile_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

const (
	oldURL = "postgres://app:an-old-password@db.example.com/app"
	newURL = "postgres://app:a-new-password@db.example.com/app"
)

// asked is small with a database of which a rotator can ask whether it accepts a version.
var asked = strings.NewReplacer("rotate: {random: {}}", "rotate: {postgres: {url: DB_URL, admin: admin}}",
	"sources:\n", "sources:\n  admin: {keys: [ADMIN_URL]}\n").Replace(small)

// refusing is an environment that runs on oldURL, and whose database answers like that about anything newer.
func refusing(t *testing.T, answer plan.Answer) (b *bench, first, second string) {
	t.Helper()
	b = start(t, asked)
	first = b.put("db", `{"DB_URL":"`+oldURL+`"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
	b.converge()
	if got := b.tested; !slices.Equal(got, []string{"db " + first}) {
		t.Fatalf("asked about %q", got)
	}
	b.answer = func(a plan.Test) (plan.Outcome, error) {
		if a.Version == first {
			return plan.Outcome{Answer: plan.Accepted}, nil
		}
		return plan.Outcome{Answer: answer, Why: "the password is refused"}, nil
	}
	b.tested, b.worked = nil, nil
	b.tick()
	second = b.put("db", `{"DB_URL":"`+newURL+`"}`)
	return b, first, second
}

// carries reports whether everything runs a version of its bucket that has this value of db.
func (b *bench) carries(value string) bool {
	return b.values("api-dev", b.sinks["web"].running)["DB_URL"] == value &&
		b.values("worker-dev", b.sinks["cron"].running)["WORKER_DB"] == value
}

func TestAValueThatItsTargetRefusesIsNotRolledOut(t *testing.T) {
	b, first, second := refusing(t, plan.Refused)
	b.put("vendors", `{"VENDOR_KEY":"key-2","VENDOR_ID":"id-1"}`) // somebody else's change follows meanwhile
	report := b.mustRun()
	for range 3 {
		b.tick()
		report = b.mustRun()
	}
	if !b.carries(oldURL) {
		t.Fatal("the value that is refused was rolled out")
	}
	if got := b.values("api-dev", b.sinks["web"].running)["VENDOR_KEY"]; got != "key-2" {
		t.Errorf("the rest of the bucket is not written: %s", got)
	}
	source := report.Source("db")
	if source.Version != second || source.Taken != first || len(source.Owed) != 0 || count(b.worked, "retire db") != 0 {
		t.Errorf("the report has %+v; worked %q", source, b.worked)
	}
	if len(report.Alarms) != 1 || report.Alarms[0].Name != plan.ValueNotAccepted || report.Alarms[0].Subject != "db" {
		t.Errorf("alarms are %+v", report.Alarms)
	}

	b.answer = nil // somebody has mended the target
	b.converge()
	if !b.carries(newURL) || count(b.worked, "retire db") != 1 {
		t.Errorf("what is accepted is not rolled out, or what it replaces is not retired: %q", b.worked)
	}
	if len(b.labelled("source/dev/db", history.Ask)) != 0 || !slices.Equal(b.labelled("source/dev/db", history.Taken), []string{second}) {
		t.Errorf("labels are %v", b.labels("source/dev/db"))
	}
}

// labelled returns the versions that carry a label of this kind.
func (b *bench) labelled(name, kind string) (ids []string) {
	for id, labels := range b.labels(name) {
		if slices.ContainsFunc(labels, func(l string) bool { return strings.HasPrefix(l, kind) }) {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestARefusedValueIsAskedAboutAtTheseTimes, and at no other pass.
func TestARefusedValueIsAskedAboutAtTheseTimes(t *testing.T) {
	b, _, _ := refusing(t, plan.Refused)
	began, times := b.Clock.Now(), []time.Duration{}
	for range 100 {
		n := len(b.tested)
		b.mustRun()
		if len(b.tested) > n {
			times = append(times, b.Clock.Now().Sub(began).Round(time.Minute))
		}
		b.Advance(time.Minute)
	}
	want := []time.Duration{0, time.Minute, 6 * time.Minute, 21 * time.Minute, 81 * time.Minute}
	if !slices.Equal(times, want) {
		t.Errorf("asked after %v, want %v", times, want)
	}
}

func TestAnUnknownAnswerKeepsWhatIsAccepted(t *testing.T) {
	b, first, second := refusing(t, plan.Unknown)
	b.mustRun()
	if !slices.Equal(b.tested, []string{"db " + second, "db " + first}) {
		t.Errorf("asked about %q", b.tested)
	}
	b.tick()
	b.mustRun()
	if !b.carries(oldURL) {
		t.Fatal("what nobody knows was rolled out over what is accepted")
	}
}

// TestAnUnknownAnswerReplacesWhatIsRefused: consumers are refused as it is.
func TestAnUnknownAnswerReplacesWhatIsRefused(t *testing.T) {
	b, first, second := refusing(t, plan.Unknown)
	b.answer = func(a plan.Test) (plan.Outcome, error) {
		if a.Version == first {
			return plan.Outcome{Answer: plan.Refused}, nil
		}
		return plan.Outcome{}, errors.New("the function does not answer")
	}
	b.mustRun()
	b.tick()
	report := b.mustRun()
	if source := report.Source("db"); !b.carries(newURL) || source.Taken != "" || source.Version != second {
		t.Errorf("it is not rolled out: %+v", source)
	}
	if len(report.Alarms) != 1 || report.Alarms[0].Name != plan.ValueNotAccepted {
		t.Errorf("alarms are %+v", report.Alarms)
	}
}

func TestARefusedFirstValueIsNowhere(t *testing.T) {
	b := start(t, asked)
	b.answer = func(plan.Test) (plan.Outcome, error) { return plan.Outcome{Answer: plan.Refused}, nil }
	b.put("db", `{"DB_URL":"`+oldURL+`"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
	for range 3 {
		b.mustRun()
		b.tick()
	}
	got := b.values("api-dev", b.sinks["web"].running)
	if _, has := got["DB_URL"]; has || got["VENDOR_KEY"] != "key-1" {
		t.Errorf("the bucket holds %v", got)
	}
}

// TestAnEnvironmentOfTheVersionBeforeIsNotAsked: what buckets carry has been in use.
func TestAnEnvironmentOfTheVersionBeforeIsNotAsked(t *testing.T) {
	b, first, _ := refusing(t, plan.Refused)
	b.relabel("source/dev/db", history.AWSCurrent, first, b.current("source/dev/db"))
	for id, labels := range b.labels("source/dev/db") {
		for _, label := range labels {
			if strings.HasPrefix(label, history.Taken) {
				b.relabel("source/dev/db", label, "", id)
			}
		}
	}
	b.mustRun()
	if len(b.tested) > 0 || !slices.Equal(b.labelled("source/dev/db", history.Taken), []string{first}) {
		t.Errorf("asked about %q; labels %v", b.tested, b.labels("source/dev/db"))
	}
}

// TestALookAsksNobody: nobody's account is locked because somebody looks.
func TestALookAsksNobody(t *testing.T) {
	for name, look := range map[string]func(b *bench){
		"a dry run":    func(b *bench) { b.pass.DryRun = true },
		"mode observe": func(b *bench) { b.env.Mode = manifest.Observe },
	} {
		b, _, _ := refusing(t, plan.Refused)
		look(b)
		report := b.mustRun()
		if len(b.tested) > 0 || !slices.Contains(doing(report), "test db") || slices.Contains(doing(report), "write api") {
			t.Errorf("%s: asked about %q, would do %q", name, b.tested, doing(report))
		}
	}
}

// TestAPassWithoutTimeAsksNobodyAndTakesNothing.
func TestAPassWithoutTimeAsksNobodyAndTakesNothing(t *testing.T) {
	b, _, _ := refusing(t, plan.Accepted)
	ctx, cancel := context.WithTimeout(t.Context(), reconcile.Margin/2)
	defer cancel()
	report, err := b.pass.Run(inOrder(ctx))
	if !errors.Is(err, reconcile.ErrOutOfTime) && err != nil || len(b.tested) > 0 || slices.Contains(doing(report), "write api") {
		t.Errorf("%v; asked about %q, did %q", err, b.tested, doing(report))
	}
}

// TestANothingChangedPassMakesNoMoreCalls than one over sources that nobody can be asked about.
func TestANothingChangedPassMakesNoMoreCalls(t *testing.T) {
	calls := func(yaml string) int {
		b := start(t, yaml)
		b.put("db", `{"DB_URL":"`+oldURL+`"}`)
		b.put("vendors", `{"VENDOR_KEY":"key-1","VENDOR_ID":"id-1"}`)
		b.converge()
		n := len(b.Tap.Calls())
		b.mustRun()
		return len(b.Tap.Calls()) - n
	}
	untested := strings.Replace(asked, "postgres: {url: DB_URL, admin: admin}", "random: {}", 1)
	if with, without := calls(asked), calls(untested); with != without {
		t.Errorf("%d calls, and %d without a test", with, without)
	}
}

// signingIn is an environment that signs in to GitHub with a key of a source that a person replaces.
const signingIn = `
sign_in: {github: {token: GH_TOKEN}}
environments: {dev: {account: "111111111111", region: us-east-1}}
sources:
  ci: {keys: [GH_TOKEN]}
  vendors: {keys: [VENDOR_KEY]}
buckets: {api: {originals: [vendors]}}
consumers:
  actions: {bucket: api, github: {repository: example/app}}
  more: {bucket: api, github: {repository: example/more}}
`

// TestWhatRotarySignsInWithIsTested: a broken token would blind every look, and block every retirement.
func TestWhatRotarySignsInWithIsTested(t *testing.T) {
	b := start(t, signingIn)
	var asked, opened []string
	b.pass.SignIn = func(_ context.Context, c manifest.Consumer, o reconcile.Opening) plan.Outcome {
		token := secret.Reveal(o.Key("GH_TOKEN"))
		asked = append(asked, c.Name+" "+token)
		if token == "broken" {
			return plan.Outcome{Answer: plan.Refused, Why: "the token is not valid"}
		}
		return plan.Outcome{Answer: plan.Accepted}
	}
	b.pass.Open = func(c manifest.Consumer, o reconcile.Opening) (reconcile.Consumer, error) {
		opened = append(opened, secret.Reveal(o.Key("GH_TOKEN")))
		return b.open(c, o)
	}
	b.put("ci", `{"GH_TOKEN":"good"}`)
	b.put("vendors", `{"VENDOR_KEY":"key-1"}`)
	b.converge()
	if !slices.Equal(asked, []string{"actions good"}) {
		t.Errorf("asked %q", asked)
	}
	b.put("ci", `{"GH_TOKEN":"broken"}`)
	opened = nil
	report := b.mustRun()
	if slices.Contains(opened, "broken") || len(report.Alarms) != 1 || report.Alarms[0].Subject != "ci" {
		t.Errorf("signed in with %q; alarms %+v", opened, report.Alarms)
	}
}
