package secretsmanager

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"pgregory.net/rapid"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// createSecrets fills a world: s has three versions, one without a label; full has 20 labels; empty has no value;
// rotating has an empty version under AWSPENDING; gone is marked for deletion.
func createSecrets(w *world) {
	ctx := w.t.Context()
	_, err := w.client.CreateSecret(ctx, &sdk.CreateSecretInput{
		Name: aws.String("s"), ClientRequestToken: aws.String(versionID("v0")), SecretString: aws.String("value of v0"), Description: aws.String("about s"),
		KmsKeyId: aws.String("alias/key"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("")}, {Key: aws.String("env"), Value: aws.String("dev")}},
	})
	must(w.t, err)
	w.clock.Advance(1500 * time.Millisecond)
	must(w.t, w.put("s", versionID("v1"), "value of v1"))
	w.clock.Advance(1234567 * time.Microsecond)
	must(w.t, w.put("s", versionID("v2"), "value of v2", current, "LIVE-v2", "SEEN"))
	_, err = w.client.CreateSecret(ctx, &sdk.CreateSecretInput{Name: aws.String("binary"), ClientRequestToken: aws.String(versionID("v1")), SecretBinary: []byte{0, 255}})
	must(w.t, err)
	w.create("full", "v1", "full")
	for i := range 19 {
		must(w.t, w.move("full", fmt.Sprintf("LABEL-%d", i), versionID("v1"), ""))
	}
	w.create("empty", "", "")
	w.create("rotating", "v1", "rotating")
	w.denied, w.step = false, func(string, string) error { return errors.New("not now") }
	_, err = w.client.RotateSecret(ctx, &sdk.RotateSecretInput{
		SecretId: aws.String("rotating"), ClientRequestToken: aws.String(versionID("v2")), RotationLambdaARN: aws.String(function),
		RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(10 days)"), Duration: aws.String("3h")},
	})
	must(w.t, err)
	w.create("gone", "v1", "gone")
	_, err = w.client.DeleteSecret(ctx, &sdk.DeleteSecretInput{SecretId: aws.String("gone")})
	must(w.t, err)
	w.clock.Advance(time.Minute)
}

