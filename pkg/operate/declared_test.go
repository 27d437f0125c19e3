package operate

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// noting is a store of one source that notes the labels that are moved and the rotations that are started.
type noting struct {
	Secrets
	h       history.History
	did     []string
	refuses error
}

func (n *noting) Look(context.Context, string) (history.History, error) { return n.h, nil }

func (n *noting) Move(_ context.Context, _, label, to, from string) error {
	n.did = append(n.did, label+" "+from+">"+to)
	return nil
}

func (n *noting) Rotate(_ context.Context, _, version string) error {
	n.did = append(n.did, "rotate "+version)
	return n.refuses
}

// notStarted is Secrets Manager's refusal.
type notStarted struct{}

func (notStarted) Error() string   { return "another one is under way" }
func (notStarted) Refusal() string { return "another one is under way" }

func TestAPersonsWordAboutWeakKeysComesBeforeTheRotation(t *testing.T) {
	down := errors.New("no answer")
	for _, c := range []struct {
		err  error
		want []string
	}{
		{nil, []string{"DECLARED-made0000 >now", "rotate made0000-"}},
		{down, []string{"DECLARED-made0000 >now", "rotate made0000-"}}, // it may have started
		{notStarted{}, []string{"DECLARED-made0000 >now", "rotate made0000-", "DECLARED-made0000 now>"}},
	} {
		n := &noting{h: history.History{Versions: []history.Version{{ID: "now", Labels: []string{history.AWSCurrent}}}}, refuses: c.err}
		err := Operator{Secrets: n}.RotateOnlyDeclared(t.Context(), manifest.Source{Secret: "s"}, "made0000-")
		if !errors.Is(err, c.err) || !slices.Equal(n.did, c.want) {
			t.Errorf("%v: error is %v after %q", c.err, err, n.did)
		}
	}
}

func TestAnEmergencyOfAWeakLoginNotesThePersonsWordFirst(t *testing.T) {
	const live, now, made = history.Live, "now00000-", "made0000-"
	current := versionAt(0, now, live, history.AWSCurrent)
	declared := versionAt(0, now, live, history.AWSCurrent, history.DeclaredLabel("own00000-"))
	for name, c := range map[string]struct {
		versions []history.Version
		want     string // the step that comes first
	}{
		"one that begins":                        {[]history.Version{current}, "DECLARED-own00000 >" + now},
		"one whose word is noted":                {[]history.Version{declared}, "DEADLINE-none-own00000 >" + now},
		"one that joins a rotation":              {[]history.Version{current, versionAt(1, made, history.AWSPending)}, "DECLARED-made0000 >" + now},
		"one that joins a version that was made": {[]history.Version{current, versionAt(1, made, live, history.AWSPending)}, "DEADLINE-none-made0000 >" + made},
	} {
		e := seenEmergency(manifest.Source{}, false, time.Time{}, c.versions...)
		n := &noting{h: e.History}
		if _, err := (Operator{Secrets: n}).takeStep(t.Context(), e.OnlyDeclared()); err != nil || n.did[0] != c.want {
			t.Errorf("%s: %q, %v, want %q", name, n.did, err, c.want)
		}
	}
}
