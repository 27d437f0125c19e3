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
sources: {app-db: {keys: [A], rotate: {random: {}}}, handshake: {keys: [B], rotate: {random: {}}}, vendors: {keys: [C]}}
buckets: {app: {originals: [A]}}
`

// servicesText is a template of the reference services with an image.
const servicesText = `{"Resources": {"Definition": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Image": %q}}, "Api": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "Definition"}}}, "Log": {"Type": "AWS::Logs::LogGroup"}}}`

// cdkText is a command line of CDK that writes down what it is asked, has an assembly ready for synth, and fails where
// FAIL stands in what it is asked.
const cdkText = `#!/bin/sh
echo "$*" >>asked
case " $* " in *" $FAIL "*) exit 3;; esac
if [ "$1" = synth ]; then cp -r synthesized infra/cdk.out; fi
`

// place is a folder like the top of the repository, with a manifest and a command line of CDK that synthesizes these
// stacks.
func place(t *testing.T, stacks ...string) string {
	t.Helper()
	dir := t.TempDir()
	artifacts := []string{`"rotary-dev-secrets.assets": {"type": "cdk:asset-manifest"}`}
	for _, s := range stacks {
		artifacts = append(artifacts, fmt.Sprintf(`"rotary-%s": {"type": "aws:cloudformation:stack",
			"properties": {"templateFile": "rotary-%s.template.json", "requiresBootstrapStackVersion": 6}}`, s, s))
	}
	for path, text := range map[string]string{
		"rotary.yaml":               manifestText,
		"synthesized/manifest.json": `{"artifacts": {` + strings.Join(artifacts, ", ") + `}}`,
		"synthesized/rotary-dev-services.template.json": fmt.Sprintf(servicesText, "example/api:2"),
		"infra/node_modules/.bin/cdk":                   cdkText,
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

// all are those of a first deploy.
var all = []string{"dev-secrets", "dev-pipeline", "dev-access", "dev-services", "dev-sandbox-one"}

// cloud answers what deploy asks: whose credentials these are, which version of CDK's bootstrap there is ("" for none),
// and which secrets have a value, and the template of the services that are deployed, if any are.
type cloud struct {
	account, bootstrap string
	values             []string
	undeployed         bool   // there are no secrets yet
	rotatedBy          string // the ARN of a function that rotates every source
	services           string
	report             string                       // of the look function; "" where there is none, "fails" where it does
	tags               map[string]map[string]string // by the secret's name
	asked              *[]string
}

func (a cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	target := r.Header.Get("X-Amz-Target")
	switch {
	case strings.Contains(string(body), "Action=GetCallerIdentity"):
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:iam::111111111111:user/somebody</Arn><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, a.account)
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
	case strings.HasSuffix(r.URL.Path, "/functions/rotary-dev-look/invocations"), a.report == "" && strings.HasSuffix(r.URL.Path, "/functions/rotary-dev-propagate/invocations"):
		a.invoke(w)
	case target == "secretsmanager.TagResource", target == "secretsmanager.UntagResource":
		*a.asked = append(*a.asked, strings.TrimPrefix(target, "secretsmanager.")+" "+string(body))
		fmt.Fprint(w, `{}`)
	case target == "secretsmanager.DescribeSecret" && a.tagsOf(string(body)) != "":
		fmt.Fprintf(w, `{"ARN": "arn:x", "Name": "x", "LastChangedDate": 1, "VersionIdsToStages": {"1": ["HELD-1"]}, "Tags": %s}`, a.tagsOf(string(body)))
	case target == "secretsmanager.DescribeSecret" && a.undeployed:
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type": "ResourceNotFoundException"}`)
	case target == "secretsmanager.DescribeSecret":
		*a.asked = append(*a.asked, string(body))
		versions := `{"11111111-1111-1111-1111-111111111111": ["AWSPENDING"]}`
		if slices.ContainsFunc(a.values, func(name string) bool { return strings.Contains(string(body), `"`+name+`"`) }) {
			versions = `{"11111111-1111-1111-1111-111111111111": ["LIVE-11111111", "AWSCURRENT"]}`
		}
		rotation := ""
		if a.rotatedBy != "" {
			rotation = `"RotationEnabled": true, "RotationLambdaARN": "` + a.rotatedBy + `", `
		}
		fmt.Fprintf(w, `{"Name": "x", %s"VersionIdsToStages": %s}`, rotation, versions)
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
	return runDeploy(t, dir, env, fails, a, nil, variables...)
}

// runDeploy is deploy, with arguments.
func runDeploy(t *testing.T, dir, env, fails string, a cloud, arguments []string, variables ...string) result {
	t.Helper()
	var seen []string
	a.asked = &seen
	server := httptest.NewServer(a)
	defer server.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, arguments...)
	cmd.Dir = dir
	cmd.Env = slices.Concat([]string{"ROTARY_MANIFEST=" + filepath.Join(dir, "rotary.yaml")}, variables, []string{
		"ROTARY_DEPLOY_MAIN=1", "PATH=" + os.Getenv("PATH"), "ENV=" + env, "FAIL=" + fails, "AWS_ENDPOINT_URL=" + server.URL, "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x",
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
	synth    = "synth --quiet --output infra/cdk.out -c env=dev"
	synthAll = synth + " -c schedules=on"
	deployed = "deploy --all --app infra/cdk.out"
)

func TestAFirstDeployWaitsForValuesBeforeItSchedulesRotations(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]cloud{
		"nothing is deployed": {account: "111111111111", bootstrap: "21", undeployed: true},
		"nothing has a value": {account: "111111111111", bootstrap: "21"},
		"one has a value":     {account: "111111111111", bootstrap: "21", values: []string{"source/dev/app-db"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := deploy(t, place(t, all...), "dev", "", a)
			if want := []string{synth, deployed}; r.code != 0 || !slices.Equal(r.asked, want) {
				t.Errorf("exit code %d, CDK was asked %q, want %q; it says %q", r.code, r.asked, want, r.said)
			}
			if !strings.Contains(r.said, "rotary put dev handshake\n") || !strings.Contains(r.said, "make deploy ENV=dev\n") {
				t.Errorf("it says %q, and not to put handshake and to come again", r.said)
			}
			if asks := strings.Contains(r.said, "put dev app-db\n"); asks != (len(a.values) == 0) || strings.Contains(r.said, "put dev vendors") {
				t.Errorf("it says %q, with %q having values", r.said, a.values)
			}
		})
	}
}

// TestADeployOfAnotherManifestNamesItInWhatIsToBeDone: a person who copies that reaches the same environment.
func TestADeployOfAnotherManifestNamesItInWhatIsToBeDone(t *testing.T) {
	t.Parallel()
	for name, quoted := range map[string]string{"secrets.yml": "%s/secrets.yml", "it's mine.yaml": `'%s/it'\''s mine.yaml'`} {
		there := t.TempDir()
		path := filepath.Join(there, name)
		if err := os.WriteFile(path, []byte(manifestText), 0o600); err != nil {
			t.Fatal(err)
		}
		r := deploy(t, place(t, all...), "dev", "", cloud{account: "111111111111", bootstrap: "21"}, "ROTARY_MANIFEST="+path)
		quoted = fmt.Sprintf(quoted, there)
		for _, want := range []string{"rotary put dev handshake --manifest " + quoted + "\n", "make deploy ENV=dev MANIFEST=" + quoted + "\n"} {
			if r.code != 0 || !strings.Contains(r.said, want) {
				t.Errorf("exit code %d, it says %q, and not %q", r.code, r.said, want)
			}
		}
	}
}

func TestADeployWithValuesSchedulesRotations(t *testing.T) {
	t.Parallel()
	dir := place(t, append(all, "dev-schedules")...)
	a := cloud{account: "111111111111", bootstrap: "6", values: []string{"source/dev/app-db", "source/dev/handshake"}}
	for run := 1; run <= 2; run++ {
		r := deploy(t, dir, "dev", "", a)
		if want := slices.Repeat([]string{synthAll, deployed}, run); r.code != 0 || !slices.Equal(r.asked, want) {
			t.Errorf("run %d: exit code %d, CDK was asked %q, want %q", run, r.code, r.asked, want)
		}
	}
}

// TestADiffShowsWhatADeployWouldChange: the schedules too, where they would be deployed, and nothing is deployed.
func TestADiffShowsWhatADeployWouldChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		aws  cloud
		want string
	}{
		"before the first values": {cloud{account: "111111111111", undeployed: true}, synth},
		"with values":             {cloud{account: "111111111111", values: []string{"source/dev/app-db", "source/dev/handshake"}}, synthAll},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runDeploy(t, place(t, all...), "dev", "", c.aws, []string{"--diff"})
			if want := []string{c.want, "diff --app infra/cdk.out"}; r.code != 0 || !slices.Equal(r.asked, want) {
				t.Errorf("exit code %d, CDK was asked %q, want %q; it says %q", r.code, r.asked, want, r.said)
			}
		})
	}
}