func TestDirectAnswersAsTheGenuineClientDoes(t *testing.T) {
	s, long := aws.String, strings.Repeat("x", 257)
	arn := newPair(t).direct.svc.arnPrefix()
	for name, in := range map[string]any{
		"tag":                           &sdk.TagResourceInput{SecretId: s("s"), Tags: []types.Tag{{Key: s("rotary:a"), Value: s("1")}, {Key: s("env"), Value: s("prod")}}},
		"tag with too much":             &sdk.TagResourceInput{SecretId: s("s"), Tags: []types.Tag{{Key: s("rotary:a"), Value: &long}}},
		"tag with a character":          &sdk.TagResourceInput{SecretId: s("s"), Tags: []types.Tag{{Key: s("rotary:a"), Value: s("a,b")}}},
		"tag what is gone":              &sdk.TagResourceInput{SecretId: s("gone"), Tags: []types.Tag{{Key: s("rotary:a"), Value: s("1")}}},
		"untag":                         &sdk.UntagResourceInput{SecretId: s("s"), TagKeys: []string{"env", "none"}},
		"untag nothing there":           &sdk.UntagResourceInput{SecretId: s("none"), TagKeys: []string{"env"}},
		"describe":                      &sdk.DescribeSecretInput{SecretId: s("s")},
		"describe by ARN":               &sdk.DescribeSecretInput{SecretId: s(arn + "s")},
		"describe without a value":      &sdk.DescribeSecretInput{SecretId: s("empty")},
		"describe a rotating secret":    &sdk.DescribeSecretInput{SecretId: s("rotating")},
		"describe a deleted secret":     &sdk.DescribeSecretInput{SecretId: s("gone")},
		"describe a missing secret":     &sdk.DescribeSecretInput{SecretId: s("none")},
		"list":                          &sdk.ListSecretVersionIdsInput{SecretId: s("s")},
		"list all":                      &sdk.ListSecretVersionIdsInput{SecretId: s("s"), IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100)},
		"list the first page":           &sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(1)},
		"list the second page":          &sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(1), NextToken: s("page-1")},
		"list from nowhere":             &sdk.ListSecretVersionIdsInput{SecretId: s("s"), NextToken: s("page-x")},
		"list too many":                 &sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(101)},
		"list none":                     &sdk.ListSecretVersionIdsInput{SecretId: s("s"), MaxResults: aws.Int32(0)},
		"list without a value":          &sdk.ListSecretVersionIdsInput{SecretId: s("empty")},
		"list a missing secret":         &sdk.ListSecretVersionIdsInput{SecretId: s("none")},
		"get":                           &sdk.GetSecretValueInput{SecretId: s("s")},
		"get by version":                &sdk.GetSecretValueInput{SecretId: s("s"), VersionId: s(versionID("v1"))},
		"get by stage":                  &sdk.GetSecretValueInput{SecretId: s("s"), VersionStage: s(previous)},
		"get an unlabelled version":     &sdk.GetSecretValueInput{SecretId: s("s"), VersionId: s(versionID("v0"))},
		"get bytes":                     &sdk.GetSecretValueInput{SecretId: s("binary")},
		"get a missing secret":          &sdk.GetSecretValueInput{SecretId: s("none")},
		"get a missing version":         &sdk.GetSecretValueInput{SecretId: s("s"), VersionId: s(versionID("v9"))},
		"get a missing stage":           &sdk.GetSecretValueInput{SecretId: s("s"), VersionStage: s("X")},
		"get a stage elsewhere":         &sdk.GetSecretValueInput{SecretId: s("s"), VersionId: s(versionID("v1")), VersionStage: s(current)},
		"get without a value":           &sdk.GetSecretValueInput{SecretId: s("empty")},
		"get an empty pending version":  &sdk.GetSecretValueInput{SecretId: s("rotating"), VersionId: s(versionID("v2")), VersionStage: s(pending)},
		"get a deleted secret":          &sdk.GetSecretValueInput{SecretId: s("gone")},
		"batch":                         &sdk.BatchGetSecretValueInput{SecretIdList: []string{"s", "none", "binary", "empty", "gone"}},
		"batch of missing secrets":      &sdk.BatchGetSecretValueInput{SecretIdList: []string{"none"}},
		"batch of nothing":              &sdk.BatchGetSecretValueInput{},
		"batch of too many":             &sdk.BatchGetSecretValueInput{SecretIdList: slices.Repeat([]string{"s"}, 21)},
		"put":                           &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), SecretString: s("value of v3")},
		"put bytes":                     &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), SecretBinary: []byte{1, 2}},
		"put under labels":              &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), SecretString: s("v3"), VersionStages: []string{"Z", "A"}},
		"put the same again":            &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v1")), SecretString: s("value of v1")},
		"put the same, unlabelled":      &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v0")), SecretString: s("value of v0")},
		"put other content":             &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v1")), SecretString: s("other")},
		"put both kinds":                &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), SecretString: s("v3"), SecretBinary: []byte{1}},
		"put nothing":                   &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3"))},
		"put an empty text":             &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), SecretString: s("")},
		"put no bytes":                  &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), SecretBinary: []byte{}},
		"put under no label":            &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), SecretString: s("v3"), VersionStages: []string{}},
		"put under a long label":        &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), SecretString: s("v3"), VersionStages: []string{long}},
		"put under a 21st label":        &sdk.PutSecretValueInput{SecretId: s("full"), ClientRequestToken: s(versionID("v3")), SecretString: s("v3"), VersionStages: []string{"X"}},
		"put with a short token":        &sdk.PutSecretValueInput{SecretId: s("s"), ClientRequestToken: s("short"), SecretString: s("v3")},
		"put into a rotation":           &sdk.PutSecretValueInput{SecretId: s("rotating"), ClientRequestToken: s(versionID("v2")), SecretString: s("v2"), VersionStages: []string{pending}},
		"put during a rotation":         &sdk.PutSecretValueInput{SecretId: s("rotating"), ClientRequestToken: s(versionID("v3")), SecretString: s("v3")},
		"put into a missing secret":     &sdk.PutSecretValueInput{SecretId: s("none"), ClientRequestToken: s(versionID("v3")), SecretString: s("v3")},
		"put into a deleted secret":     &sdk.PutSecretValueInput{SecretId: s("gone"), ClientRequestToken: s(versionID("v3")), SecretString: s("v3")},
		"move":                          &sdk.UpdateSecretVersionStageInput{SecretId: s("s"), VersionStage: s(current), MoveToVersionId: s(versionID("v1")), RemoveFromVersionId: s(versionID("v2"))},
		"move to where it is":           &sdk.UpdateSecretVersionStageInput{SecretId: s("s"), VersionStage: s("SEEN"), MoveToVersionId: s(versionID("v2"))},
		"take a label off":              &sdk.UpdateSecretVersionStageInput{SecretId: s("s"), VersionStage: s("SEEN"), RemoveFromVersionId: s(versionID("v2"))},
		"take AWSCURRENT off":           &sdk.UpdateSecretVersionStageInput{SecretId: s("s"), VersionStage: s(current), RemoveFromVersionId: s(versionID("v2"))},
		"lose a compare-and-swap":       &sdk.UpdateSecretVersionStageInput{SecretId: s("s"), VersionStage: s(current), MoveToVersionId: s(versionID("v0")), RemoveFromVersionId: s(versionID("v1"))},
		"move without saying from":      &sdk.UpdateSecretVersionStageInput{SecretId: s("s"), VersionStage: s("SEEN"), MoveToVersionId: s(versionID("v1"))},
		"move to nowhere":               &sdk.UpdateSecretVersionStageInput{SecretId: s("s"), VersionStage: s("SEEN")},
		"move to a missing version":     &sdk.UpdateSecretVersionStageInput{SecretId: s("s"), VersionStage: s("SEEN"), MoveToVersionId: s(versionID("v9")), RemoveFromVersionId: s(versionID("v2"))},
		"move a 21st label":             &sdk.UpdateSecretVersionStageInput{SecretId: s("full"), VersionStage: s("X"), MoveToVersionId: s(versionID("v1"))},
		"move no label":                 &sdk.UpdateSecretVersionStageInput{SecretId: s("s"), VersionStage: s(""), MoveToVersionId: s(versionID("v1"))},
		"move in a missing secret":      &sdk.UpdateSecretVersionStageInput{SecretId: s("none"), VersionStage: s("X"), MoveToVersionId: s(versionID("v1"))},
		"move in a deleted secret":      &sdk.UpdateSecretVersionStageInput{SecretId: s("gone"), VersionStage: s("X"), MoveToVersionId: s(versionID("v1"))},
		"rotate":                        &sdk.RotateSecretInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), RotationLambdaARN: s(function), RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(3)}},
		"rotate later":                  &sdk.RotateSecretInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), RotationLambdaARN: s(function), RotateImmediately: aws.Bool(false)},
		"rotate without a function":     &sdk.RotateSecretInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3"))},
		"rotate with another function":  &sdk.RotateSecretInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), RotationLambdaARN: s(function + "2")},
		"rotate to an existing version": &sdk.RotateSecretInput{SecretId: s("s"), ClientRequestToken: s(versionID("v1")), RotationLambdaARN: s(function)},
		"rotate a rotating secret":      &sdk.RotateSecretInput{SecretId: s("rotating"), ClientRequestToken: s(versionID("v3"))},
		"rotate too often":              &sdk.RotateSecretInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), RotationLambdaARN: s(function), RotationRules: &types.RotationRulesType{ScheduleExpression: s("rate(1 hour)")}},
		"rotate by cron":                &sdk.RotateSecretInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), RotationLambdaARN: s(function), RotationRules: &types.RotationRulesType{ScheduleExpression: s("cron(0 8 1 * ? *)")}},
		"rotate at a bad hour":          &sdk.RotateSecretInput{SecretId: s("s"), ClientRequestToken: s(versionID("v3")), RotationLambdaARN: s(function), RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(3), Duration: s("x")}},
		"rotate a missing secret":       &sdk.RotateSecretInput{SecretId: s("none"), ClientRequestToken: s(versionID("v3")), RotationLambdaARN: s(function)},
		"rotate a deleted secret":       &sdk.RotateSecretInput{SecretId: s("gone"), ClientRequestToken: s(versionID("v3")), RotationLambdaARN: s(function)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.both(createSecrets)
			if diff := p.compare(t.Context(), in); diff != "" {
				t.Errorf("the genuine client and Direct differ (-genuine +direct):\n%s", diff)
			}
			p.wantSameState(t, "s", "binary", "full", "rotating")
		})
	}
}

