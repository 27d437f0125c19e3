package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	rotary "github.com/rotary-secrets/rotary"
)

var whole = flag.Bool("whole", false, "rehearse every source of the example")

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(800) // worlds are many and short-lived
	os.Exit(m.Run())
}

func rehearsed(t *testing.T, c Config) Report {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// one returns the only source of a report.
func one(t *testing.T, r Report) Source {
	t.Helper()
	if len(r.Sources) != 1 {
		t.Fatalf("%d sources", len(r.Sources))
	}
	return r.Sources[0]
}

func TestEveryActOfTheExampleHoldsAndNobodyIsRefused(t *testing.T) {
	for environment, some := range map[string][]string{"dev": {"worker-b", "encryption"}, "production": {"handshake"}} {
		t.Run(environment, func(t *testing.T) {
			if *whole {
				some = nil
			}
			var done []string
			r := rehearsed(t, Config{Manifest: rotary.Manifest, Environment: environment, Sources: some, Done: func(s Source) { done = append(done, s.Name) }})
			for _, p := range r.Problems {
				t.Errorf("%+v", p)
			}
			if r.Totals.Refused > 0 || r.Totals.Failed > 0 || r.Totals.Faults < 10 || r.Totals.Acts < 10 {
				t.Errorf("%+v", r.Totals)
			}
			if !slices.IsSorted(done) || len(done) != len(r.Sources) {
				t.Errorf("told of %v", done)
			}
			for _, s := range r.Sources {
				complete(t, s)
				if s.Name == "handshake" && environment == "production" {
					everyAct(t, s)
				}
			}
		})
	}
}

// complete checks that a rehearsal says everything of a source that it has played.
func complete(t *testing.T, s Source) {
	t.Helper()
	if s.Skipped != "" {
		if s.Rotator != "never" || len(s.Acts) > 0 {
			t.Errorf("%s was skipped: %s", s.Name, s.Skipped)
		}
		return
	}
	for i, act := range s.Acts {
		if act.Dead == 0 || act.Calls == 0 || (act.Faults == 0) != (act.Name == Undisturbed || act.Name == LongRun) {
			t.Errorf("%s, %s: dead after %s, %d calls, %d faults", s.Name, act.Title(), act.Dead, act.Calls, act.Faults)
		}
		if about := act.Name == Crash || act.Name == MissingKey || act.Name == Rollout; about != (act.About != "") {
			t.Errorf("%s, act %d, %s, is about %q", s.Name, i, act.Name, act.About)
		}
		for _, c := range act.Consumers {
			if act.Name != MissingKey && c.Followed == 0 {
				t.Errorf("%s, %s: %s never followed", s.Name, act.Title(), c.Name)
			}
		}
	}
}

// everyAct checks which acts a symmetric secret has, in order, and how often it is rolled.
func everyAct(t *testing.T, s Source) {
	t.Helper()
	var titles []string
	for _, act := range s.Acts {
		if act.Name != Crash {
			titles = append(titles, act.Title())
		}
	}
	want := []string{
		"undisturbed", "throttled", "missing key, MY_APP__AUTH_SERVICE__HANDSHAKE_KEY",
		"failed rollout, api", "failed rollout, dashboard", "failed rollout, worker-a", "failed rollout, worker-b",
	}
	if diff := cmp.Diff(want, titles); diff != "" || len(s.Acts)-len(titles) < 8 {
		t.Errorf("%d crashes; acts (-want +got):\n%s", len(s.Acts)-len(titles), diff)
	}
	for _, c := range s.Acts[0].Consumers {
		if want := map[bool]int{true: 3, false: 1}[c.Name == "api"]; c.Rollouts != want { // only it reads the second key
			t.Errorf("%s was rolled %d times, expected %d", c.Name, c.Rollouts, want)
		}
	}
}

const planted = `
environments: {qa: {account: "333333333333", region: eu-west-1}}
sources:
  tokens: {keys: [GH_TOKEN]}
  key: {keys: [KEY, KEY_ALSO], rotate: {%s}}
buckets:
  api-secrets: {originals: [%s]}
  ci-secrets: {originals: [KEY]}
consumers:
  api: {bucket: api-secrets, ecs: {cluster: main, service: api, container: app}}
  worker: {bucket: api-secrets, ecs: {cluster: main, service: worker, container: app}}
  ci: {bucket: ci-secrets, github: {repository: example/app, sign_in: {token: GH_TOKEN}}}
  partner: {bucket: ci-secrets, reader: {drain: %s}}
`

const vendors = `with: http, every: 30d, http: {
    create: {url: "https://api.example.com/roll", set: {KEY: $.key}},
    test: {url: "https://api.example.com/me", headers: {Authorization: "Bearer {{KEY}}"}}, overlap: %s}`

// Each of these is a valid manifest.
func TestMistakesThatOnlyARehearsalShows(t *testing.T) {
	for name, c := range map[string]struct {
		rotate, read, drain string
		act, what, advice   string
	}{
		"nobody reads the second key of a symmetric secret": {
			"with: random, every: 7d, also: KEY_ALSO", "KEY", "1h",
			Undisturbed, "rollout-failed", "nobody reads KEY_ALSO: give it to everybody who verifies KEY",
		},
		"it is rotated more often than its readers follow": {
			"with: random, every: 7d, key: KEY", "KEY", "10d",
			Undisturbed, "it rotates every 1w, and its old credential lives for 20d", "partner drains for 10d",
		},
		"the vendor ends the old one while a workflow runs": {
			fmt.Sprintf(vendors, "1h"), "KEY", "30m",
			LongRun, "somebody was refused: ", "the vendor ends the old one by itself after 1h",
		},
		"the vendor ends the old one before everybody has followed": {
			fmt.Sprintf(vendors, "24h"), "KEY", "36h",
			Undisturbed, "partner followed after 36h, and the vendor ends the old one after 24h", "the vendor ends the old one by itself after 24h",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := one(t, rehearsed(t, Config{Manifest: fmt.Appendf(nil, planted, c.rotate, c.read, c.drain), Environment: "qa", Sources: []string{"key"}}))
			found := slices.ContainsFunc(s.Problems(), func(p Problem) bool { return p.Act == c.act && strings.Contains(p.What, c.what) })
			if !found || !strings.HasPrefix(s.Advice, c.advice) {
				t.Errorf("problems %+v, advice %q", s.Problems(), s.Advice)
			}
		})
	}
}

