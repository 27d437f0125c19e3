package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/event"
)

// adopt asks for what rotary adopt asks for: every name that the manifest lets the consumer adopt.
func (s *scene) adopt(consumer string) {
	s.t.Helper()
	s.handOver(event.Request{Adopt: map[string][]string{consumer: nil}})
}

// disown asks for the way back.
func (s *scene) disown(consumer string) {
	s.t.Helper()
	s.handOver(event.Request{Disown: map[string][]string{consumer: nil}})
}

func (s *scene) handOver(r event.Request) {
	s.t.Helper()
	r.Rotary, r.Environment, r.Execution = "apply", s.Env.Name, s.Clock.Now().String()
	body, err := json.Marshal(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.sendMessage(string(body))
	s.Advance(time.Minute)
}

// TestASinkOfEveryKindIsAdoptedAndGivenBack: everything was there before rotary. In mode propagate buckets are written, and
// nobody is rolled; each adoption is one rollout, and the way back brings back what was there, or leaves it. Nobody is refused.
func TestASinkOfEveryKindIsAdoptedAndGivenBack(t *testing.T) {
	t.Parallel()
	permits := strings.NewReplacer(
		"service: api, container: app}", "service: api, container: app, adopt: [VENDOR_KEY, VENDOR_ID, SESSION_KEY]}",
		"sign_in: {token: GH_TOKEN}}", "sign_in: {token: GH_TOKEN}, adopt: [CI_VENDOR_KEY, CI_VENDOR_ID]}",
		"sign_in: {token: VERCEL_TOKEN},", "sign_in: {token: VERCEL_TOKEN}, adopt: [VENDOR_KEY],",
	).Replace(writeMode(sinks, "propagate"))
	s := openScene(t, permits)
	before(s)
	first := s.presentDefinition()
	s.watchUntil(time.Hour, "the service waits for a person", waitsNotRolled("api"))
	s.watchUntil(time.Hour, "GitHub waits for a person", waitsNotRolled("ci"))
	s.watchUntil(time.Hour, "Vercel waits for a person", waitsNotRolled("dashboard"))
	isRoll := func(c sim.Call) bool {
		return c.Write && (c.Service == "github" || c.Service == "vercel" || c.Operation == "UpdateService" && c.Caller == s.Env.PropagateFunction())
	}
	if got := s.selectCalls(isRoll); len(got) > 0 {
		t.Fatalf("before anybody has asked: %s %s", got[0].Service, got[0].Operation)
	}
	s.adopt("api")
	s.adopt("ci")
	s.adopt("dashboard")
	s.watchConverged()
	updates := s.selectCalls(func(c sim.Call) bool { return c.Operation == "UpdateService" && c.Caller == s.Env.PropagateFunction() })
	if len(updates) != 1 || !s.runsOnly("api", "VENDOR_KEY", s.Values["vendor"]["VENDOR_KEY"]) {
		t.Errorf("%d updates of the service", len(updates))
	}
	value := s.putFresh("vendor", "VENDOR_KEY")
	s.Advance(time.Minute)
	s.watchUntil(time.Hour, "everybody follows", isFollowed)
	if !s.runsOnly("api", "VENDOR_KEY", value) {
		t.Error("what is adopted does not follow")
	}

	s.disown("api")
	s.disown("ci")
	s.disown("dashboard")
	s.Advance(30 * time.Minute)
	r := s.readReport()
	if got := s.presentDefinition(); got != first {
		t.Errorf("the service is on %s, and was on %s", got, first)
	}
	if held, _, ok := s.GitHub.Secret("example/app", "production", "CI_VENDOR_KEY"); !ok || held != value {
		t.Error("GitHub's secret has changed")
	}
	for _, consumer := range []string{"api", "ci", "dashboard"} {
		if c := r.Consumer(consumer); len(c.Left) == 0 || len(c.Adopted) > 0 {
			t.Errorf("%s: left %v, adopted %v", consumer, c.Left, c.Adopted)
		}
	}
	s.nobodyRefused()
	s.searchCanaries(s.collectPlaces()...)
}

// before gives everybody what rotary may adopt, as it is before rotary.
func before(s *scene) {
	s.t.Helper()
	ctx := s.t.Context()
	definition, err := s.Definition(ctx, "api")
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range definition.ContainerDefinitions {
		if c := &definition.ContainerDefinitions[i]; aws.ToString(c.Name) == "app" {
			c.Secrets = nil
			for _, key := range []string{"VENDOR_KEY", "VENDOR_ID", "SESSION_KEY"} {
				source, _ := s.Env.SourceOf(key)
				c.Secrets = append(c.Secrets, ecstypes.Secret{Name: aws.String(key), ValueFrom: aws.String(s.readHistory(source.Secret).ARN + ":" + key + "::")})
			}
		}
	}
	if err := s.DeployDefinition(ctx, "api", definition); err != nil {
		s.t.Fatal(err)
	}
	s.GitHub.SetSecretByHand("example/app", "production", "CI_VENDOR_KEY", s.Values["vendor"]["VENDOR_KEY"])
	s.GitHub.SetSecretByHand("example/app", "production", "CI_VENDOR_ID", s.Values["vendor"]["VENDOR_ID"])
	s.Vercel.SetByHand("dashboard", "VENDOR_KEY", "production", s.Values["vendor"]["VENDOR_KEY"])
}
