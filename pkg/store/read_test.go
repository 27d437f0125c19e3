package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

func TestLookListsWhatCarriesALabel(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one", "two", "three")
	w.mustMove("LIVE-one", versionID("one"), "")
	w.Advance(time.Minute)
	w.mustMove(history.Retain, versionID("one"), "")
	got, err := w.store.Look(t.Context(), name)
	w.must(err)
	want := history.History{
		Secret: name, ARN: got.ARN, Changed: w.Clock.Now(),
		Versions: []history.Version{
			{ID: versionID("one"), Labels: []string{"LIVE-one", "RETAIN"}}, {ID: versionID("three"), Labels: []string{"AWSCURRENT"}}, {ID: versionID("two"), Labels: []string{"AWSPREVIOUS"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("look (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(got.ARN, "arn:aws:secretsmanager:us-east-1:111111111111:secret:"+name+"-") {
		t.Errorf("ARN is %s", got.ARN)
	}
}

func TestLookOfASecretWithoutAValueHasNoVersions(t *testing.T) {
	w := newWorld(t)
	w.createSecret(name)
	got, err := w.store.Look(t.Context(), name)
	if err != nil || len(got.Versions) != 0 || got.Secret != name {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestLookSaysWhetherRotationIsEnabled(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one")
	w.beginRotation(name, "two")
	got, err := w.store.Look(t.Context(), name)
	if err != nil || !got.RotationEnabled {
		t.Errorf("rotation enabled: %v, %v", got.RotationEnabled, err)
	}
}

func TestAMissingSecretIsErrMissing(t *testing.T) {
	w := newWorld(t)
	_, look := w.store.Look(t.Context(), "nothing")
	_, lookAll := w.store.LookAll(t.Context(), "nothing")
	put := w.store.Put(t.Context(), "nothing", versionID("one"), secret.New("v"))
	for doing, err := range map[string]error{"Look": look, "LookAll": lookAll} {
		if !errors.Is(err, store.ErrMissing) || !strings.Contains(err.Error(), "describe nothing: it does not exist") {
			t.Errorf("%s: %v", doing, err)
		}
	}
	if put == nil || !strings.Contains(put.Error(), "write a version of nothing") {
		t.Errorf("put: %v", put)
	}
}

func TestADeletedSecretIsAnErrorEverywhere(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one")
	_, err := w.client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: new(name)})
	w.must(err)
	_, look := w.store.Look(t.Context(), name)
	_, lookAll := w.store.LookAll(t.Context(), name)
	_, _, current := w.store.Current(t.Context(), []string{name})
	_, _, value := w.store.Value(t.Context(), name, versionID("one"))
	for what, err := range map[string]error{
		"Look": look, "LookAll": lookAll, "Current": current, "Value": value,
		"Put":  w.store.Put(t.Context(), name, versionID("two"), secret.New("v")),
		"Move": w.store.Move(t.Context(), name, "L", versionID("one"), ""),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", what, err)
		}
		reads := what != "Put" && what != "Move" // whoever writes has looked before
		said := strings.HasSuffix(err.Error(), ": it is scheduled for deletion on 2026-02-04: restore it "+
			"(aws secretsmanager restore-secret --secret-id '"+name+"') or take it out of the manifest")
		if reads && (!errors.Is(err, store.ErrDeleted) || !said) {
			t.Errorf("%s does not say what to do: %v", what, err)
		}
	}
}

func TestBinaryDataIsNoText(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one")
	w.Advance(time.Minute)
	put := func(version string, labels ...string) {
		_, err := w.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: new(name),
			ClientRequestToken: new(versionID(version)), SecretBinary: []byte("canary\x00\xff"), VersionStages: labels})
		w.must(err)
	}
	put("old", "X")
	w.Advance(time.Minute)
	put("two")
	for _, version := range []string{"old", "two"} {
		_, has, err := w.store.Value(t.Context(), name, versionID(version))
		if !has || !errors.Is(err, secret.ErrBinary) || err.Error() != "read version "+versionID(version)+" of "+name+
			": it holds binary data, which no environment variable can: store it as text" {
			t.Errorf("Value: has %v, %v", has, err)
		}
	}
	versions, texts, err := w.store.Current(t.Context(), []string{name})
	if _, has := texts[name]; err != nil || has || versions[name] != versionID("two") {
		t.Errorf("Current: has a text %v, version %s, %v", has, versions[name], err)
	}
	h, err := w.store.LookAll(t.Context(), name)
	w.must(err)
	for _, v := range h.Versions {
		if v.Empty {
			t.Errorf("version %s is said to have no value", v.ID)
		}
	}
}

func TestLookAllHasEveryVersionOldestFirst(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "d", "c", "b", "a")
	got, err := store.New(newestFirst{w.client}).LookAll(t.Context(), name)
	w.must(err)
	var ids []string
	for _, v := range got.Versions {
		ids = append(ids, v.ID[:1]+" "+strings.Join(v.Labels, ","))
	}
	if diff := cmp.Diff([]string{"d ", "c ", "b AWSPREVIOUS", "a AWSCURRENT"}, ids); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if made := got.Versions[3].Created; !made.Equal(w.Clock.Now()) {
		t.Errorf("the newest was made at %v, want %v", made, w.Clock.Now())
	}
}

