package rotatetest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// declareOther adds another source of the same kind to the environment. Its secret holds nothing yet.
func (s *source) declareOther() manifest.Source {
	s.t.Helper()
	other := s.Source
	other.Name += "-other"
	other.Secret = "source/dev/" + other.Name
	_, err := s.client.CreateSecret(s.t.Context(), &secretsmanager.CreateSecretInput{Name: &other.Secret})
	s.must(err)
	s.environment = &manifest.Environment{Name: "dev", Sources: []manifest.Source{s.Source, other}}
	return other
}

// putOther puts a version of the other source under labels.
func (s *source) putOther(other manifest.Source, n int, values rotate.Values, labels ...string) {
	s.t.Helper()
	s.must(s.store.Put(s.t.Context(), other.Secret, versionID(n), s.writeText(values), labels...))
}

// testHeldElsewhere begins rotations while versions of another source that somebody counts on hold the same credential.
func testHeldElsewhere(t *testing.T, start func(*testing.T) *source) {
	for _, labels := range heldLabels {
		s := start(t)
		s.must(s.applyMarks(s.makePlan()))
		other := s.declareOther()
		s.putOther(other, 0x77, s.readContent(s.currentID()), labels...)
		before := s.takeLook()
		err := s.runSteps(s.openJob(), s.beginRotation())
		refused, is := errors.AsType[*rotate.Refused](err)
		if !is || !strings.Contains(refused.Error(), "source "+other.Name) || !strings.Contains(refused.Error(), "one source") {
			t.Errorf("another source holds it under %v: error is %v", labels, err)
		}
		s.checkUnchanged(before)
	}
}

// heldLabels are the labels of versions that somebody counts on: the current one, a pending one, the one that buckets are
// computed from, and those that a person or a rollback keeps.
var heldLabels = [][]string{
	{history.AWSCurrent},
	{history.AWSPending},
	{history.Live + "00000077", history.Taken + "00000077"},
	{history.Live + "00000077", history.Retain},
	{history.Live + "00000077", history.Rollback},
}

// testDeadElsewhere rotates while a version of another source without a label holds the same credential.
func testDeadElsewhere(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	other := s.declareReplaced(history.AWSPending)
	s.must(s.store.Move(t.Context(), other.Secret, history.AWSPending, "", versionID(0x77)))
	s.must(s.runSteps(s.openJob(), s.beginRotation()))
	s.must(s.retireAll(s.openJob()))
	s.checkEnded(1)
}

// testOwedElsewhere rotates twice while another source, which has got a credential of its own, still owes a version
// with the same credential: neither source waits for the other.
func testOwedElsewhere(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	s.declareReplaced(history.Live + "00000077")
	for range 2 {
		s.must(s.runSteps(s.openJob(), s.beginRotation()))
		s.must(s.retireAll(s.openJob()))
	}
	s.checkEnded(2)
}

// declareReplaced adds another source of the same kind, which holds values of its own, and the current ones of this
// source in an older version under a label.
func (s *source) declareReplaced(label string) manifest.Source {
	s.t.Helper()
	other := s.declareOther()
	own := rotate.Values{}
	for _, key := range other.KeyNames() {
		own[key] = secret.New("something of its own")
	}
	s.putOther(other, 0x76, own, history.AWSCurrent)
	s.putOther(other, 0x77, s.readContent(s.currentID()), label)
	return other
}

// testUndeclaredHolder begins a rotation while the source's own secret holds the credential under more keys than it
// declares.
func testUndeclaredHolder(t *testing.T, start func(*testing.T) *source) {
	s := start(t)
	texts := map[string]string{}
	for key, value := range s.readContent(s.currentID()) {
		texts[key], texts["UNDECLARED_"+key] = secret.Reveal(value), secret.Reveal(value)
	}
	text, err := json.Marshal(texts)
	s.must(err)
	id := s.makeNextID()
	s.byHand[id] = true
	s.must(s.store.Put(t.Context(), s.Source.Secret, id, secret.New(string(text))))
	s.must(s.retireUnasked())
	before := s.takeLook()
	err = s.runSteps(s.openJob(), s.beginRotation())
	refused, is := errors.AsType[*rotate.Refused](err)
	if !is || !strings.Contains(refused.Error(), " that it does not declare") || strings.Contains(refused.Error(), "UNDECLARED") {
		t.Errorf("an undeclared key holds it: error is %v", err)
	}
	s.checkUnchanged(before)
}

// retireUnasked takes LIVE off what is owed, as who has revoked it does.
func (s *source) retireUnasked() error {
	if err := s.applyMarks(s.makePlan()); err != nil {
		return err
	}
	h := s.readHistory()
	for _, v := range h.Owed() {
		if err := s.store.Move(s.t.Context(), s.Source.Secret, h.LabelFor(history.Live, v.ID), "", v.ID); err != nil {
			return err
		}
	}
	return nil
}

// testSharedIsNotRetired retires what the current version of another source holds, or one that a person keeps.
func testSharedIsNotRetired(t *testing.T, start func(*testing.T) *source) {
	for _, labels := range [][]string{{history.AWSCurrent}, {history.Live + "00000077", history.Retain}} {
		testShared(t, start, labels)
	}
}

// testShared retires what a version of another source under these labels holds.
func testShared(t *testing.T, start func(*testing.T) *source, labels []string) {
	t.Helper()
	s, back := startRotated(t, start)
	other := s.declareOther()
	old := s.readContent(back.Version)
	s.putOther(other, 0x77, old, labels...)
	s.passQuiet()
	before := s.takeLook()
	err := s.openJob().Advance(t.Context(), plan.Advance{Source: s.Source.Name, Version: back.Version, Current: s.currentID()})
	if err == nil || !strings.Contains(err.Error(), "source "+other.Name) {
		t.Errorf("another source holds it under %v: error is %v", labels, err)
	}
	s.checkUnchanged(before)
	if s.Accepts != nil && !s.Accepts(old) {
		t.Error("the target refuses what another source holds now")
	}
}

// testNothingIsTakenOver rotates back to where a credential that another source holds may be in the way: what the
// version before the current one holds is still accepted, and is that source's now. It comes to the other source before
// the rotation, or once the pending version is made.
func testNothingIsTakenOver(t *testing.T, start func(*testing.T) *source) {
	for _, late := range []bool{false, true} {
		s, back := startRotated(t, start)
		old := s.readContent(back.Version)
		s.must(s.retireUnasked())
		other := s.declareOther()
		token := s.beginRotation()
		if late {
			if _, refused := errors.AsType[*rotate.Refused](s.runSteps(s.openJob(), token, "createSecret")); refused {
				continue // there was no room
			}
		}
		s.putOther(other, 0x77, old, history.AWSCurrent)
		err := s.runSteps(s.openJob(), token)
		if refused, is := errors.AsType[*rotate.Refused](err); err != nil && !is {
			t.Errorf("late %v: error is %v, want *rotate.Refused or none", late, err)
		} else if is && s.Fenced && !strings.Contains(refused.Error(), other.Name) {
			t.Errorf("late %v: error is %v, which does not name %s", late, err, other.Name)
		}
		if !s.Accepts(old) || !s.Accepts(s.readContent(s.currentID())) {
			t.Errorf("late %v: a credential that is somebody's current one is refused", late)
		}
		if err != nil && s.takeLook().holderOf(history.AWSPending) != "" {
			t.Errorf("late %v: the next rotation cannot begin", late)
		}
	}
}
