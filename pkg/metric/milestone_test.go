package metric

import (
	"strings"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/cloudwatch"
)

func TestAMilestoneIsALineThatIsReadAgain(t *testing.T) {
	m := Milestone{Kind: Retired, Source: "app-db", Version: "7e6b41e6-0000", At: noon}
	const want = `{"msg":"milestone","kind":"retired","source":"app-db","version":"7e6b41e6-0000","at":"2026-01-05T12:00:00Z"}` + "\n"
	if got := string(m.Line()); got != want {
		t.Errorf("the line is %s", got)
	}
	for _, kind := range []MilestoneKind{Rotated, RolledBack, Followed, Retired} {
		m.Kind = kind
		if got, is := ReadMilestone(string(m.Line())); !is || got != m {
			t.Errorf("%s: read %+v, %v", kind, got, is)
		}
	}
	if points, err := cloudwatch.Metrics(m.Line()); err != nil || len(points) > 0 {
		t.Errorf("CloudWatch takes it for metrics: %v, %v", points, err)
	}
}

func TestWhatIsNoMilestoneIsNotReadAsOne(t *testing.T) {
	line := string(Milestone{Kind: Retired, Source: "app-db", Version: "v", At: time.Now()}.Line())
	for what, text := range map[string]string{
		"no JSON": "START RequestId: milestone", "no object": "null", "another line": strings.Replace(line, `"milestone"`, `"wait"`, 1),
		"a kind of a later version": strings.Replace(line, "retired", "sold", 1), "no source": strings.Replace(line, "app-db", "", 1),
		"no version": strings.Replace(line, `"v"`, `""`, 1), "no time": `{"msg":"milestone","kind":"retired","source":"a","version":"v"}`,
		"a broken time": `{"msg":"milestone","kind":"retired","source":"a","version":"v","at":"noon"}`, "nothing": "",
	} {
		if m, is := ReadMilestone(text); is {
			t.Errorf("%s is read as %+v", what, m)
		}
	}
}
