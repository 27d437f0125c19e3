package reconcile_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/consume"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// testdata/recorded is environment dev of a manifest of the form before, under the version of rotary that read it: the
// manifest, every request that changed something at AWS, GitHub and Vercel, from the first deploy on, with its time
// (dev.jsonl), and the labels of all secrets after that (dev.labels). One source was changed by hand and is still owed,
// one was changed and its old version retired. The values are made up; the GitHub App's key is made anew each time.
const recorded = "testdata/recorded/"

// TestAnUpgradedManifestChangesNothing replays the recording on the stand-in and runs passes with the manifest that
// validate --upgrade prints. The first one tags the buckets with who reads them, brings over the label that the version
// before did not have, asks nobody, and changes nothing else.
func TestAnUpgradedManifestChangesNothing(t *testing.T) {
	t.Parallel()
	text, changes, err := manifest.Upgrade("rotary.yaml", readRecorded(t, "rotary.yaml"))
	must(t, err)
	if len(changes) == 0 {
		t.Fatal("the recorded manifest is not of the form before")
	}
	s, err := stage.Open(t.Context(), stage.Config{
		Manifest: text, Environment: "dev", Dir: t.TempDir(), Bare: true, InMemory: true,
		Canary: func(key string) string { return "made-up-" + key },
	})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	want := replay(t, s)
	if diff := cmp.Diff(want, listLabels(t, s)); diff != "" {
		t.Fatalf("the replay differs from the recording (-recorded +replayed):\n%s", diff)
	}

	client, at := s.InMemory()
	cfg := s.Config(s.Env.Account, s.Env.Region)
	secrets := store.New(secretsmanager.NewFromConfig(cfg))
	clusters := consume.Clusters(cfg, s.Env, consume.Endpoints{NoRates: true})
	pass := reconcile.Pass{
		Environment: s.Env, Store: secrets, Advancer: jobs{s.Env, secrets},
		Open: consume.Opener(cfg, consume.Endpoints{GitHub: at.GitHub, Vercel: at.Vercel, Transport: client.Transport, NoPause: true}, clusters), Census: clusters,
	}
	var report plan.Report
	first := append(tagging(s), "mark source/dev/db-service")
	for _, source := range s.Env.Sources {
		if s.Env.IsTaken(source) {
			first = append(first, "mark "+source.Secret)
		}
	}
	want = takenIn(s.Env, want)
	for n, steps := range [][]string{first, {}, {}} {
		before := s.Tap.Writes()
		report, err = pass.Run(t.Context())
		must(t, err)
		did := append([]string{}, doing(report)...)
		slices.Sort(did)
		slices.Sort(steps)
		same(t, fmt.Sprintf("pass %d", n), steps, did)
		if n := s.Tap.Writes() - before; n != len(steps) {
			t.Errorf("a pass did %q in %d writes", doing(report), n)
		}
		s.Advance(time.Hour)
	}
	got := listLabels(t, s)
	for i, line := range got { // since when it is owed, which the version before did not keep
		got[i], _, _ = strings.Cut(line, " "+history.Past)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the labels changed (-before +after):\n%s", diff)
	}
	for _, c := range report.Consumers {
		if !c.Current {
			t.Errorf("%s is not current: %s, %s", c.Name, c.State, c.Detail)
		}
	}
	for _, r := range s.Refusals() {
		t.Errorf("somebody's credential was refused: %s", r)
	}
	same(t, "what is waited for", []string{"db-service by-hand"}, reasons(report))
}

// takenIn returns lines of listLabels with TAKEN on the current version of each source that carries that label.
func takenIn(env *manifest.Environment, lines []string) []string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		words := strings.Fields(line)
		source, is := env.SourceBySecret(words[0])
		if is && env.IsTaken(source) && slices.Contains(words, history.AWSCurrent) {
			lines[i] += " " + history.Taken + words[1][:8]
		}
	}
	return lines
}

// tagging are the steps that tag every bucket.
func tagging(s *stage.Stage) (steps []string) {
	for _, b := range s.Env.Buckets {
		steps = append(steps, "tag "+b.Secret)
	}
	return steps
}

