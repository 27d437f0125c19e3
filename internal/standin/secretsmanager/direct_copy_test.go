package secretsmanager

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Whoever writes into an answer changes neither the service nor what the tap remembers.
func TestAnAnswerIsACopy(t *testing.T) {
	p := newPair(t)
	p.both(createSecrets)
	s := aws.String
	for _, in := range []any{
		&sdk.DescribeSecretInput{SecretId: s("s")}, &sdk.DescribeSecretInput{SecretId: s("rotating")},
		&sdk.ListSecretVersionIdsInput{SecretId: s("s")}, &sdk.GetSecretValueInput{SecretId: s("s")}, &sdk.GetSecretValueInput{SecretId: s("binary")},
		&sdk.BatchGetSecretValueInput{SecretIdList: []string{"s", "binary", "none"}},
	} {
		for _, outcome := range []sim.Outcome{sim.Works, sim.Stale, sim.Stale, sim.Works} {
			p.both(func(w *world) { w.setFaultOnce(sim.Fault{Outcome: outcome}) })
			if diff := p.compare(t.Context(), in); diff != "" {
				t.Errorf("%T changed, outcome %d (-genuine +direct):\n%s", in, outcome, diff)
			}
			p.reached.setFaultOnce(sim.Fault{Outcome: outcome})
			overwriteAnswer(p.reached.makeCall(t.Context(), in).Out)
		}
	}
	out, err := p.direct.DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: s("s")})
	if must(t, err); out.ResultMetadata.Has("x") {
		t.Error("what was written into one answer's metadata is in another's")
	}
}

// overwriteAnswer overwrites all that an answer holds.
func overwriteAnswer(out any) {
	switch out := out.(type) {
	case *sdk.DescribeSecretOutput:
		*out.ARN, *out.Name, *out.CreatedDate, *out.LastChangedDate = "x", "x", time.Time{}, time.Time{}
		for _, held := range out.VersionIdsToStages {
			held[0] = "x"
		}
		clear(out.VersionIdsToStages)
		for _, tag := range out.Tags {
			*tag.Key, *tag.Value = "x", "x"
		}
		if out.RotationRules != nil {
			*out.RotationEnabled, *out.RotationLambdaARN = false, "x"
			*out.RotationRules.Duration, *out.RotationRules.ScheduleExpression = "x", "x"
		}
		out.ResultMetadata.Set("x", "x")
	case *sdk.ListSecretVersionIdsOutput:
		for _, v := range out.Versions {
			*v.VersionId, v.VersionStages[0], v.KmsKeyIds[0], *v.CreatedDate = "x", "x", "x", time.Time{}
			if v.LastAccessedDate != nil {
				*v.LastAccessedDate = time.Time{}
			}
		}
		clear(out.Versions)
	case *sdk.GetSecretValueOutput:
		out.ResultMetadata.Set("x", "x")
		scribbleValue(types.SecretValueEntry{
			ARN: out.ARN, Name: out.Name, VersionId: out.VersionId, VersionStages: out.VersionStages,
			SecretString: out.SecretString, SecretBinary: out.SecretBinary, CreatedDate: out.CreatedDate,
		})
	case *sdk.BatchGetSecretValueOutput:
		for _, v := range out.SecretValues {
			scribbleValue(v)
		}
		for _, e := range out.Errors {
			*e.ErrorCode, *e.Message, *e.SecretId = "x", "x", "x"
		}
		clear(out.SecretValues)
		clear(out.Errors)
	}
}

func scribbleValue(v types.SecretValueEntry) {
	*v.ARN, *v.Name, *v.VersionId, *v.CreatedDate, v.VersionStages[0] = "x", "x", "x", time.Time{}, "x"
	if v.SecretString != nil {
		*v.SecretString = "x"
	}
	clear(v.SecretBinary)
}

// A call that is done late is done as it was made.
func TestACallIsACopy(t *testing.T) {
	p := newPair(t)
	w := p.reached
	createSecrets(w)
	late := func(in any) {
		w.setFaultOnce(sim.Fault{Outcome: sim.Late, Delay: time.Second})
		if _, err := sendInput(t.Context(), p.direct, in); !errors.Is(err, sim.ErrBroken) {
			t.Errorf("%T: %v", in, err)
		}
	}
	put := &sdk.PutSecretValueInput{SecretId: aws.String("binary"), ClientRequestToken: aws.String(versionID("v2")), SecretBinary: []byte{1, 2}, VersionStages: []string{"A"}}
	text := &sdk.PutSecretValueInput{SecretId: aws.String("binary"), ClientRequestToken: aws.String(versionID("v3")), SecretString: aws.String("text"), VersionStages: []string{"B"}}
	move := &sdk.UpdateSecretVersionStageInput{SecretId: aws.String("s"), VersionStage: aws.String("C"), MoveToVersionId: aws.String(versionID("v1"))}
	rotate := &sdk.RotateSecretInput{
		SecretId: aws.String("s"), ClientRequestToken: aws.String(versionID("v5")), RotationLambdaARN: aws.String(function), RotateImmediately: aws.Bool(false),
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(3)},
	}
	for _, in := range []any{put, text, move, rotate} {
		late(in)
	}
	put.SecretBinary[0], put.VersionStages[0], *put.ClientRequestToken, *put.SecretId = 9, "x", versionID("x"), "x"
	*text.SecretString, *move.VersionStage, *move.MoveToVersionId = "x", "x", versionID("x")
	*rotate.RotateImmediately, *rotate.RotationRules.AutomaticallyAfterDays, *rotate.RotationLambdaARN = true, 9, "x"
	w.clock.Advance(time.Second)

	binary, s := w.svc.entries["binary"], w.svc.entries["s"]
	want := labels{current: versionID("v1"), "A": versionID("v2"), "B": versionID("v3")}
	if diff := cmp.Diff(want, binary.labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	for version, content := range map[string]string{"v2": "\x01\x02", "v3": "text"} {
		if v := binary.findVersion(versionID(version)); v == nil || !v.content.value.Equal(secret.New(content)) {
			t.Errorf("%s is not what was put", version)
		}
	}
	if s.labels["C"] != versionID("v1") || s.labels[pending] != versionID("v5") || *s.rotation.rules.AutomaticallyAfterDays != 3 || s.rotation.run != nil {
		t.Errorf("labels %v, rotation %+v", s.labels, s.rotation)
	}
}
