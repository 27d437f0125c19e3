package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
	"github.com/rotary-secrets/rotary/pkg/screen"
)

var lastDay = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// daysAgo is a point in time before lastDay.
func daysAgo(days float64) time.Time {
	return lastDay.Add(-time.Duration(days * 24 * float64(time.Hour)))
}

func makeMilestone(kind metric.MilestoneKind, version string, at time.Time) metric.Milestone {
	return metric.Milestone{Kind: kind, Source: "app-db", Version: version, At: at}
}

// describePastEvent returns an event as a line: "what version, notes < replaced: followed, dead, accepted".
func describePastEvent(e pastEvent) string {
	text := e.What + " " + strings.Join(append([]string{e.Version}, e.Notes...), ", ")
	if e.Replaced != "" {
		text += " < " + e.Replaced + ":"
	}
	for word, at := range map[string]time.Time{" followed": e.Followed, " dead": e.Dead} {
		if !at.IsZero() {
			text += fmt.Sprintf("%s %v", word, at.Sub(e.At))
		}
	}
	if e.Accepted {
		text += " accepted"
	}
	return text
}

// nextStep is the id of the version that the retirement of owed puts after current.
func nextStep(owed, current string) string {
	sum := sha256.Sum256([]byte("rotary advance\n" + owed + "\n" + current))
	return hex.EncodeToString(sum[:20])
}