func TestLookAllReadsOnPastAHundredVersions(t *testing.T) {
	w := newWorld(t, sim.Lists{Whole: true})
	w.createSecret(name)
	for n := range 230 {
		w.Advance(time.Second)
		w.must(w.store.Put(t.Context(), name, numberedID(n), secret.New("v")))
	}
	w.mustMove(history.Seen, numberedID(229), "")
	w.Advance(time.Second)
	w.must(w.store.Put(t.Context(), name, numberedID(230), secret.New("v")))
	w.Tap.Reset()
	got, err := w.store.LookAll(t.Context(), name)
	w.must(err)
	if n := w.countCalls("ListSecretVersionIds"); len(got.Versions) != 231 || n != 3 {
		t.Errorf("%d versions in %d pages, want 231 in 3", len(got.Versions), n)
	}
	if n := w.countCalls("GetSecretValue"); n != 0 {
		t.Errorf("%d values were read although SEEN and AWSCURRENT vouch for all of them", n)
	}
}

func TestLookAllKnowsAVersionWithoutAValue(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one")
	w.Advance(time.Minute)
	w.beginRotation(name, "two")
	w.Tap.Reset()
	got, err := w.store.LookAll(t.Context(), name)
	w.must(err)
	one, _ := got.Version(versionID("one"))
	two, known := got.Version(versionID("two"))
	if !known || !two.Empty || !two.Has(history.AWSPending) || one.Empty {
		t.Errorf("one: %+v, two: %+v", one, two)
	}
	if n := w.countCalls("GetSecretValue"); n != 1 {
		t.Errorf("%d values were read, want that of the one version in doubt", n)
	}
}

func TestLookAllFailsWhereAnyOfItsReadsFails(t *testing.T) {
	for _, operation := range []string{"DescribeSecret", "ListSecretVersionIds", "GetSecretValue"} {
		w := newWorld(t)
		w.seedSecret(name, "one", "two")
		w.beginRotation(name, "three")
		w.breakCalls(operation, 1, sim.Denied)
		got, err := w.store.LookAll(t.Context(), name)
		if err == nil || !strings.Contains(err.Error(), name) || len(got.Versions) > 0 {
			t.Errorf("%s denied: %+v, %v", operation, got, err)
		}
	}
}

// TestCurrentReadsTwentyAtATime reads 45 secrets: one of them has no value, and one does not exist.
func TestCurrentReadsTwentyAtATime(t *testing.T) {
	w := newWorld(t)
	var names []string
	for n := range 45 {
		names = append(names, fmt.Sprintf("bucket-%02d", n))
		switch n {
		case 7:
			w.createSecret(names[n])
		case 44:
		default:
			w.must(errorOf(w.client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &names[n]})))
			w.must(w.store.Put(t.Context(), names[n], numberedID(n), secret.New("value of "+names[n])))
		}
	}
	w.Tap.Reset()
	versions, texts, err := w.store.Current(t.Context(), names)
	w.must(err)
	if n := w.countCalls("BatchGetSecretValue"); n != 3 || len(w.Tap.Calls()) != 3 {
		t.Errorf("%d batches in %d calls, want 3", n, len(w.Tap.Calls()))
	}
	if len(versions) != 43 || len(texts) != 43 {
		t.Errorf("%d versions and %d texts, want 43", len(versions), len(texts))
	}
	for n, name := range names {
		if n == 7 || n == 44 {
			continue
		}
		if versions[name] != numberedID(n) || !texts[name].Equal(secret.New("value of "+name)) {
			t.Errorf("%s has the wrong version or value", name)
		}
	}
}

func errorOf[T any](_ T, err error) error { return err }

func TestCurrentOfNothingAsksNobody(t *testing.T) {
	w := newWorld(t)
	versions, texts, err := w.store.Current(t.Context(), nil)
	if err != nil || len(versions)+len(texts)+len(w.Tap.Calls()) != 0 {
		t.Errorf("%v, %d texts, %v", versions, len(texts), err)
	}
}

