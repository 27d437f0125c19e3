package secretsmanager

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// call is one write in the table below. A put has a version and labels, a move has a label, to and from.
type call struct {
	put    string
	value  string
	stages []string

	label, to, from string
}

func put(version string, stages ...string) call {
	return call{put: version, value: "value of " + version, stages: stages}
}

func move(label, to, from string) call { return call{label: label, to: to, from: from} }

func (c call) do(w *world) error {
	if c.put != "" {
		return w.put("s", versionID(c.put), c.value, c.stages...)
	}
	return w.move("s", c.label, idOrNone(c.to), idOrNone(c.from))
}

func idOrNone(version string) string {
	if version == "" {
		return ""
	}
	return versionID(version)
}

// TestLabels is the label model. Each case starts with v1 as AWSCURRENT; only the last call may be refused.
func TestLabels(t *testing.T) {
	const invalid = "InvalidParameterException"
	for _, c := range []struct {
		name    string
		calls   []call
		want    string // "label=version ..." sorted
		refused string // code
		says    string // part of the message
	}{
		{name: "put moves AWSCURRENT and AWSPREVIOUS", calls: []call{put("v2"), put("v3")}, want: "AWSCURRENT=v3 AWSPREVIOUS=v2"},
		{name: "put under a label leaves AWSCURRENT", calls: []call{put("v2", "HELD-2")}, want: "AWSCURRENT=v1 HELD-2=v2"},
		{name: "put takes a named label from its holder", calls: []call{put("v2", "X"), put("v3", "X")}, want: "AWSCURRENT=v1 X=v3"},
		{name: "put with AWSCURRENT and X moves both", calls: []call{put("v2", "X"), put("v3", "AWSCURRENT", "X")}, want: "AWSCURRENT=v3 AWSPREVIOUS=v1 X=v3"},
		{name: "custom labels survive a plain put", calls: []call{move("LIVE-1", "v1", ""), move("SEEN", "v1", ""), put("v2")}, want: "AWSCURRENT=v2 AWSPREVIOUS=v1 LIVE-1=v1 SEEN=v1"},
		{name: "AWSPENDING and a custom label in one put", calls: []call{put("v2", "AWSPENDING", "LIVE-2")}, want: "AWSCURRENT=v1 AWSPENDING=v2 LIVE-2=v2"},
		{name: "AWSPENDING stays when AWSCURRENT is moved to it", calls: []call{put("v2", "AWSPENDING"), move("AWSCURRENT", "v2", "v1")}, want: "AWSCURRENT=v2 AWSPENDING=v2 AWSPREVIOUS=v1"},
		{name: "AWSPENDING leaves the outgoing current on put", calls: []call{put("v2", "AWSPENDING"), move("AWSCURRENT", "v2", "v1"), put("v3")}, want: "AWSCURRENT=v3 AWSPREVIOUS=v2"},
		{name: "AWSPENDING leaves an unfinished version on a put by hand", calls: []call{put("v2", "AWSPENDING", "LIVE-2"), put("v3")}, want: "AWSCURRENT=v3 AWSPREVIOUS=v1 LIVE-2=v2"},
		{name: "moving back swaps AWSCURRENT and AWSPREVIOUS", calls: []call{put("v2"), move("AWSCURRENT", "v1", "v2")}, want: "AWSCURRENT=v1 AWSPREVIOUS=v2"},
		{name: "moving keeps custom labels", calls: []call{put("v2", "X"), move("Y", "v1", ""), move("AWSCURRENT", "v2", "v1")}, want: "AWSCURRENT=v2 AWSPREVIOUS=v1 X=v2 Y=v1"},
		{name: "labels that start with AWS are custom", calls: []call{put("v2", "AWSSOMETHING")}, want: "AWSCURRENT=v1 AWSSOMETHING=v2"},
		{name: "a label comes off", calls: []call{put("v2", "X"), move("X", "", "v2")}, want: "AWSCURRENT=v1"},
		{name: "a label on its holder again", calls: []call{put("v2", "X"), move("X", "v2", "")}, want: "AWSCURRENT=v1 X=v2"},

		{name: "AWSCURRENT without its holder", calls: []call{put("v2", "X"), move("AWSCURRENT", "v2", "")}, want: "AWSCURRENT=v1 X=v2", refused: invalid,
			says: "The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version " + versionID("v1")},
		{name: "a custom label without its holder", calls: []call{put("v2", "X"), move("X", "v1", "")}, want: "AWSCURRENT=v1 X=v2", refused: invalid, says: "RemoveFromVersionId can't be empty"},
		{name: "AWSCURRENT from another than its holder", calls: []call{put("v2"), put("v3", "X"), move("AWSCURRENT", "v3", "v1")}, want: "AWSCURRENT=v2 AWSPREVIOUS=v1 X=v3", refused: invalid, says: "it must be set to the version"},
		{name: "a custom label from another than its holder", calls: []call{put("v2", "X"), move("X", "", "v1")}, want: "AWSCURRENT=v1 X=v2", refused: invalid, says: "it must be set to the version"},
		{name: "a swap that was done already", calls: []call{put("v2", "X"), move("AWSCURRENT", "v2", "v1"), move("AWSCURRENT", "v2", "v1")}, want: "AWSCURRENT=v2 AWSPREVIOUS=v1 X=v2", refused: invalid, says: "it must be set to the version"},
		{name: "a label that nobody holds cannot come from a version", calls: []call{put("v2", "X"), move("Y", "v2", "v1")}, want: "AWSCURRENT=v1 X=v2", refused: invalid},
		{name: "to a version that is not there changes nothing", calls: []call{move("AWSCURRENT", "v9", "v1")}, want: "AWSCURRENT=v1", refused: "ResourceNotFoundException", says: "VersionId: " + versionID("v9")},
		{name: "AWSCURRENT cannot be removed", calls: []call{move("AWSCURRENT", "", "v1")}, want: "AWSCURRENT=v1", refused: invalid, says: "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed."},
		{name: "from nowhere to nowhere", calls: []call{move("X", "", "")}, want: "AWSCURRENT=v1", refused: invalid},

		{name: "same token, same value: nothing happens", calls: []call{put("v2", "X"), put("v2", "Y")}, want: "AWSCURRENT=v1 X=v2"},
		{name: "same token, other value", calls: []call{put("v2", "X"), {put: "v2", value: "other"}}, want: "AWSCURRENT=v1 X=v2", refused: "ResourceExistsException", says: "already in use for a version"},
		{name: "same token, other value, under AWSPENDING", calls: []call{put("v2", "AWSPENDING"), {put: "v2", value: "other", stages: []string{"AWSPENDING"}}}, want: "AWSCURRENT=v1 AWSPENDING=v2", refused: "ResourceExistsException"},

		{name: "20 labels", calls: []call{put("v2", labelNames(19)...)}, want: "AWSCURRENT=v1 " + allLabels(19, "v2")},
		{name: "the 21st label", calls: []call{put("v2", labelNames(19)...), move("Z", "v1", "")}, want: "AWSCURRENT=v1 " + allLabels(19, "v2"), refused: "LimitExceededException"},
		{name: "the 21st label is AWSPREVIOUS", calls: []call{put("v2", labelNames(19)...), put("v3")}, want: "AWSCURRENT=v1 " + allLabels(19, "v2"), refused: "LimitExceededException"},
		{name: "moving one of 20", calls: []call{put("v2", labelNames(19)...), move("L01", "v1", "v2")}, want: "AWSCURRENT=v1 L01=v1 " + strings.TrimPrefix(allLabels(19, "v2"), "L01=v2 ")},
		{name: "21 labels in one put", calls: []call{put("v2", labelNames(21)...)}, want: "AWSCURRENT=v1", refused: "ValidationException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.create("s", "v1", "value of v1")
			last := len(c.calls) - 1
			for _, before := range c.calls[:last] {
				must(t, before.do(w))
			}
			changed := *w.describe("s").LastChangedDate
			w.clock.Advance(1e9)
			err := c.calls[last].do(w)
			if c.refused == "" {
				must(t, err)
			} else {
				wantErrorCode(t, err, c.refused, c.says)
				if !w.describe("s").LastChangedDate.Equal(changed) {
					t.Error("a refused call moved LastChangedDate")
				}
			}
			if got := render(w.labels("s")); got != c.want {
				t.Errorf("labels are\n%s, want\n%s", got, c.want)
			}
		})
	}
}