func TestTheTableOfThePast(t *testing.T) {
	rotating := manifest.Source{Name: "app-db", Rotate: manifest.RotateWith(manifest.Random)}
	byHand := manifest.Source{Name: "app-db"}
	version := func(id string, days float64, labels ...string) history.Version {
		return history.Version{ID: id, Created: daysAgo(days), Labels: labels}
	}
	older := makeMilestone(metric.Retired, "zero", daysAgo(20))
	next := nextStep("a", "b")
	for _, tt := range []struct {
		name     string
		source   manifest.Source
		versions []history.Version
		logged   []metric.Milestone
		want     []string
	}{
		{"nothing", rotating, nil, nil, nil},
		{"a first version", rotating, []history.Version{version("a", 9, "AWSCURRENT", "LIVE-a")}, nil, []string{"made a, current"}},
		{"a rotation, and its end is known", rotating,
			[]history.Version{version("a", 9), version("b", 1, "AWSCURRENT", "LIVE-b")},
			[]metric.Milestone{makeMilestone(metric.Rotated, "b", daysAgo(1)), makeMilestone(metric.Retired, "a", daysAgo(0.5))},
			[]string{"made a", "rotated b, current < a: dead 12h0m0s"}},
		{"every consumer has left, and the old one waits", rotating,
			[]history.Version{version("a", 9, "LIVE-a"), version("b", 1, "AWSCURRENT", "LIVE-b")},
			[]metric.Milestone{makeMilestone(metric.Rotated, "b", daysAgo(1)), makeMilestone(metric.Followed, "a", daysAgo(0.75))},
			[]string{"made a", "rotated b, current < a: followed 6h0m0s accepted"}},
		{"they went back, and left it again", rotating,
			[]history.Version{version("a", 9, "LIVE-a"), version("b", 2, "AWSCURRENT", "LIVE-b")},
			[]metric.Milestone{makeMilestone(metric.Rotated, "b", daysAgo(2)), makeMilestone(metric.Followed, "a", daysAgo(1.5)), makeMilestone(metric.Followed, "a", daysAgo(1))},
			[]string{"made a", "rotated b, current < a: followed 24h0m0s accepted"}},
		{"a rotation under way", rotating,
			[]history.Version{version("a", 9, "AWSCURRENT", "LIVE-a"), version("b", 1, "AWSPENDING")}, nil, []string{"made a, current", "rotating b"}},
		{"a person's value in a source that rotates, and an older line", rotating,
			[]history.Version{version("a", 9, "LIVE-a", "RETAIN"), version("b", 1, "AWSCURRENT", "LIVE-b", "DEADLINE-none-b")}, []metric.Milestone{older},
			[]string{"put a, retained", "put b, current, emergency < a: accepted", "dead zero"}},
		{"the same, and no older line", rotating,
			[]history.Version{version("a", 9, "LIVE-a"), version("b", 1, "AWSCURRENT", "LIVE-b")}, nil,
			[]string{"made a", "made b, current < a: accepted"}},
		{"a rotation that failed between two", rotating,
			[]history.Version{version("a", 9, "LIVE-a"), version("failed", 5), version("b", 1, "AWSCURRENT", "LIVE-b")},
			[]metric.Milestone{older, makeMilestone(metric.Rotated, "b", daysAgo(1))},
			[]string{"put a", "made failed", "rotated b, current < a: accepted", "dead zero"}},
		{"what a person puts and ends", byHand,
			[]history.Version{version("a", 9, "AWSPREVIOUS"), version("b", 1, "AWSCURRENT", "LIVE-b")}, nil, []string{"put a", "put b, current < a:"}},
		{"a retirement that puts the next one", rotating,
			[]history.Version{version("a", 9), version("b", 8, "AWSPREVIOUS"), version(next, 7, "AWSCURRENT")},
			[]metric.Milestone{makeMilestone(metric.Rotated, "b", daysAgo(8)), makeMilestone(metric.Retired, "a", daysAgo(7))},
			[]string{"made a", "rotated b < a: dead 24h0m0s", "next step " + next + ", current < b:"}},
		{"going back", rotating, []history.Version{version("a", 9, "AWSCURRENT", "LIVE-a"), version("b", 1, "LIVE-b", "ROLLBACK")},
			[]metric.Milestone{makeMilestone(metric.RolledBack, "a", daysAgo(0.5))},
			[]string{"made a, current", "made b, being rolled back to < a:", "rolled back a"}},
		{"versions that are gone, or may not be listed", rotating, nil,
			[]metric.Milestone{older, makeMilestone(metric.Rotated, "b", daysAgo(1)), makeMilestone(metric.Followed, "a", daysAgo(0.5))},
			[]string{"dead zero", "rotated b", "followed a"}},
	} {
		var got []string
		for _, e := range listPast(tt.source, tt.versions, tt.logged) {
			got = append(got, describePastEvent(e))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// listPasts are what histories of an environment may hold.
func listPasts() map[string]past {
	event := func(source, what, version string, days float64, more func(*pastEvent)) pastEvent {
		e := pastEvent{Source: source, What: what, Version: version + "-0000-4000-8000-0000" + version, At: daysAgo(days)}
		if more != nil {
			more(&e)
		}
		return e
	}
	ended := func(followed, dead time.Duration) func(*pastEvent) {
		return func(e *pastEvent) { e.Replaced, e.Followed, e.Dead = "x", e.At.Add(followed), e.At.Add(dead) }
	}
	waits := func(e *pastEvent) { e.Replaced, e.Accepted, e.Notes = "x", true, []string{"current"} }
	return map[string]past{
		"source": {Environment: "production", Source: "app-db", At: lastDay, Since: daysAgo(400), Events: []pastEvent{
			event("app-db", pastRotated, "7e6b41e6", 0.2, waits),
			event("app-db", pastBack, "d5623ad9", 3, nil),
			event("app-db", pastPut, "19aa02fe", 14.8, func(e *pastEvent) {
				ended(190*time.Second, time.Hour)(e)
				e.Notes = []string{"emergency"}
			}),
			event("app-db", pastRotated, "d5623ad9", 30, ended(156*time.Second, 14*time.Minute)),
			event("app-db", pastMade, "0cb7e851", 39, func(e *pastEvent) { e.Replaced = "x" }),
		}},
		"all": {Environment: "production", At: lastDay, Since: daysAgo(30), Older: 3, Events: []pastEvent{
			event("observability-with-a-long-name", pastRotated, "7e6b41e6", 0.2, waits),
			event("handshake", pastFollowed, "0cb7e851", 1, nil),
			event("app-db", pastRotating, "b2ba36e0", 2, nil),
			event("handshake", pastNext, "1bff766b", 2, ended(0, 26*time.Hour)),
			event("vendors", pastDead, "2a47fbf9", 3, nil),
			event("db-service", pastPut, "cc302e7a", 390, func(e *pastEvent) { e.Replaced, e.Notes = "x", []string{"current", "retained"} }),
		}, Unread: []string{
			"versions of vendors, cloud: not allowed: secretsmanager:ListSecretVersionIds",
			"log /aws/lambda/rotary-production-rotate-network: the log group does not exist",
		}},
		"nothing": {Environment: "production", Source: "app-db", At: lastDay, Since: daysAgo(30)},
	}
}

func TestPagesOfThePast(t *testing.T) {
	for name, p := range listPasts() {
		page := historyPage{place: screen.Place{Environment: "production", Account: "222222222222", Region: "us-east-1"}, past: p}
		if p.Source != "" {
			page.about = p.Source + " (postgres, every 30d)"
		}
		for width, s := range map[string]screen.Screen{"40": {Width: 40}, "80": {Width: 80}, "120": {Width: 120}, "dumb": {Width: 80, ASCII: true}} {
			page.Screen = s
			text := page.renderPage(historyCmd{Since: duration.Duration(30 * 24 * time.Hour)})
			compareWithFile(t, "history-"+name+"-"+width+".txt", text)
			for line := range strings.SplitSeq(text, "\n") {
				if n := len([]rune(line)); n > s.Columns() && len(strings.Fields(line)) > 3 {
					t.Errorf("%s at %s: %d columns: %s", name, width, n, line)
				}
			}
		}
	}
}

func TestTheNewestEventsAreKept(t *testing.T) {
	p := past{Since: daysAgo(5)}
	for _, days := range []float64{9, 1, 4, 3, 2} {
		p.Events = append(p.Events, pastEvent{Version: fmt.Sprint(days), At: daysAgo(days)})
	}
	p.keepAsked(2)
	var got []string
	for _, e := range p.Events {
		got = append(got, e.Version)
	}
	if diff := cmp.Diff([]string{"1", "2"}, got); diff != "" || p.Older != 2 {
		t.Errorf("%d are older; kept (-want +got):\n%s", p.Older, diff)
	}
	if p.keepAsked(0); len(p.Events) != 2 {
		t.Errorf("without a limit %d are kept", len(p.Events))
	}
	empty := past{}
	empty.keepAsked(3)
	if text, err := json.Marshal(empty); err != nil || !strings.Contains(string(text), `"events":[]`) {
		t.Errorf("nothing as JSON: %s, %v", text, err)
	}
}

func TestHowLongSomethingTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 400 * time.Millisecond: "0s", 36 * time.Second: "36s", time.Minute: "1m", 156 * time.Second: "2m36s",
		600 * time.Second: "10m", 14*time.Minute + 20*time.Second: "14m", 26 * time.Hour: "26h", 72 * time.Hour: "3d",
	} {
		if got := formatWithin(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestHowASourceRotates(t *testing.T) {
	every := manifest.RotateWith(manifest.Postgres)
	every.Every = duration.Duration(30 * 24 * time.Hour)
	for want, r := range map[string]manifest.Rotate{"postgres, every 30d": every, "random": manifest.RotateWith(manifest.Random), "a person": {}} {
		if got := describeSourceRotation(manifest.Source{Rotate: r}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
