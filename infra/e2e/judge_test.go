package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/iam"
)

// documents returns the policies of the templates under the names by which the judge keeps them: those of a role by its
// name and a number, those of a resource by its ARN.
func (c *cloud) documents() map[string]any {
	all := maps.Clone(c.policies)
	for name, r := range c.roles {
		for i, document := range r.may {
			all[inline(name, i)] = document
		}
	}
	return all
}

func inline(role string, i int) string { return fmt.Sprintf("%s#%d", role, i) }

// ask returns what the judge is asked for an access.
func (c *cloud) ask(a access) iam.Ask {
	q := iam.Ask{Principal: a.who, Action: a.action, Resource: a.resource, Account: c.account, Context: map[string]any{
		"aws:SecureTransport": "true", "aws:RequestedRegion": c.region,
	}}
	for key, value := range a.context {
		q.Context[key] = value
	}
	for key, value := range c.tags[a.resource] {
		q.Context["aws:ResourceTag/"+key] = value
	}
	if _, has := c.policies[a.resource]; has && !strings.HasPrefix(a.action, "iam:") {
		q.ResourcePolicy = a.resource
	}
	r := c.roles[a.who]
	if r == nil {
		q.Context["aws:PrincipalServiceName"] = a.who
		return q
	}
	q.Principal = strings.Replace(strings.Replace(r.arn, ":iam:", ":sts:", 1), ":role/", ":assumed-role/", 1) + "/session"
	for key, value := range r.tags {
		q.Context["aws:PrincipalTag/"+key] = value
	}
	for i := range r.may {
		q.Identity = append(q.Identity, inline(r.name, i))
	}
	if r.boundary != "" {
		q.Boundary = []string{r.boundary}
	}
	if arn := c.sourceFunction(a); arn != "" {
		q.Context["lambda:SourceFunctionArn"] = arn
	}
	return q
}

// sourceFunction is the function whose code asks, as Lambda says it of every request of that code
// (https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html).
func (c *cloud) sourceFunction(a access) string {
	if a.byAWS {
		return ""
	}
	for _, f := range c.functions {
		if strings.HasSuffix(f.role, "/"+a.who) {
			return f.arn
		}
	}
	return ""
}

// denied are the accesses that the policies do not allow, and how the judge decided all of them.
func (c *cloud) denied(judge *iam.Judge, all []access) (denied []string, decisions []iam.Decision) {
	asks := make([]iam.Ask, len(all))
	for i, a := range all {
		asks[i] = c.ask(a)
	}
	decisions = judge.DecideAll(asks)
	for i, d := range decisions {
		if d.Result != iam.Allowed {
			denied = append(denied, d.Result+" "+all[i].String())
		}
	}
	return denied, decisions
}

// unique are the accesses that differ, sorted.
func unique(all []access) []access {
	by := map[string]access{}
	for _, a := range all {
		by[a.String()] = a
	}
	var out []access
	for _, key := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[key])
	}
	return out
}

// needed is everything that IAM is asked for in a story that was played.
func (p *played) needed(t *testing.T) []access {
	t.Helper()
	requests, err := p.recorder.distinct()
	if err != nil {
		t.Fatal(err)
	}
	all, err := p.implied(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range requests {
		need, err := p.needs(q)
		if err != nil {
			t.Error(err)
		}
		all = append(all, need...)
	}
	return unique(all)
}
