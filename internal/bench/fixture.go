// Package bench measures what a pass of the genuine propagate Lambda costs: the calls that it makes of each service, how
// many of them are under way at a time, which chain of them depends on each other, and how long it takes where every
// call takes as long as one over a network does.
package bench

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Change is how much of the environment's values is new when a pass is measured.
type Change string

// The changes.
const (
	None Change = "none" // nothing is new
	One  Change = "one"  // the value of one key, which every bucket has
	All  Change = "all"  // every value, but for the tokens with which rotary signs in
)

// Case is one measured pass: after which change, with how many keys, and with how many ECS services.
type Case struct {
	Change         Change
	Keys, Services int
}

// String returns the name of a case: one-500-3.
func (c Case) String() string { return fmt.Sprintf("%s-%d-%d", c.Change, c.Keys, c.Services) }

var caseShape = regexp.MustCompile(`^(none|one|all)-([1-9][0-9]{0,3})-([1-9][0-9]{0,2})$`)

// ParseCase reads the name of a case.
func ParseCase(name string) (Case, error) {
	found := caseShape.FindStringSubmatch(name)
	if found == nil {
		return Case{}, fmt.Errorf("%q is no case: it is CHANGED-KEYS-SERVICES, as in one-500-3, CHANGED none, one or all", name)
	}
	keys, _ := strconv.Atoi(found[2])
	services, _ := strconv.Atoi(found[3])
	if keys < appSources || keys > mostKeys || services > mostServices {
		return Case{}, fmt.Errorf("case %s: %d to %d keys and 1 to %d services can be measured", name, appSources, mostKeys, mostServices)
	}
	return Case{Change(found[1]), keys, services}, nil
}

// What fits: bucket ci has two of eleven sources, and a scope of GitHub 100 secrets. That many services are set up in
// minutes.
const (
	mostKeys     = 550
	mostServices = 300
)

// Usual returns the cases that are measured where none is named: about a minute.
func Usual() []Case {
	return []Case{{None, 500, 3}, {One, 50, 3}, {One, 500, 3}, {One, 500, 20}}
}

// Matrix returns every case of 50 and 500 keys, and of 3, 20, 100 and 200 services: hours at today's speed.
func Matrix() []Case {
	var cases []Case
	for _, keys := range []int{50, 500} {
		for _, services := range []int{3, 20, 100, 200} {
			for _, change := range []Change{None, One, All} {
				cases = append(cases, Case{change, keys, services})
			}
		}
	}
	return cases
}

// The fixture: one environment with 12 sources and 5 buckets. Source shared is in every bucket, the ten others are in one
// bucket of services each, one also in that of GitHub, one also in that of Vercel. The services take turns with the three
// buckets. The twelfth source has the tokens.
const (
	environment = "production"
	appSources  = 11
	shared      = "shared"
)

// serviceBuckets are the buckets that services run on, with the sources of each.
var serviceBuckets = []struct {
	name    string
	sources []string
}{
	{"api", []string{shared, "app-01", "app-02", "app-03"}},
	{"web", []string{shared, "app-04", "app-05", "app-06"}},
	{"worker", []string{shared, "app-07", "app-08", "app-09", "app-10"}},
}

// listAppSources returns the sources of a fixture with the names of their keys, but for that of the tokens.
func listAppSources(keys int) (names []string, keysOf map[string][]string) {
	names, keysOf = []string{shared}, map[string][]string{}
	for i := range appSources - 1 {
		names = append(names, fmt.Sprintf("app-%02d", i+1))
	}
	for i := range keys {
		source := names[i%appSources]
		keysOf[source] = append(keysOf[source], fmt.Sprintf("K%03d", i+1))
	}
	return names, keysOf
}

// serviceName returns the name of a service of the fixture, and of its consumer; i is from 0.
func serviceName(i int) string { return fmt.Sprintf("s%03d", i+1) }

// oneKey is the key of source shared whose value is new after the change One.
const oneKey = "K001"

// writeManifest returns the manifest of a fixture.
func writeManifest(keys, services int) []byte {
	var b strings.Builder
	b.WriteString("environments:\n  " + environment + ": {account: \"222222222222\", region: us-east-1}\nsources:\n")
	names, keysOf := listAppSources(keys)
	for _, name := range names {
		fmt.Fprintf(&b, "  %s: {keys: [%s]}\n", name, strings.Join(keysOf[name], ", "))
	}
	b.WriteString("  tokens: {keys: [GH_TOKEN, VERCEL_TOKEN]}\nbuckets:\n")
	for _, bucket := range serviceBuckets {
		fmt.Fprintf(&b, "  %s: {originals: [%s]}\n", bucket.name, strings.Join(bucket.sources, ", "))
	}
	b.WriteString("  ci: {originals: [shared, app-01]}\n  dashboard: {originals: [shared, app-04]}\nconsumers:\n")
	for i := range services {
		fmt.Fprintf(&b, "  %s: {bucket: %s, ecs: {cluster: main, service: %[1]s, container: app}}\n",
			serviceName(i), serviceBuckets[i%len(serviceBuckets)].name)
	}
	b.WriteString("  ci: {bucket: ci, github: {repository: example/app, environment: production, sign_in: {token: GH_TOKEN}}}\n" +
		"  dashboard: {bucket: dashboard, vercel: {project: dashboard, sign_in: {token: VERCEL_TOKEN}, targets: {production: [production]}}}\n")
	return []byte(b.String())
}
