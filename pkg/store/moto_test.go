package store_test

import (
	"bufio"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/pkg/store/storetest"
)

// moto is somebody else's emulator of AWS (moto_server 5.2.1). It is not needed: without it the facts are checked
// against the stand-in alone, which was written from the same documents as they were.
func TestMotoIsAsSecretsManagerIsButForWhatIsKnown(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Log("moto is not installed")
		return
	}
	cfg := aws.Config{
		Region: region, BaseEndpoint: aws.String(serveMoto(t, path)), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(account, "secret", ""),
	}
	client := secretsmanager.NewFromConfig(cfg)
	t.Log(storetest.Run(t, storetest.Target{
		Client: client, Keeper: client, Prefix: "fact-", Function: motoFunction(t, cfg), Deviations: motoDeviations,
	}))
}

var announced = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// serveMoto starts a server on a port that is free, and returns its address once it says that it listens there.
func serveMoto(t *testing.T, path string) string {
	cmd := exec.CommandContext(t.Context(), path, "-H", "127.0.0.1", "-p", "0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it, and what a launcher may have started
		_ = cmd.Wait()
	})
	lines, at := bufio.NewScanner(out), ""
	for at == "" && lines.Scan() {
		if found := announced.FindStringSubmatch(lines.Text()); found != nil {
			at = found[1]
		}
	}
	if at == "" {
		t.Fatalf("%s ends before it listens", path)
	}
	go func() { // its log must not fill the pipe
		for lines.Scan() {
		}
	}()
	return at
}

// motoFunction makes a function of which moto says that it was called, and that runs nothing.
func motoFunction(t *testing.T, cfg aws.Config) string {
	post := func(path, kind, body string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *cfg.BaseEndpoint+path, strings.NewReader(body))
		check(t, err)
		req.Header.Set("Content-Type", kind)
		req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+account+"/20260105/"+region+"/iam/aws4_request, SignedHeaders=host, Signature=none")
		answer, err := http.DefaultClient.Do(req)
		check(t, err)
		check(t, answer.Body.Close())
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
	check(t, err)
	return aws.ToString(f.FunctionArn)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