func TestThePlantedManifestIsWellWithoutTheMistake(t *testing.T) {
	for name, rotate := range map[string]string{
		"symmetric": "with: random, every: 7d, also: KEY_ALSO", "random": "with: random, every: 7d, key: KEY", "vendor": fmt.Sprintf(vendors, "24h"),
	} {
		t.Run(name, func(t *testing.T) {
			r := rehearsed(t, Config{Manifest: fmt.Appendf(nil, planted, rotate, "KEY, KEY_ALSO", "1h"), Environment: "qa", Sources: []string{"key"}})
			if len(r.Problems) > 0 || r.Totals.Refused > 0 {
				t.Errorf("%+v, %+v", r.Totals, r.Problems)
			}
		})
	}
}

func TestWhatDiesAtOnceIsToldAndIsNoProblem(t *testing.T) {
	for name, rotate := range map[string]string{"vendor": fmt.Sprintf(vendors, "none"), "managed": "with: managed"} {
		t.Run(name, func(t *testing.T) {
			r := rehearsed(t, Config{Manifest: fmt.Appendf(nil, planted, rotate, "KEY", "1h"), Environment: "qa", Sources: []string{"key"}})
			s := one(t, r)
			for _, p := range r.Problems {
				t.Errorf("%+v", p)
			}
			if !s.AtOnce || r.Totals.Refused == 0 {
				t.Errorf("at once %v, %+v", s.AtOnce, r.Totals)
			}
			for _, act := range s.Acts {
				for _, c := range act.Consumers {
					if act.Name == Throttled && c.Name == "api" && c.Refused < Span(20*time.Minute) {
						t.Errorf("api was refused for %s while nothing could be rolled", c.Refused)
					}
				}
			}
		})
	}
}