func labelNames(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("L%02d", i+1))
	}
	return names
}

func allLabels(n int, version string) string {
	return strings.Join(labelNames(n), "="+version+" ") + "=" + version
}

func render(held labels) string {
	var parts []string
	for _, label := range held.movedLabels(nil) {
		parts = append(parts, label+"="+strings.TrimRight(held[label], "-"))
	}
	return strings.Join(parts, " ")
}

func TestFirstValueGetsAWSCURRENT(t *testing.T) {
	w := newWorld(t)
	w.create("s", "", "")
	if got := w.labels("s"); len(got) != 0 {
		t.Fatalf("a secret without a value has labels %v", got)
	}
	_, err := w.get("s", "", "")
	wantErrorCode(t, err, "ResourceNotFoundException", "can't find the specified secret value for staging label: AWSCURRENT")
	must(t, w.put("s", versionID("v1"), "one", pending, "LIVE-1"))
	want := "AWSCURRENT=v1 AWSPENDING=v1 LIVE-1=v1"
	if got := render(w.labels("s")); got != want {
		t.Errorf("labels are %s, want %s", got, want)
	}
}

func TestLabelEvents(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	must(t, w.put("s", versionID("v2"), "two", pending, "LIVE-2"))
	must(t, w.move("s", current, versionID("v2"), versionID("v1")))
	must(t, w.move("s", "LIVE-2", versionID("v2"), "")) // holds it already
	must(t, w.move("s", pending, "", versionID("v2")))
	must(t, w.move("s", "LIVE-2", "", versionID("v2"))) // taken off: moved to no version
	must(t, w.put("s", versionID("v2"), "two", "SEEN")) // same value: nothing happens
	if diff := cmp.Diff([]string{"AWSCURRENT v1", "LIVE-2 v2", "AWSCURRENT v2"}, w.eventsSinceLast()); diff != "" {
		t.Error(diff)
	}
}

func TestLabelEventShape(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	e := w.events[0]
	if e.Source != "aws.secretsmanager" || e.DetailType != "Secret Label Updated" {
		t.Errorf("event is %s %q", e.Source, e.DetailType)
	}
	if diff := cmp.Diff([]string{*w.describe("s").ARN}, e.Resources); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(labelEvent{Name: "s", Label: current, VersionID: versionID("v1")}, e.Detail); diff != "" {
		t.Error(diff)
	}
}
