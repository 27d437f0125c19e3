package secretsmanager

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
)

const markedForDeletion = "You can't perform this operation on the secret because it was marked for deletion."

func TestReading(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	must(t, w.put("s", versionID("v2"), "two", "X"))
	for _, c := range []struct{ version, stage, want string }{
		{"", "", "one"}, {"", "AWSCURRENT", "one"}, {"", "X", "two"}, {versionID("v2"), "", "two"}, {versionID("v2"), "X", "two"},
	} {
		got, err := w.get("s", c.version, c.stage)
		must(t, err)
		if got != c.want {
			t.Errorf("version %q stage %q is not the value of %s", c.version, c.stage, c.want)
		}
	}
	for _, c := range []struct{ version, stage, code, says string }{
		{"", "Y", "ResourceNotFoundException", "can't find the specified secret value for staging label: Y"},
		{versionID("v9"), "", "ResourceNotFoundException", "can't find the specified secret value for VersionId: " + versionID("v9")},
		{versionID("v2"), "AWSCURRENT", "InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId."},
	} {
		_, err := w.get("s", c.version, c.stage)
		wantErrorCode(t, err, c.code, c.says)
	}
	_, err := w.get("missing", "", "")
	wantErrorCode(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

func TestAddressing(t *testing.T) {
	w := newWorld(t)
	w.create("source/dev/db", "v1", "one")
	arn := *w.describe("source/dev/db").ARN
	partial := "arn:aws:secretsmanager:us-east-1:111111111111:secret:source/dev/db"
	if !regexp.MustCompile("^" + regexp.QuoteMeta(partial) + "-[0-9A-Za-z]{6}$").MatchString(arn) {
		t.Errorf("ARN is %s", arn)
	}
	for _, name := range []string{arn, partial} {
		if got := *w.describe(name).ARN; got != arn {
			t.Errorf("%s is described as %s", name, got)
		}
	}
	_, err := w.get(partial+"-AAAAAA", "", "")
	wantErrorCode(t, err, "ResourceNotFoundException", "")
}

func TestLimitsOfAPut(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	must(t, w.put("s", versionID("v2"), strings.Repeat("x", 65536)))
	wantErrorCode(t, w.put("s", versionID("v3"), strings.Repeat("x", 65537)), "ValidationException", "65536")
	wantErrorCode(t, w.put("s", strings.Repeat("t", 31), "x"), "InvalidParameterException", "32-64")
	wantErrorCode(t, w.put("s", strings.Repeat("t", 65), "x"), "InvalidParameterException", "32-64")
	_, err := w.client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String("x"), SecretBinary: []byte("x")})
	wantErrorCode(t, err, "InvalidParameterException", "both")
	_, err = w.client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String("s")})
	wantErrorCode(t, err, "InvalidRequestException", "either")
}

func TestBinary(t *testing.T) {
	w := newWorld(t)
	w.create("s", "", "")
	_, err := w.client.PutSecretValue(t.Context(), &sdk.PutSecretValueInput{SecretId: aws.String("s"), SecretBinary: []byte{0, 255}})
	must(t, err)
	out, err := w.client.GetSecretValue(t.Context(), &sdk.GetSecretValueInput{SecretId: aws.String("s")})
	must(t, err)
	if string(out.SecretBinary) != "\x00\xff" || out.SecretString != nil {
		t.Error("binary value came back otherwise")
	}
}

func TestCreateAgain(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	w.create("s", "v1", "one") // the retry of a lost answer
	again := func(token, value string) error {
		_, err := w.client.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String("s"), ClientRequestToken: aws.String(versionID(token)), SecretString: &value})
		return err
	}
	wantErrorCode(t, again("v1", "other"), "ResourceExistsException", "already exists")
	wantErrorCode(t, again("v2", "one"), "ResourceExistsException", "already exists")
	_, err := w.client.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: aws.String("no spaces")})
	wantErrorCode(t, err, "ValidationException", "Invalid name")
}

func TestDatesFollowValuesAndLabels(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	moves := func(what string, want bool, do func() error) {
		t.Helper()
		before := *w.describe("s").LastChangedDate
		w.clock.Advance(time.Minute)
		must(t, do())
		after := *w.describe("s").LastChangedDate
		if moved := after.Equal(w.clock.Now()); moved != want || (!want && !after.Equal(before)) {
			t.Errorf("%s: LastChangedDate moved is %v, want %v", what, moved, want)
		}
	}
	moves("value", true, func() error { return w.put("s", versionID("v2"), "two") })
	moves("label", true, func() error { return w.move("s", "X", versionID("v1"), "") })
	moves("label off", true, func() error { return w.move("s", "X", "", versionID("v1")) })
	moves("same value", false, func() error { return w.put("s", versionID("v2"), "two") })
	moves("reading", false, func() error { _, err := w.get("s", "", ""); return err })
}