// wantSameState fails where the two services do not hold the same.
func (p *pair) wantSameState(t rapid.TB, secrets ...string) {
	t.Helper()
	for _, name := range secrets {
		for _, in := range []any{
			&sdk.DescribeSecretInput{SecretId: &name},
			&sdk.ListSecretVersionIdsInput{SecretId: &name, IncludeDeprecated: aws.Bool(true)},
			&sdk.GetSecretValueInput{SecretId: &name},
		} {
			if diff := p.compare(context.Background(), in); diff != "" {
				t.Errorf("afterwards, the two %s differ (-genuine +direct):\n%s", name, diff)
			}
		}
	}
}

// Every parameter that the SDK knows is passed on or refused, each as over HTTP.
func TestDirectIgnoresNoParameter(t *testing.T) {
	for _, in := range []any{
		sdk.DescribeSecretInput{}, sdk.ListSecretVersionIdsInput{}, sdk.GetSecretValueInput{}, sdk.BatchGetSecretValueInput{},
		sdk.PutSecretValueInput{}, sdk.UpdateSecretVersionStageInput{}, sdk.RotateSecretInput{},
	} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(in)) {
			if !field.IsExported() {
				continue
			}
			t.Run(reflect.TypeOf(in).Name()+"/"+field.Name, func(t *testing.T) {
				p := newPair(t)
				p.both(createSecrets)
				filled := reflect.New(reflect.TypeOf(in))
				for _, always := range []string{"SecretId", "ClientRequestToken", "VersionStage"} {
					fillParameter(filled.Elem().FieldByName(always))
				}
				fillParameter(filled.Elem().FieldByIndex(field.Index))
				if diff := p.compare(t.Context(), filled.Interface()); diff != "" {
					t.Errorf("(-genuine +direct):\n%s", diff)
				}
			})
		}
	}
}