func TestARehearsalIsTheSameAgain(t *testing.T) {
	c := Config{Manifest: fmt.Appendf(nil, planted, "with: random, every: 7d, key: KEY", "KEY", "1h"), Environment: "qa"}
	first, err1 := json.Marshal(rehearsed(t, c))
	second, err2 := json.Marshal(rehearsed(t, c))
	if diff := cmp.Diff(string(first), string(second)); err1 != nil || err2 != nil || diff != "" {
		t.Errorf("%v %v\n%s", err1, err2, diff)
	}
}

func TestThoroughIsACrashAfterEveryWriteAndEveryKeyOnce(t *testing.T) {
	c := Config{Manifest: fmt.Appendf(nil, planted, "with: manual", "KEY, KEY_ALSO", "1h"), Environment: "qa", Sources: []string{"key"}}
	count := func(r Report, name string) (n int) {
		for _, act := range one(t, r).Acts {
			if act.Name == name {
				n++
			}
		}
		return n
	}
	some := rehearsed(t, c)
	c.Thorough = true
	all := rehearsed(t, c)
	if count(some, Crash) >= count(all, Crash) || count(some, MissingKey) != 1 || count(all, MissingKey) != 2 || len(all.Problems) > 0 {
		t.Errorf("crashes: %d, and thoroughly %d; missing keys: %d and %d; %v", count(some, Crash), count(all, Crash), count(some, MissingKey), count(all, MissingKey), all.Problems)
	}
}

func TestAnInterruptedRehearsalEndsSoon(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	yaml := strings.Replace(fmt.Sprintf(planted, "with: never", "KEY", "1h"), "mappings:", "", 1)
	_, err := Run(ctx, Config{Manifest: []byte(yaml), Environment: "qa", Thorough: true, Done: func(Source) {
		told++
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || told > 1 {
		t.Errorf("told of %d sources, then %v", told, err)
	}
}

func TestWhatIsNotRehearsedAsItStandsIsNoted(t *testing.T) {
	yaml := strings.NewReplacer("region: eu-west-1}", "region: eu-west-1, mode: propagate}", "worker: {bucket", "worker: {leaving: true, bucket").
		Replace(fmt.Sprintf(planted, "with: random, every: 7d, also: KEY_ALSO", "KEY, KEY_ALSO", "1h"))
	r := rehearsed(t, Config{Manifest: []byte(yaml), Environment: "qa", Sources: []string{"key"}})
	if len(r.Problems) > 0 {
		t.Errorf("%+v", r.Problems)
	}
	for _, want := range []string{
		"mode propagate was rehearsed as if it were retire", "worker is leaving, and was left out",
		"partner: nobody sees what these readers do; they are given 1h", "key: who reads KEY_ALSO is taken to verify (api); the others are taken to send only (ci and partner)",
	} {
		if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.HasPrefix(n, want) }) {
			t.Errorf("nothing says %q: %q", want, r.Notes)
		}
	}
	for _, c := range one(t, r).Acts[0].Consumers {
		if c.Name == "worker" {
			t.Error("who is leaving was rolled")
		}
	}
}

func TestSpansAreToldToTheMinute(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0m", 29 * time.Second: "0m", 90 * time.Second: "2m", time.Hour: "1h", 89 * time.Minute: "1h29m", 36 * time.Hour: "36h",
		48 * time.Hour: "2d", 50 * time.Hour: "2d2h", 28 * 24 * time.Hour: "28d",
	} {
		if got := Span(d).String(); got != want {
			t.Errorf("%v is told as %s, expected %s", d, got, want)
		}
	}
}