func TestVersionsAreListedAndPruned(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v0", "zero")
	for i := 1; i <= 104; i++ {
		must(t, w.put("s", versionID(fmt.Sprintf("v%d", i)), fmt.Sprint(i)))
	}
	if got := len(w.versions("s", true)); got != 105 {
		t.Errorf("%d versions younger than a day, want all 105", got)
	}
	if diff := cmp.Diff([]string{"v103", "v104"}, w.versions("s", false)); diff != "" {
		t.Errorf("labelled versions: %s", diff)
	}
	must(t, w.move("s", "HELD-0", versionID("v0"), ""))
	w.clock.Advance(25 * time.Hour)
	left := w.versions("s", true)
	if len(left) != 100 || left[0] != "v0" || left[1] != "v6" {
		t.Errorf("after a day %d versions are left, first %v", len(left), left[:2])
	}
	_, err := w.get("s", versionID("v1"), "")
	wantErrorCode(t, err, "ResourceNotFoundException", "VersionId")
}

// versions pages through all versions, ten at a time, and sorts them by their numbers.
func (w *world) versions(name string, deprecated bool) []string {
	w.t.Helper()
	var ids []string
	pages := sdk.NewListSecretVersionIdsPaginator(w.client, &sdk.ListSecretVersionIdsInput{SecretId: &name, IncludeDeprecated: &deprecated, MaxResults: aws.Int32(10)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, v := range page.Versions {
			ids = append(ids, strings.TrimRight(*v.VersionId, "-"))
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return ids
}

func TestListSecrets(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.create(fmt.Sprintf("source/dev/%d", i), "v1", "one")
	}
	w.create("other", "v1", "one")
	must(t, w.tag("source/dev/1", "Environment", "dev"))
	must(t, w.tag("other", "Environment", "production"))
	for _, c := range []struct {
		name    string
		filters []types.Filter
		want    []string
	}{
		{"all", nil, []string{"other", "source/dev/0", "source/dev/1", "source/dev/2", "source/dev/3", "source/dev/4"}},
		{"name", []types.Filter{{Key: "name", Values: []string{"source/dev/3", "oth"}}}, []string{"other", "source/dev/3"}},
		{"tag key", []types.Filter{{Key: "tag-key", Values: []string{"Environment"}}}, []string{"other", "source/dev/1"}},
		{"tag key and value", []types.Filter{{Key: "tag-key", Values: []string{"Environment"}}, {Key: "tag-value", Values: []string{"dev"}}}, []string{"source/dev/1"}},
	} {
		if diff := cmp.Diff(c.want, w.list(c.filters)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	_, err := w.client.ListSecrets(t.Context(), &sdk.ListSecretsInput{Filters: []types.Filter{{Key: "all", Values: []string{"x"}}}})
	wantErrorCode(t, err, "StandinNotImplemented", "filter")
}

func (w *world) tag(name, key, value string) error {
	_, err := w.client.TagResource(w.t.Context(), &sdk.TagResourceInput{SecretId: &name, Tags: []types.Tag{{Key: &key, Value: &value}}})
	return err
}

func (w *world) list(filters []types.Filter) []string {
	w.t.Helper()
	var names []string
	pages := sdk.NewListSecretsPaginator(w.client, &sdk.ListSecretsInput{Filters: filters, MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, s := range page.SecretList {
			names = append(names, *s.Name)
		}
	}
	slices.Sort(names)
	return names
}

func TestBatch(t *testing.T) {
	w := newWorld(t)
	w.create("a", "v1", "one")
	w.create("empty", "", "")
	out, err := w.client.BatchGetSecretValue(t.Context(), &sdk.BatchGetSecretValueInput{SecretIdList: []string{"a", "empty", "missing"}})
	must(t, err)
	if len(out.SecretValues) != 1 || *out.SecretValues[0].Name != "a" || *out.SecretValues[0].SecretString != "one" {
		t.Errorf("batch has %d values", len(out.SecretValues))
	}
	missing := slices.IndexFunc(out.Errors, func(e types.APIErrorType) bool { return *e.SecretId == "missing" })
	if len(out.Errors) != 2 || missing < 0 || *out.Errors[missing].ErrorCode != "ResourceNotFoundException" {
		t.Errorf("batch has %d errors", len(out.Errors))
	}
	_, err = w.client.BatchGetSecretValue(t.Context(), &sdk.BatchGetSecretValueInput{Filters: []types.Filter{{Key: "name", Values: []string{"a"}}}})
	wantErrorCode(t, err, "StandinNotImplemented", "Filters")
	_, err = w.client.BatchGetSecretValue(t.Context(), &sdk.BatchGetSecretValueInput{SecretIdList: labelNames(21)})
	wantErrorCode(t, err, "ValidationException", "secretIdList")
}

func TestDeleteAndRestore(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	name := aws.String("s")
	_, err := w.client.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: aws.Int64(6)})
	wantErrorCode(t, err, "InvalidParameterException", "between 7 and 30")
	out, err := w.client.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: aws.Int64(7)})
	must(t, err)
	if !out.DeletionDate.Equal(w.clock.Now().AddDate(0, 0, 7)) || w.describe("s").DeletedDate == nil {
		t.Error("the deletion is not in seven days")
	}
	_, err = w.get("s", "", "")
	wantErrorCode(t, err, "InvalidRequestException", markedForDeletion)
	wantErrorCode(t, w.put("s", versionID("v2"), "two"), "InvalidRequestException", markedForDeletion)
	wantErrorCode(t, w.move("s", "X", versionID("v1"), ""), "InvalidRequestException", markedForDeletion)
	wantErrorCode(t, w.tag("s", "k", "v"), "InvalidRequestException", markedForDeletion)
	_, err = w.client.CreateSecret(t.Context(), &sdk.CreateSecretInput{Name: name})
	wantErrorCode(t, err, "InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
	if got := w.list(nil); len(got) != 0 {
		t.Errorf("deleted secrets are listed: %v", got)
	}
	_, err = w.client.RestoreSecret(t.Context(), &sdk.RestoreSecretInput{SecretId: name})
	must(t, err)
	w.clock.Advance(8 * 24 * time.Hour)
	_, err = w.get("s", "", "")
	must(t, err)
}

func TestDeletedForGood(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	arn := *w.describe("s").ARN
	_, err := w.client.DeleteSecret(t.Context(), &sdk.DeleteSecretInput{SecretId: aws.String("s")})
	must(t, err)
	w.clock.Advance(30 * 24 * time.Hour)
	_, err = w.get("s", "", "")
	wantErrorCode(t, err, "ResourceNotFoundException", "")
	force := &sdk.DeleteSecretInput{SecretId: aws.String("s"), ForceDeleteWithoutRecovery: aws.Bool(true)}
	_, err = w.client.DeleteSecret(t.Context(), force)
	must(t, err) // documented: no error for a secret that is gone
	w.create("s", "v1", "one")
	if *w.describe("s").ARN == arn {
		t.Error("a secret made again has the ARN of the one before")
	}
	_, err = w.client.DeleteSecret(t.Context(), force)
	must(t, err)
	_, err = w.get("s", "", "")
	wantErrorCode(t, err, "ResourceNotFoundException", "")
}

func TestUpdateSecretAndTags(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	update := &sdk.UpdateSecretInput{SecretId: aws.String("s"), ClientRequestToken: aws.String(versionID("v2")), SecretString: aws.String("two"), Description: aws.String("d")}
	_, err := w.client.UpdateSecret(t.Context(), update)
	must(t, err)
	_, err = w.client.UpdateSecret(t.Context(), update)
	wantErrorCode(t, err, "ResourceExistsException", "already in use")
	must(t, w.tag("s", "a", "1"))
	must(t, w.tag("s", "b", "2"))
	_, err = w.client.UntagResource(t.Context(), &sdk.UntagResourceInput{SecretId: aws.String("s"), TagKeys: []string{"a"}})
	must(t, err)
	d := w.describe("s")
	if *d.Description != "d" || len(d.Tags) != 1 || *d.Tags[0].Key != "b" || render(w.labels("s")) != "AWSCURRENT=v2 AWSPREVIOUS=v1" {
		t.Errorf("description %q, %d tags", *d.Description, len(d.Tags))
	}
}

func TestJournalKnowsWrites(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", "one")
	_, _ = w.get("s", "", "")
	must(t, w.put("s", versionID("v2"), "two"))
	var got []string
	for _, c := range w.tap.Calls() {
		got = append(got, fmt.Sprint(c.Operation, " ", c.Resource, " ", c.Write))
	}
	if diff := cmp.Diff([]string{"CreateSecret s true", "GetSecretValue s false", "PutSecretValue s true"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestResolve(t *testing.T) {
	w := newWorld(t)
	w.create("s", "v1", `{"TEXT":"one","NUMBER":123456789,"NULL":null,"OBJECT":{"a":"x"}}`)
	must(t, w.put("s", versionID("v2"), `{"TEXT":"two"}`, "X"))
	w.create("plain", "v1", "not JSON")
	arn, plain := *w.describe("s").ARN, *w.describe("plain").ARN
	for _, c := range []struct{ from, want string }{
		{arn + ":TEXT::", "one"},
		{arn + ":TEXT:X:", "two"},
		{arn + ":TEXT::" + versionID("v2"), "two"},
		{arn + ":::" + versionID("v2"), `{"TEXT":"two"}`},
		{arn + ":NUMBER::", "1.23456789e+08"},
		{arn + ":NULL::", "<nil>"},
		{arn + ":OBJECT::", "map[a:x]"},
		{plain, "not JSON"},
	} {
		got, err := w.svc.Resolve(c.from)
		must(t, err)
		if got != c.want {
			t.Errorf("%s does not resolve to what the agent makes of it", c.from)
		}
	}
	for _, c := range []struct{ from, says string }{
		{arn + ":MISSING::", "retrieved secret from Secrets Manager did not contain json key MISSING"},
		{arn + ":TEXT::" + versionID("v9"), "can't find the specified secret value for VersionId"},
		{plain + ":TEXT::", "not a JSON object"},
		{arn + ":TEXT", "unexpected ARN format"},
		{"s", "arn: invalid prefix"},
	} {
		_, err := w.svc.Resolve(c.from)
		if err == nil || !strings.HasPrefix(err.Error(), "ResourceInitializationError: ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error is %v, want %q", c.from, err, c.says)
		}
	}
}
