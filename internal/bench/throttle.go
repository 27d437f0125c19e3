package bench

import (
	"slices"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

// Rate is a documented limit: a bucket of tokens that holds burst, and gets perSecond more each second. A call takes one
// token, or is refused where there is none.
type Rate struct {
	Name      string // what the vendor calls the group of operations
	service   string
	matches   func(sim.Call) bool
	burst     int
	perSecond float64
}

// Rates returns the limits that a pass meets, each shared by everything that is called in one account and region, or with
// one token.
//
// ECS: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html, burst and sustained rate.
// Secrets Manager: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html, per second; how much
// may come at once is not documented, and taken for a second's worth. GitHub:
// https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits, 80 requests
// a minute that make content. Reads of Secrets Manager (10,000 a second and more) and Vercel's limits are not reached.
func Rates() []Rate {
	names := func(operations ...string) func(sim.Call) bool {
		return func(c sim.Call) bool { return slices.Contains(operations, c.Operation) }
	}
	return []Rate{
		{"task definition modify", "ecs", names("RegisterTaskDefinition", "DeregisterTaskDefinition", "DeleteTaskDefinitions"), 20, 1},
		{"task definition read", "ecs", names("DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"), 50, 20},
		{"service modify", "ecs", names("CreateService", "UpdateService", "DeleteService"), 50, 5},
		{"service read", "ecs", names("DescribeServices", "ListServices", "ListServicesByNamespace", "DescribeServiceDeployments",
			"ListServiceDeployments", "DescribeServiceRevisions"), 100, 20},
		{"task read", "ecs", names("DescribeTasks", "ListTasks"), 100, 20},
		{"secret writes", "secretsmanager", names("PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage"), 50, 50},
		{"secret tags", "secretsmanager", names("TagResource", "UntagResource"), 50, 50},
		{"batch reads", "secretsmanager", names("BatchGetSecretValue"), 100, 100},
		{"content", "github", func(c sim.Call) bool { return c.Write }, 80, 80.0 / 60},
	}
}

// covers reports whether a call takes a token of this limit.
func (r Rate) covers(c sim.Call) bool { return c.Service == r.service && r.matches(c) }

// timeFor returns how long so many calls take at least, however they are made.
func (r Rate) timeFor(calls int) time.Duration {
	return time.Duration(float64(max(calls-r.burst, 0)) / r.perSecond * float64(time.Second))
}

// findSlowestRate returns the limit that makes these calls take longest, and how long; "" where none does. Calls that were
// refused do not count: they were made in vain.
func findSlowestRate(calls []Call) (name string, least time.Duration) {
	for _, r := range Rates() {
		count := 0
		for _, c := range calls {
			if !c.Throttled && r.covers(sim.Call{Service: c.Service, Operation: c.Operation, Write: c.Write}) {
				count++
			}
		}
		if t := r.timeFor(count); t > least {
			name, least = r.service+" "+r.Name, t
		}
	}
	return name, least
}

// throttle refuses calls that exceed a documented rate, by the time that now returns: real time. Safe for concurrent use.
type throttle struct {
	rates []Rate
	now   func() time.Time

	mu     sync.Mutex
	on     bool
	filled time.Time // when tokens were last added
	tokens []float64 // of each rate
}

func newThrottle() *throttle { return &throttle{rates: Rates(), now: time.Now} }

// setOn starts with full buckets, or ends.
func (t *throttle) setOn(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.on, t.filled, t.tokens = on, t.now(), make([]float64, len(t.rates))
	for i, r := range t.rates {
		t.tokens[i] = float64(r.burst)
	}
}

// judgeCall is a hook of the stand-in's tap.
func (t *throttle) judgeCall(c sim.Call) sim.Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.on {
		return sim.Fault{}
	}
	now := t.now()
	passed := now.Sub(t.filled).Seconds()
	t.filled = now
	outcome := sim.Works
	for i, r := range t.rates {
		t.tokens[i] = min(t.tokens[i]+passed*r.perSecond, float64(r.burst))
		if !r.covers(c) {
			continue
		}
		if t.tokens[i] < 1 {
			outcome = sim.Throttled
			continue
		}
		t.tokens[i]--
	}
	return sim.Fault{Outcome: outcome}
}