// fillParameter gives a parameter some value.
func fillParameter(v reflect.Value) {
	switch {
	case !v.IsValid():
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillParameter(v.Elem())
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillParameter(v.Index(0))
	case v.Kind() == reflect.String:
		v.SetString("s")
	case v.CanInt():
		v.SetInt(7)
	case v.CanUint():
		v.SetUint(7)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	}
}

// The SDK has types for more codes than the stand-in answers with; each that it answers with has its own.
func TestEveryCodeOfTheStandinHasTheSDKsType(t *testing.T) {
	never := []string{"DecryptionFailure", "EncryptionFailure", "MalformedPolicyDocumentException", "PreconditionNotMetException", "PublicPolicyException"}
	for name, entry := range sdk.TypeRegistry.Entries {
		_, code, _ := strings.Cut(name, "#")
		typed, is := entry.New().(error)
		if !is || slices.Contains(never, code) {
			continue
		}
		if got := typedException(code, "message"); reflect.TypeOf(got) != reflect.TypeOf(typed) {
			t.Errorf("%s is %T, the SDK's is %T", code, got, typed)
		}
	}
}

func TestDirectAnswersAsTheGenuineClientDoesAfterAnySequence(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := newPair(t)
		p.both(func(w *world) {
			w.create("s", "v1", "v1")
			w.create("other", "", "")
		})
		r.Repeat(map[string]func(*rapid.T){
			"call": func(r *rapid.T) {
				fault := sim.Fault{Outcome: sim.Outcome(max(0, rapid.IntRange(-8, int(sim.Stale)).Draw(r, "outcome"))), Delay: time.Minute}
				p.both(func(w *world) { w.setFaultOnce(fault) })
				in := anyInput(r)
				if diff := p.compare(t.Context(), in); diff != "" {
					r.Fatalf("%T differs (-genuine +direct):\n%s", in, diff)
				}
				p.both(func(w *world) { w.tap.OnCall(nil) })
			},
			"wait": func(r *rapid.T) {
				d := time.Duration(rapid.IntRange(1, 90_000).Draw(r, "ms")) * time.Millisecond
				p.both(func(w *world) { w.clock.Advance(d) })
			},
		})
		p.wantSameState(r, "s", "other")
	})
}

// setFaultOnce breaks the next call.
func (w *world) setFaultOnce(fault sim.Fault) {
	w.tap.OnCall(func(sim.Call) sim.Fault {
		w.tap.OnCall(nil)
		return fault
	})
}

func anyInput(r *rapid.T) any {
	some := func(what string, from ...string) *string { return aws.String(rapid.SampledFrom(from).Draw(r, what)) }
	perhaps := func(what string, from ...string) *string {
		if rapid.Bool().Draw(r, "with "+what) {
			return some(what, from...)
		}
		return nil
	}
	versions := []string{versionID("v1"), versionID("v2"), versionID("v3"), versionID("v4"), "short"}
	stages := []string{current, previous, pending, "LIVE", "SEEN"}
	secret := some("secret", "s", "s", "s", "other", "none")
	switch rapid.IntRange(0, 7).Draw(r, "operation") {
	case 0:
		return &sdk.DescribeSecretInput{SecretId: secret}
	case 1:
		return &sdk.ListSecretVersionIdsInput{SecretId: secret, IncludeDeprecated: aws.Bool(rapid.Bool().Draw(r, "deprecated"))}
	case 2:
		return &sdk.GetSecretValueInput{SecretId: secret, VersionId: perhaps("version", versions...), VersionStage: perhaps("stage", stages...)}
	case 3:
		return &sdk.BatchGetSecretValueInput{SecretIdList: []string{*secret, "other"}}
	case 4, 5:
		return &sdk.PutSecretValueInput{
			SecretId: secret, ClientRequestToken: some("version", versions...), SecretString: perhaps("text", "one", "two"),
			VersionStages: rapid.SliceOfN(rapid.SampledFrom(stages), -1, 3).Draw(r, "stages"),
		}
	case 6:
		return &sdk.UpdateSecretVersionStageInput{
			SecretId: secret, VersionStage: some("stage", stages...), MoveToVersionId: perhaps("to", versions...), RemoveFromVersionId: perhaps("from", versions...),
		}
	default:
		return &sdk.RotateSecretInput{SecretId: secret, ClientRequestToken: some("version", versions...), RotationLambdaARN: perhaps("function", function)}
	}
}
