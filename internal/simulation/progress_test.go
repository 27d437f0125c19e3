package simulation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/operate"
)

// followRotation rotates a source in a calm world of slow services, and notes the report of a pass each minute until
// the change is over. It returns the events, and what was left by each report.
func followRotation(t *testing.T, manifest, source string) (events []operate.Event, told []operate.Progress) {
	t.Helper()
	w, err := Scenario{Manifest: manifest, Slow: true}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	w.Step(Step{Do: "pass"})
	var tracker operate.Tracker
	all, _ := tracker.Note(w.Last(), []string{source})
	tracker.Start(operate.Watch{Source: source, Before: all[0].Version}, w.Last().At)
	w.Step(Step{Do: "rotate " + source})
	for range 90 {
		w.Step(Step{Do: "pass"})
		all, news := tracker.Note(w.Last(), []string{source})
		events, told = append(events, news...), append(told, all...)
		if all[0].IsOver(operate.Dead) {
			return events, told
		}
		w.Advance(time.Minute)
	}
	t.Fatal("it never ends")
	return nil, nil
}

// What is told at any time about the end stays true: it moves by no more than a minute a step.
func TestTheEstimateOfARotationHoldsUntilItsEnd(t *testing.T) {
	for manifest, source := range map[string]string{"main": "db", "twins": "db", "symmetric": "handshake"} {
		_, told := followRotation(t, manifest, source)
		end := told[len(told)-1]
		if end.Phase != operate.Arrived || len(end.Dead()) != 1 {
			t.Errorf("%s: at the end it is %s, and %v are dead", manifest, end.Phase, end.Dead())
		}
		for _, p := range told {
			late := end.At.Sub(p.At.Add(p.Left))
			if left := time.Duration(1+p.Steps-p.Step) * time.Minute; late.Abs() > left+time.Minute {
				t.Errorf("%s, step %d, %s: %v before the end %v were told", manifest, p.Step, p.Phase, end.At.Sub(p.At), p.Left)
			}
		}
	}
}

func TestARotationIsToldInTheOrderInWhichItGoes(t *testing.T) {
	events, _ := followRotation(t, "symmetric", "handshake")
	names := map[string]string{}
	var lines []string
	for _, e := range events {
		line := fmt.Sprintf("%d/%d %s", e.Step, e.Steps, e.Event)
		switch e.Event {
		case operate.NewsConsumer:
			continue // how many tasks are ready
		case operate.NewsMade, operate.NewsDone:
			names[e.Version] = fmt.Sprintf("v%d", e.Step)
			line += " " + names[e.Version]
		case operate.NewsFollows:
			line += " " + e.Consumer
		case operate.NewsFollowed:
			line += fmt.Sprintf(" %d of %d", e.Followed, e.Of)
		case operate.NewsWaiting:
			line += " " + string(e.Reason)
		case operate.NewsWritten:
			line += " " + strings.Join(e.Buckets, " ")
		default:
			line += " " + history.Short(e.Version)
		}
		lines = append(lines, line)
	}
	want := strings.TrimSpace(wantEvents)
	if diff := cmp.Diff(want, strings.Join(lines, "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const wantEvents = `
1/3 made v1
1/3 written api-secrets worker-secrets
1/3 follows api
1/3 follows worker
1/3 followed 3 of 3
1/3 waiting settling
2/3 made v2
2/3 written api-secrets sender-secrets worker-secrets
2/3 follows api
2/3 follows sender
2/3 follows worker
2/3 followed 3 of 3
2/3 waiting settling
3/3 made v3
3/3 written api-secrets worker-secrets
3/3 follows api
3/3 follows worker
3/3 followed 3 of 3
3/3 waiting settling
3/3 done v3
`