// TestAServiceThatRunsIsNotPutBack deploys where services are deployed already: the same as now, without one of now,
// with one more than now, and with an older image.
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
			case c.want == "" && (r.code != 0 || !slices.Equal(r.asked, []string{synth, deployed})):
				t.Errorf("exit code %d, CDK was asked %q, it says %q", r.code, r.asked, r.said)
			case c.want != "" && (r.code != 1 || !slices.Equal(r.asked, []string{synth}) || !strings.Contains(r.said, c.want)):
				t.Errorf("exit code %d, CDK was asked %q, it says %q, and not %q", r.code, r.asked, r.said, c.want)
			}
		})
	}
}

func TestADeployThatFailsStopsThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fails string
		asked []string
		want  string
	}{
		{"synth", []string{synthAll}, "synthesize environment dev: exit status 3"},
		{"deploy", []string{synthAll, deployed}, "run it again"},
	} {
		a := cloud{account: "111111111111", bootstrap: "21", values: []string{"source/dev/app-db", "source/dev/handshake"}}
		r := deploy(t, place(t, all...), "dev", c.fails, a)
		if r.code != 1 || !slices.Equal(r.asked, c.asked) || !strings.Contains(r.said, c.want) {
			t.Errorf("%s fails: exit code %d, CDK was asked %q, it says %q", c.fails, r.code, r.asked, r.said)
		}
	}
}

