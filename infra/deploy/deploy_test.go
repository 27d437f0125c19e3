package main

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain is the command itself where a test starts it as one.
func TestMain(m *testing.M) {
	if os.Getenv("ROTARY_DEPLOY_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

const manifestText = `
environments: {dev: {account: "111111111111", region: us-east-1}, production: {account: "222222222222", region: us-east-1}}
sources: {app-db: {keys: [A], rotate: {with: random}}, handshake: {keys: [B], rotate: {with: random}}, vendors: {keys: [C]}}
buckets: {app: {originals: [A]}}
`

// servicesText is a template of the reference services with an image.
const servicesText = `{"Resources": {"Definition": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Image": %q}}, "Api": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "Definition"}}}, "Log": {"Type": "AWS::Logs::LogGroup"}}}`

// cdkText is a command line of CDK that only writes down what it is asked, and fails where FAIL stands in it.
const cdkText = "#!/bin/sh\necho \"$*\" >>asked\ncase \" $* \" in *\" $FAIL \"*) exit 3;; esac\n"

// place is a folder like infra/, with a manifest, an assembly of environment dev and a command line of CDK.
func place(t *testing.T, stacks ...string) string {
	t.Helper()
	dir := t.TempDir()
	var artifacts []string
	for _, s := range stacks {
		artifacts = append(artifacts, fmt.Sprintf(`"rotary-%s": {"type": "aws:cloudformation:stack", "properties": {"templateFile": "rotary-%s.template.json", "requiresBootstrapStackVersion": 6}}`, s, s))
	}
	artifacts = append(artifacts, `"rotary-dev-secrets.assets": {"type": "cdk:asset-manifest"}`)
	for path, text := range map[string]string{
		"rotary.yaml": manifestText, "cdk.out/manifest.json": `{"artifacts": {` + strings.Join(artifacts, ", ") + `}}`,
		"cdk.out/rotary-dev-schedules.template.json": `{"Resources": {"A": {"Type": "AWS::SecretsManager::RotationSchedule", "Properties": {"SecretId": "source/dev/handshake"}}, "B": {"Type": "AWS::SecretsManager::RotationSchedule", "Properties": {"SecretId": "source/dev/app-db"}}, "C": {"Type": "AWS::Lambda::Permission", "Properties": {}}}}`,
		"cdk.out/rotary-dev-services.template.json":  fmt.Sprintf(servicesText, "example/api:2"),
		"node_modules/.bin/cdk":                      cdkText,
	} {
		path = filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var all = []string{"dev-secrets", "dev-pipeline", "dev-access", "dev-services", "dev-sandbox-one", "dev-schedules"}

// cloud answers what deploy asks: whose credentials these are, which version of CDK's bootstrap there is ("" for none), and
// which secrets have a value, and the template of the services that are deployed, if any are.
type cloud struct {
	account, bootstrap string
	values             []string
	services           string
	asked              *[]string
}

func (a cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	target := r.Header.Get("X-Amz-Target")
	switch {
	case strings.Contains(string(body), "Action=GetCallerIdentity"):
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, a.account)
	case strings.Contains(string(body), "Action=DescribeStacks") && a.bootstrap == "":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id CDKToolkit does not exist</Message></Error></ErrorResponse>`)
	case strings.Contains(string(body), "Action=DescribeStacks"):
		fmt.Fprintf(w, `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member><StackName>CDKToolkit</StackName><StackStatus>CREATE_COMPLETE</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime><Outputs><member><OutputKey>BucketName</OutputKey><OutputValue>99</OutputValue></member><member><OutputKey>BootstrapVersion</OutputKey><OutputValue>%s</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`, a.bootstrap)
	case strings.Contains(string(body), "Action=GetTemplate") && a.services == "":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id rotary-dev-services does not exist</Message></Error></ErrorResponse>`)
	case strings.Contains(string(body), "Action=GetTemplate"):
		fmt.Fprintf(w, `<GetTemplateResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><GetTemplateResult><TemplateBody>%s</TemplateBody></GetTemplateResult></GetTemplateResponse>`, html.EscapeString(a.services))
	case target == "secretsmanager.DescribeSecret":
		*a.asked = append(*a.asked, string(body))
		versions := `{"11111111-1111-1111-1111-111111111111": ["AWSPENDING"]}`
		if slices.ContainsFunc(a.values, func(name string) bool { return strings.Contains(string(body), `"`+name+`"`) }) {
			versions = `{"11111111-1111-1111-1111-111111111111": ["LIVE-11111111", "AWSCURRENT"]}`
		}
		fmt.Fprintf(w, `{"Name": "x", "VersionIdsToStages": %s}`, versions)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// result is how a run of the command ended.
type result struct {
	code  int
	said  string
	asked []string // of CDK's command line
	seen  []string // requests about secrets
}

// deploy runs the command in a place, before this AWS.
func deploy(t *testing.T, dir, env, fails string, a cloud, variables ...string) result {
	t.Helper()
	var seen []string
	a.asked = &seen
	server := httptest.NewServer(a)
	defer server.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Dir = dir
	cmd.Env = slices.Concat(variables, []string{
		"ROTARY_DEPLOY_MAIN=1", "PATH=" + os.Getenv("PATH"), "ENV=" + env, "FAIL=" + fails, "ROTARY_MANIFEST=rotary.yaml", "AWS_ENDPOINT_URL=" + server.URL, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nothing", "AWS_SHARED_CREDENTIALS_FILE=/nothing",
	})
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r := result{code: cmd.ProcessState.ExitCode(), said: string(out), seen: seen}
	if asked, err := os.ReadFile(filepath.Join(dir, "asked")); err == nil {
		r.asked = strings.Split(strings.TrimSpace(string(asked)), "\n")
	}
	return r
}

const (
	before    = "deploy --app cdk.out --require-approval broadening --exclusively rotary-dev-access rotary-dev-pipeline rotary-dev-sandbox-one rotary-dev-secrets rotary-dev-services"
	schedules = "deploy --app cdk.out --require-approval broadening --exclusively rotary-dev-schedules"
)

func TestAFirstDeployWaitsForValuesBeforeItSchedulesRotations(t *testing.T) {
	t.Parallel()
	r := deploy(t, place(t, all...), "dev", "", cloud{account: "111111111111", bootstrap: "21", values: []string{"source/dev/app-db"}})
	if r.code != 0 || !slices.Equal(r.asked, []string{before}) {
		t.Errorf("exit code %d, CDK was asked %q, want only %q", r.code, r.asked, before)
	}
	if !strings.Contains(r.said, "rotary put dev handshake\n") || strings.Contains(r.said, "put dev app-db") || !strings.Contains(r.said, "make deploy ENV=dev\n") {
		t.Errorf("it says %q, and not to put handshake and to come again", r.said)
	}
}

func TestADeployWithValuesSchedulesRotationsLast(t *testing.T) {
	t.Parallel()
	dir := place(t, all...)
	a := cloud{account: "111111111111", bootstrap: "6", values: []string{"source/dev/app-db", "source/dev/handshake"}}
	for run := 1; run <= 2; run++ {
		r := deploy(t, dir, "dev", "", a)
		if want := slices.Repeat([]string{before, schedules}, run); r.code != 0 || !slices.Equal(r.asked, want) {
			t.Errorf("run %d: exit code %d, CDK was asked %q, want %q", run, r.code, r.asked, want)
		}
	}
}

func TestAnEnvironmentWhereNothingRotatesIsDeployedAtOnce(t *testing.T) {
	t.Parallel()
	r := deploy(t, place(t, "dev-secrets"), "dev", "", cloud{account: "111111111111", bootstrap: "21"})
	if r.code != 0 || len(r.asked) != 1 || len(r.seen) != 0 {
		t.Errorf("exit code %d, CDK was asked %q, Secrets Manager %q", r.code, r.asked, r.seen)
	}
}

// TestAServiceThatRunsIsNotPutBack has services deployed already: the same as now, without one of now, with one more than
// now, and with an older image.
func TestAServiceThatRunsIsNotPutBack(t *testing.T) {
	t.Parallel()
	same := fmt.Sprintf(servicesText, "example/api:2")
	for _, c := range []struct {
		name, services, want string
		variables            []string
	}{
		{"the same", same, "", nil},
		{"a log group less", strings.Replace(same, `, "Log": {"Type": "AWS::Logs::LogGroup"}`, "", 1), "", nil},
		{"a service less", `{"Resources": {}}`, "", nil},
		{"a service more", strings.Replace(same, `"Log"`, `"Worker": {"Type": "AWS::ECS::Service", "Properties": {"A": 1}}, "Log"`, 1), "Worker would be put back", nil},
		{"another image", fmt.Sprintf(servicesText, "example/api:1"), "Definition would be put back", nil},
		{"another image, on purpose", fmt.Sprintf(servicesText, "example/api:1"), "", []string{"SERVICES=replace"}},
		{"no template", "{", "look at what is deployed of rotary-dev-services", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := deploy(t, place(t, all...), "dev", "", cloud{account: "111111111111", bootstrap: "21", services: c.services}, c.variables...)
			switch {
			case c.want == "" && (r.code != 0 || !slices.Equal(r.asked, []string{before})):
				t.Errorf("exit code %d, CDK was asked %q, it says %q", r.code, r.asked, r.said)
			case c.want != "" && (r.code != 1 || len(r.asked) > 0 || !strings.Contains(r.said, c.want)):
				t.Errorf("exit code %d, CDK was asked %q, it says %q, and not %q", r.code, r.asked, r.said, c.want)
			}
		})
	}
}

func TestADeployThatFailsStopsThere(t *testing.T) {
	t.Parallel()
	r := deploy(t, place(t, all...), "dev", "rotary-dev-pipeline", cloud{account: "111111111111", bootstrap: "21", values: []string{"source/dev/app-db", "source/dev/handshake"}})
	if r.code != 1 || !slices.Equal(r.asked, []string{before}) || !strings.Contains(r.said, "run it again") {
		t.Errorf("exit code %d, CDK was asked %q, it says %q", r.code, r.asked, r.said)
	}
}

func TestNothingIsDeployedWhereItDoesNotBelong(t *testing.T) {
	t.Parallel()
	mine := cloud{account: "111111111111", bootstrap: "21"}
	for _, c := range []struct {
		name, env string
		stacks    []string
		aws       cloud
		code      int
		want      string
	}{
		{"no environment", "", all, mine, 2, "ENV is missing: name one of dev, production"},
		{"an unknown environment", "staging", all, mine, 2, `it has "dev", "production"`},
		{"another environment's stacks", "production", all, mine, 2, "run make synth ENV=production"},
		{"another account's credentials", "dev", all, cloud{account: "333333333333", bootstrap: "21"}, 1, "environment dev is account 111111111111, but these credentials belong to account 333333333333"},
		{"an account without CDK's bootstrap", "dev", all, cloud{account: "111111111111"}, 1, "run: infra/node_modules/.bin/cdk bootstrap aws://111111111111/us-east-1\n"},
		{"an old bootstrap", "dev", all, cloud{account: "111111111111", bootstrap: "5"}, 1, "older than version 6; run: infra/node_modules/.bin/cdk bootstrap aws://111111111111/us-east-1\n"},
		{"a bootstrap that does not say", "dev", all, cloud{account: "111111111111", bootstrap: "new"}, 1, "cdk bootstrap aws://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := deploy(t, place(t, c.stacks...), c.env, "", c.aws)
			if r.code != c.code || !strings.Contains(r.said, c.want) {
				t.Errorf("exit code %d, it says %q; want %d and %q", r.code, r.said, c.code, c.want)
			}
			if len(r.asked) > 0 {
				t.Errorf("CDK was asked %q", r.asked)
			}
		})
	}
}

func TestNothingIsDeployedThatIsNotSynthesized(t *testing.T) {
	t.Parallel()
	dir := place(t, all...)
	if err := os.RemoveAll(filepath.Join(dir, "cdk.out")); err != nil {
		t.Fatal(err)
	}
	if r := deploy(t, dir, "dev", "", cloud{}); r.code != 2 || !strings.Contains(r.said, "run make synth ENV=dev") {
		t.Errorf("exit code %d, it says %q", r.code, r.said)
	}
}
