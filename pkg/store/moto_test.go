package store_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/moto"
	"github.com/rotary-secrets/rotary/internal/storetest"
)

func TestMotoIsAsSecretsManagerIsButForWhatIsKnown(t *testing.T) {
	t.Parallel()
	cfg, installed := moto.Config(t, account, region)
	if !installed {
		return
	}
	client := secretsmanager.NewFromConfig(cfg)
	t.Log(storetest.Run(t, storetest.Target{
		Client: client, Keeper: client, Prefix: "fact-", Function: motoFunction(t, cfg), Deviations: motoDeviations,
	}))
}

// motoFunction makes a function of which moto says that it was called, and that runs nothing.
func motoFunction(t *testing.T, cfg aws.Config) string {
	post := func(path, kind, body string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *cfg.BaseEndpoint+path, strings.NewReader(body))
		mustSucceed(t, err)
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+account+"/20260105/"+region+"/iam/aws4_request, SignedHeaders=host, Signature=none")
		answer, err := http.DefaultClient.Do(req)
		mustSucceed(t, err)
		mustSucceed(t, answer.Body.Close())
		if answer.StatusCode >= 300 {
			t.Fatalf("%s: moto answers %s", path, answer.Status)
		}
	}
	post("/moto-api/config", "application/json", `{"lambda": {"use_docker": false}}`)
	post("/", "application/x-www-form-urlencoded", url.Values{
		"Action": {"CreateRole"}, "Version": {"2010-05-08"}, "RoleName": {"idle"}, "AssumeRolePolicyDocument": {
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
		},
	}.Encode())
	f, err := lambda.NewFromConfig(cfg).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: aws.String("idle"), Role: aws.String("arn:aws:iam::123456789012:role/idle"), Runtime: lambdatypes.RuntimeProvidedal2023,
		Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: []byte("PK\x05\x06" + strings.Repeat("\x00", 18))},
	})
	mustSucceed(t, err)
	return aws.ToString(f.FunctionArn)
}

func mustSucceed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