func TestNothingIsDeployedWhereItDoesNotBelong(t *testing.T) {
	t.Parallel()
	const bootstrap = "run: infra/node_modules/.bin/cdk bootstrap aws://111111111111/us-east-1\n"
	mine := cloud{account: "111111111111", bootstrap: "21"}
	for _, c := range []struct {
		name, env string
		aws       cloud
		code      int
		want      string
	}{
		{"no environment", "", mine, 2, "no environment is named: give cdk -c env=NAME, or make ENV=NAME, with one of: dev, production"},
		{"an unknown environment", "staging", mine, 2, `it has "dev", "production"`},
		{"another account's credentials", "dev", cloud{account: "333333333333", bootstrap: "21"}, 1,
			"environment dev is account 111111111111, but these credentials belong to account 333333333333"},
		{"an account without CDK's bootstrap", "dev", cloud{account: "111111111111"}, 1, bootstrap},
		{"an old bootstrap", "dev", cloud{account: "111111111111", bootstrap: "5"}, 1, "older than version 6; " + bootstrap},
		{"a bootstrap that does not say", "dev", cloud{account: "111111111111", bootstrap: "new"}, 1, "cdk bootstrap aws://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := deploy(t, place(t, all...), c.env, "", c.aws)
			if r.code != c.code || !strings.Contains(r.said, c.want) {
				t.Errorf("exit code %d, it says %q; want %d and %q", r.code, r.said, c.code, c.want)
			}
			if slices.Contains(r.asked, deployed) {
				t.Errorf("CDK was asked %q", r.asked)
			}
		})
	}
}

// TestAnEnvironmentWhereNothingRotatesIsDeployedAtOnce deploys without a source to look at.
func TestAnEnvironmentWhereNothingRotatesIsDeployedAtOnce(t *testing.T) {
	t.Parallel()
	dir := place(t, "dev-secrets")
	text := strings.ReplaceAll(manifestText, ", rotate: {random: {}}", "")
	if err := os.WriteFile(filepath.Join(dir, "rotary.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := deploy(t, dir, "dev", "", cloud{account: "111111111111", bootstrap: "21"})
	if r.code != 0 || !slices.Contains(r.asked, deployed) || len(r.seen) != 0 || strings.Contains(r.said, "rotary put") {
		t.Errorf("exit code %d, CDK was asked %q, Secrets Manager %q, it says %q", r.code, r.asked, r.seen, r.said)
	}
}

func TestNothingIsDeployedThatIsNotSynthesized(t *testing.T) {
	t.Parallel()
	dir := place(t, all...)
	if err := os.Remove(filepath.Join(dir, "synthesized", "manifest.json")); err != nil {
		t.Fatal(err)
	}
	r := deploy(t, dir, "dev", "", cloud{account: "111111111111"})
	if r.code != 1 || slices.Contains(r.asked, deployed) || !strings.Contains(r.said, "read what was synthesized") {
		t.Errorf("exit code %d, CDK was asked %q, it says %q", r.code, r.asked, r.said)
	}
}