// TestCurrentNamesWhatCannotBeRead: the others come with the error. What is about the service, or about whoever asks,
// fails the whole read, in the answer about one secret too.
func TestCurrentNamesWhatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.seedSecret("a", "one")
	w.seedSecret("b", "one")
	_, err := w.client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: new("b")})
	w.must(err)
	versions, texts, err := w.store.Current(t.Context(), []string{"a", "b"})
	some, is := errors.AsType[*history.Unreadable](err)
	if !is || len(some.Secrets) != 1 || !errors.Is(some.Secrets["b"], store.ErrDeleted) || len(versions) != 1 || len(texts) != 1 {
		t.Errorf("%v, %v", versions, err)
	}
	if err == nil || !strings.Contains(err.Error(), "read b: it is scheduled for deletion") {
		t.Errorf("the error is %v", err)
	}
	for code, alone := range map[string]bool{
		"AccessDeniedException": true, "DecryptionFailure": true, "InvalidRequestException": true,
		"InternalServiceError": false, "ThrottlingException": false, "UnrecognizedClientException": false, "": false,
	} {
		answer := &secretsmanager.BatchGetSecretValueOutput{
			SecretValues: []types.SecretValueEntry{{Name: new("a"), VersionId: new("v")}},
			Errors:       []types.APIErrorType{{SecretId: new("c"), ErrorCode: new(code), Message: new("canary")}},
		}
		versions, _, err := store.New(partial{w.client, answer}).Current(t.Context(), []string{"a", "c"})
		some, is := errors.AsType[*history.Unreadable](err)
		if err == nil || strings.Contains(err.Error(), "canary") || is != alone || (len(versions) == 1) != alone {
			t.Errorf("%q: %v, %v", code, versions, err)
		}
		if alone && some.Secrets["c"] == nil {
			t.Errorf("%q: %v does not name c", code, some.Secrets)
		}
	}
	w.breakCalls("BatchGetSecretValue", 1, sim.Denied)
	_, _, err = w.store.Current(t.Context(), []string{"a"})
	if _, is := errors.AsType[*history.Unreadable](err); err == nil || is {
		t.Errorf("the whole read was denied, and the error is %v", err)
	}
}

func TestCurrentFailsWhereTheAnswerDoesNotCoverEverything(t *testing.T) {
	w := newWorld(t)
	w.seedSecret("a", "one")
	w.seedSecret("b", "one")
	both := []types.SecretValueEntry{{Name: new("a"), VersionId: new("v")}, {Name: new("b"), VersionId: new("v")}}
	for what, answer := range map[string]*secretsmanager.BatchGetSecretValueOutput{
		"nothing": {}, "one of two": {SecretValues: both[:1]}, "one twice": {SecretValues: []types.SecretValueEntry{both[0], both[0]}}, "more to come": {SecretValues: both, NextToken: new("page-1")},
	} {
		_, _, err := store.New(partial{w.client, answer}).Current(t.Context(), []string{"a", "b"})
		if err == nil || !strings.Contains(err.Error(), "read 2 secrets at once: the answer covers") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestValueReadsOneVersion(t *testing.T) {
	w := newWorld(t)
	w.seedSecret(name, "one", "two")
	w.beginRotation(name, "three")
	for version, want := range map[string]string{"one": "value of one", "two": "value of two", "three": "", "four": ""} {
		text, has, err := w.store.Value(t.Context(), name, versionID(version))
		if err != nil || has != (want != "") || !text.Equal(secret.New(want)) {
			t.Errorf("%s: has %v, %v, or the wrong value", version, has, err)
		}
	}
}

func TestNowIsTheServersTime(t *testing.T) {
	w := newWorld(t)
	if !w.store.Now().IsZero() {
		t.Errorf("before the first answer it is %v", w.store.Now())
	}
	w.seedSecret(name, "one")
	reads := map[string]func() error{
		"Look":    func() error { return errorOf(w.store.Look(t.Context(), name)) },
		"LookAll": func() error { return errorOf(w.store.LookAll(t.Context(), name)) },
		"Current": func() error { _, _, err := w.store.Current(t.Context(), []string{name}); return err },
		"Value":   func() error { _, _, err := w.store.Value(t.Context(), name, versionID("one")); return err },
		"Put":     func() error { return w.store.Put(t.Context(), name, versionID("two"), secret.New("v")) },
		"Move": func() error {
			return w.store.Move(t.Context(), name, "L"+w.Clock.Now().Format("150405"), versionID("one"), "")
		},
		"another": func() error {
			return errorOf(w.store.WithRotationToken(secret.Value{}).Look(t.Context(), name))
		},
	}
	for what, read := range reads {
		w.Advance(90 * time.Second)
		w.must(read())
		if now := w.store.Now(); !now.Equal(w.Clock.Now()) {
			t.Errorf("after %s it is %v, want %v", what, now, w.Clock.Now())
		}
	}
}
