// Package cost estimates what an environment costs a month, from its manifest alone.
package cost

import (
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/metric"
)

// List prices of us-east-1 in dollars a month, free tiers left out: https://aws.amazon.com/secrets-manager/pricing/,
// https://aws.amazon.com/kms/pricing/ and https://aws.amazon.com/cloudwatch/pricing/.
const (
	perSecret    = 0.40
	perKey       = 1.00
	perMetric    = 0.30
	perAlarm     = 0.10
	perDashboard = 3.00
	per10000     = 0.05 // calls to Secrets Manager
)

// Month is the number of passes that sweeps ask for in 30 days, one every five minutes.
const Month = 30 * 24 * 60 / 5

// hours is how many passes of a month read everything: a look is reused for an hour (reconcile.MemoryLasts).
const hours = 30 * 24

// Item is one line of a bill: so many of something, at a price each.
type Item struct {
	Name  string
	Count int
	Each  float64 // dollars a month
}

// Dollars returns what the item costs a month.
func (i Item) Dollars() float64 { return float64(i.Count) * i.Each }

// Bill lists what an environment costs a month. It holds what the manifest decides: Lambda, queues, KMS requests and logs are
// charged by use, and so is what a change adds.
type Bill []Item

// Dollars returns what the items cost together.
func (b Bill) Dollars() float64 {
	sum := 0.0
	for _, item := range b {
		sum += item.Dollars()
	}
	return sum
}

// The names of a bill's items.
const (
	Secrets    = "secrets"
	Key        = "key"
	Metrics    = "metrics"
	Alarms     = "alarms"
	Dashboards = "dashboards"
	Calls      = "calls to Secrets Manager"
)

// Estimate returns the bill of an environment that is deployed and where nothing changes. Secrets that were there before
// rotary are counted like others.
func Estimate(env *manifest.Environment) Bill {
	dashboards := 0
	if env.PublishedMetrics() == manifest.MetricsAll {
		dashboards = 1
	}
	return Bill{
		{Secrets, len(env.Sources) + len(env.Buckets), perSecret},
		{Key, 1, perKey},
		{Metrics, len(metric.All(env)), perMetric},
		{Alarms, len(metric.ListAlarms(env)), perAlarm},
		{Dashboards, dashboards, perDashboard},
		{Calls, countMonth(len(env.Sources), len(env.Buckets)), per10000 / 10_000},
	}
}

// mostInBatch is how many secrets BatchGetSecretValue answers with
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html).
const mostInBatch = 20

// CountCalls returns how often a pass that finds nothing changed calls Secrets Manager. One that reuses what the pass before it
// has read: a BatchGetSecretValue for 20 secrets, and a DescribeSecret for each source. A whole one: a DescribeSecret for each
// bucket and a ListSecretVersionIds for each source besides.
func CountCalls(sources, buckets int) (calm, whole int) {
	calm = (sources+buckets+mostInBatch-1)/mostInBatch + sources
	return calm, calm + buckets + sources
}

// countMonth returns how often the passes of a month call Secrets Manager: one in an hour is whole.
func countMonth(sources, buckets int) int {
	calm, whole := CountCalls(sources, buckets)
	return hours*whole + (Month-hours)*calm
}