func readRecorded(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(recorded + name)
	must(t, err)
	return data
}

// replay makes the recorded requests at their times and returns the recorded labels.
func replay(t *testing.T, s *stage.Stage) (labels []string) {
	t.Helper()
	const token = "made-up-recording"
	s.GitHub.AddToken(token, "example/app")
	storage, _ := s.Env.Source("storage")
	_, err := s.AccessKey(t.Context(), storage) // the recorded one: its id follows from the user's name
	must(t, err)
	key, err := json.Marshal(s.Values[""]["GH_APP_PRIVATE_KEY"])
	must(t, err)
	inner, err := json.Marshal(strings.Trim(string(key), `"`)) // it stands in a text that stands in the body
	must(t, err)
	start := s.Clock.Now()
	lines := bufio.NewScanner(strings.NewReader(strings.ReplaceAll(string(readRecorded(t, "dev.jsonl")),
		"{{GH_APP_PRIVATE_KEY}}", strings.Trim(string(inner), `"`))))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var call struct {
			After, Call, Target string
			Body                json.RawMessage
		}
		must(t, json.Unmarshal(lines.Bytes(), &call))
		after, err := time.ParseDuration(call.After)
		must(t, err)
		s.AdvanceTo(start.Add(after))
		method, url, _ := strings.Cut(call.Call, " ")
		request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(string(call.Body)))
		must(t, err)
		switch {
		case call.Target != "":
			request.Header.Set("X-Amz-Target", call.Target)
			request.Header.Set("Content-Type", "application/x-amz-json-1.1")
			request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/20260101/%s/%s/aws4_request, SignedHeaders=host, Signature=0",
				s.Env.Account, s.Env.Region, strings.ToLower(call.Target)))
		case strings.Contains(url, "github"):
			request.Header.Set("Authorization", "Bearer "+token)
		default:
			request.Header.Set("Authorization", "Bearer "+s.Values[""]["VERCEL_TOKEN"])
		}
		acceptValues(t, s, call.Body)
		send(t, s, request)
	}
	must(t, lines.Err())
	labels = strings.Split(strings.TrimSpace(string(readRecorded(t, "dev.labels"))), "\n")
	after, err := time.ParseDuration(strings.TrimPrefix(labels[0], "after "))
	must(t, err)
	s.AdvanceTo(start.Add(after))
	return labels[1:]
}

// acceptValues lets the targets accept what a request puts into a source.
func acceptValues(t *testing.T, s *stage.Stage, body json.RawMessage) {
	t.Helper()
	var put struct {
		SecretID     string `json:"SecretId"`
		SecretString string
	}
	if json.Unmarshal(body, &put) != nil || put.SecretString == "" { // a list, or no value
		return
	}
	if _, is := s.Env.SourceBySecret(put.SecretID); !is {
		return
	}
	var values map[string]string
	must(t, json.Unmarshal([]byte(put.SecretString), &values))
	for key, value := range values {
		s.Targets.Accept(stage.Target(s.Env, key), value)
	}
}

func send(t *testing.T, s *stage.Stage, request *http.Request) {
	t.Helper()
	client, _ := s.InMemory()
	answer, err := client.Do(request)
	must(t, err)
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s", request.URL, request.Header.Get("X-Amz-Target"), answer.StatusCode, body)
	}
}

// listLabels returns a line for each version of each secret, with its labels.
func listLabels(t *testing.T, s *stage.Stage) (lines []string) {
	t.Helper()
	var names []string
	for _, source := range s.Env.Sources {
		names = append(names, source.Secret)
	}
	for _, bucket := range s.Env.Buckets {
		names = append(names, bucket.Secret)
	}
	for _, name := range names {
		out, err := s.Secrets().DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &name})
		must(t, err)
		var of []string
		for id, labels := range out.VersionIdsToStages {
			slices.Sort(labels)
			of = append(of, strings.Join(append([]string{name, id}, labels...), " "))
		}
		slices.Sort(of)
		lines = append(lines, of...)
	}
	return lines
}
