package secretsmanager

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// BenchmarkClient compares the genuine client, over HTTP in memory, with Direct on a source as it usually looks.
func BenchmarkClient(b *testing.B) {
	w := newWorld(b)
	w.create("s", "v1", `{"KEY": "one"}`)
	must(b, w.put("s", versionID("v2"), `{"KEY": "two"}`, current, "LIVE-v2", "SEEN"))
	must(b, w.move("s", "LIVE-v1", versionID("v1"), ""))
	moves := 0
	for _, c := range []struct {
		name   string
		client api
	}{{"wire", w.client}, {"direct", w.svc.Direct(w.tap, "")}} {
		for _, op := range []string{"DescribeSecret", "ListSecretVersionIds", "GetSecretValue", "BatchGetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"} {
			b.Run(fmt.Sprintf("%s/%s", op, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					must(b, callAsStore(b, c.client, op, &moves))
					if i%1000 == 0 {
						w.tap.Reset()
					}
				}
			})
		}
	}
}

// callAsStore makes the call as pkg/store makes it.
func callAsStore(b *testing.B, c api, op string, moves *int) (err error) {
	s, ctx := aws.String("s"), b.Context()
	switch op {
	case "DescribeSecret":
		_, err = c.DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: s})
	case "ListSecretVersionIds":
		_, err = c.ListSecretVersionIds(ctx, &sdk.ListSecretVersionIdsInput{SecretId: s, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100)})
	case "GetSecretValue":
		_, err = c.GetSecretValue(ctx, &sdk.GetSecretValueInput{SecretId: s, VersionId: aws.String(versionID("v2"))})
	case "BatchGetSecretValue":
		_, err = c.BatchGetSecretValue(ctx, &sdk.BatchGetSecretValueInput{SecretIdList: []string{"s"}})
	case "PutSecretValue":
		_, err = c.PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: s, ClientRequestToken: aws.String(versionID("v2")), SecretString: aws.String(`{"KEY": "two"}`)})
	case "UpdateSecretVersionStage":
		to, from := versionID("v1"), versionID("v2")
		if *moves++; *moves%2 == 0 {
			to, from = from, to
		}
		_, err = c.UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{
			SecretId: s, VersionStage: aws.String("SEEN"), MoveToVersionId: &to, RemoveFromVersionId: &from,
		})
	}
	return err
}
