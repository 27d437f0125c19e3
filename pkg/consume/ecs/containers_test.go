package ecs

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

const bareOfBucket = "arn:aws:secretsmanager:us-east-1:111111111111:secret:api-secrets-dev"

// revisionOf builds a revision of these containers, each written name, or name NAME=valueFrom …
func revisionOf(containers ...string) revision {
	r := revision{arn: "arn:aws:ecs:us-east-1:111111111111:task-definition/app:3", input: sdk.RegisterTaskDefinitionInput{Family: aws.String("app")}}
	for _, text := range containers {
		words := strings.Fields(text)
		c := types.ContainerDefinition{Name: &words[0], Image: aws.String("app:1")}
		for _, s := range words[1:] {
			name, from, _ := strings.Cut(s, "=")
			if strings.HasPrefix(from, "arn:") {
				c.Secrets = append(c.Secrets, types.Secret{Name: &name, ValueFrom: &from})
			} else {
				c.Environment = append(c.Environment, types.KeyValuePair{Name: &name, Value: &from})
			}
		}
		r.input.ContainerDefinitions = append(r.input.ContainerDefinitions, c)
	}
	return r
}

func placeOf(containers, others, adopt string) place {
	return place{
		consumer: "api", containers: strings.Fields(containers), others: strings.Fields(others), adopt: strings.Fields(adopt),
		bucketName: "api-secrets", bucketARN: arnOfBucket,
	}
}

const ssmParameter = "arn:aws:ssm:us-east-1:111111111111:parameter/p"

func TestTheContainersThatGetTheBucket(t *testing.T) {
	const pinned, follows = "A=" + arnOfBucket + ":A::" + v1, "A=" + arnOfBucket
	for name, c := range map[string]struct {
		at         place
		containers []string
		want       string
	}{
		"the only one":                            {placeOf("", "", ""), []string{"app"}, "app"},
		"the only one that is nobody else's":      {placeOf("", "worker", ""), []string{"app", "worker"}, "app"},
		"none of several":                         {placeOf("", "", ""), []string{"app", "proxy"}, ""},
		"the one that pins it":                    {placeOf("", "", ""), []string{"app " + pinned, "proxy"}, "app"},
		"the one that follows it":                 {placeOf("", "", ""), []string{"proxy", "app " + follows}, "app"},
		"another JSON key of it":                  {placeOf("", "", ""), []string{"proxy", "app A=" + arnOfBucket + ":username::"}, "app"},
		"its name without the suffix":             {placeOf("", "", ""), []string{"proxy", "app A=" + bareOfBucket + ":A::"}, "app"},
		"a secret whose name begins like its":     {placeOf("", "", ""), []string{"proxy", "app A=" + arnOfOther}, ""},
		"every one that has it":                   {placeOf("", "", ""), []string{"app " + pinned, "proxy", "migrate " + follows}, "app migrate"},
		"one on the bucket before":                {placeOf("", "", ""), []string{"proxy", "app A=" + arnOfOther + ":A::" + vOther}, "app"},
		"a name to adopt, from a parameter":       {placeOf("", "", "DB"), []string{"proxy", "app DB=" + ssmParameter}, "app"},
		"a name to adopt, from the environment":   {placeOf("", "", "DB"), []string{"proxy", "app DB=x"}, "app"},
		"a name to adopt beside one that has it":  {placeOf("", "", "DB"), []string{"app " + pinned, "migrate DB=x"}, "app migrate"},
		"those that are named":                    {placeOf("app migrate", "", ""), []string{"app", "proxy", "migrate"}, "app migrate"},
		"named, and one that has it":              {placeOf("migrate", "", ""), []string{"app " + pinned, "proxy", "migrate"}, "app migrate"},
		"named: a name to adopt adds no other":    {placeOf("app", "", "DB"), []string{"app", "proxy DB=x"}, "app"},
		"another consumer's, though it has it":    {placeOf("app", "worker", ""), []string{"app", "worker " + pinned}, "app"},
		"another consumer's, on a bucket of its":  {placeOf("app", "worker", ""), []string{"app", "worker A=" + arnOfOther + ":A::" + vOther}, "app"},
		"named and missing: no other one instead": {placeOf("web", "", ""), []string{"app"}, ""},
	} {
		got := c.at.readPins(revisionOf(c.containers...))
		if diff := cmp.Diff(c.want, strings.Join(got.chosen, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What a Roll makes of a revision chooses the same containers again, pins the version in all of them, and has the rest
// that the Roll was planned for.
func TestEveryChosenContainerIsPinned(t *testing.T) {
	bundled := placeOf("app migrate", "", "")
	bundled.variable = "API_SECRETS"
	for name, c := range map[string]struct {
		at         place
		containers []string
		names      []string
	}{
		"two that are named":      {placeOf("app migrate", "", ""), []string{"app P=" + ssmParameter, "proxy", "migrate"}, []string{"A", "B"}},
		"two that have it":        {placeOf("", "", ""), []string{"app A=" + arnOfBucket, "proxy", "migrate B=" + arnOfBucket + ":other::" + v1}, []string{"A", "B"}},
		"one added to one":        {placeOf("migrate", "", ""), []string{"app A=" + arnOfBucket + ":A::" + v1, "migrate"}, []string{"A", "B"}},
		"names to adopt":          {placeOf("", "", "A"), []string{"app A=" + ssmParameter, "proxy", "migrate A=x"}, []string{"A", "B"}},
		"the only one":            {placeOf("", "", ""), []string{"app"}, []string{"A", "B"}},
		"the whole, in both":      {bundled, []string{"app", "proxy", "migrate"}, nil},
		"with another consumer's": {placeOf("app", "worker", ""), []string{"app", "worker B=" + arnOfBucket + ":B::" + v2}, []string{"A", "B"}},
	} {
		before := revisionOf(c.containers...)
		input, err := c.at.pinBucket(before, me, v1, []string{"A", "B"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		after := revision{arn: before.arn, input: input}
		p := c.at.readPins(after)
		if p.pinnedVersion() != v1 || len(p.odd) > 0 || c.names != nil && !slices.Equal(p.names, c.names) || c.at.unknownReason(after) != "" {
			t.Errorf("%s: %+v, %s", name, p, c.at.unknownReason(after))
		}
		if diff := cmp.Diff(c.at.readPins(before).chosen, p.chosen); diff != "" {
			t.Errorf("%s: chosen (-before +after):\n%s", name, diff)
		}
		if c.at.fingerprintAfterRoll(before) != c.at.fingerprintRest(after, p.bundles...) {
			t.Errorf("%s: another rest: a rollout that fails would be tried for ever", name)
		}
		for _, d := range input.ContainerDefinitions {
			if n := len(d.Secrets); (*d.Name == "proxy") != (n == 0) {
				t.Errorf("%s: container %s has %d secrets", name, *d.Name, n)
			}
		}
		again, err := c.at.pinBucket(after, me, v1, []string{"A", "B"})
		if err != nil || !sameDefinition(again, input) {
			t.Errorf("%s: rolled again it is another: %v", name, err)
		}
	}
}

func TestAVersionRunsOnlyWhereEveryChosenContainerPinsIt(t *testing.T) {
	pin := func(name, version string) string { return " " + name + "=" + arnOfBucket + ":" + name + "::" + version }
	for name, c := range map[string]struct {
		containers []string
		version    string
		names      []string
		unknown    string
	}{
		"both":                  {[]string{"app" + pin("A", v1) + pin("B", v1), "migrate" + pin("A", v1) + pin("B", v1)}, v1, []string{"A", "B"}, ""},
		"one lacks a name":      {[]string{"app" + pin("A", v1) + pin("B", v1), "migrate" + pin("A", v1)}, v1, []string{"A"}, ""},
		"one has nothing":       {[]string{"app" + pin("A", v1), "migrate"}, "", nil, ""},
		"one is older":          {[]string{"app" + pin("A", v2), "migrate" + pin("A", v1)}, "", []string{"A"}, ""},
		"one follows":           {[]string{"app" + pin("A", v2), "migrate A=" + arnOfBucket + ":A::"}, "", []string{"A"}, ""},
		"one follows a label":   {[]string{"app" + pin("A", v2), "migrate A=" + arnOfBucket + ":A:AWSPREVIOUS:"}, "", []string{"A"}, "follows a label of its own for A"},
		"one is not there":      {[]string{"app" + pin("A", v2)}, "", []string{"A"}, `task definition app:3 has no container "migrate"`},
		"one is on one before":  {[]string{"app" + pin("A", v2), "migrate A=" + arnOfOther + ":A::" + vOther}, "", []string{"A"}, ""},
		"a third one lags":      {[]string{"app" + pin("A", v2), "migrate" + pin("A", v2), "cron" + pin("A", v1)}, "", []string{"A"}, ""},
		"a third is mentioned":  {[]string{"app" + pin("A", v2), "migrate" + pin("A", v2), "cron ARN=" + "x" + arnOfBucket}, "", []string{"A"}, `outside the secrets of containers "app", "migrate"`},
		"a sidecar has its own": {[]string{"app" + pin("A", v2), "migrate" + pin("A", v2), "proxy A=" + ssmParameter}, v2, []string{"A"}, ""},
	} {
		at, r := placeOf("app migrate", "", ""), revisionOf(c.containers...)
		p := at.readPins(r)
		if p.pinnedVersion() != c.version || !slices.Equal(p.names, c.names) {
			t.Errorf("%s: version %q, names %q", name, p.pinnedVersion(), p.names)
		}
		if why := at.unknownReason(r); (why == "") != (c.unknown == "") || !strings.Contains(why, c.unknown) {
			t.Errorf("%s: unknown %q, want %q", name, why, c.unknown)
		}
	}
	both := revisionOf("app"+pin("A", v2), "migrate A="+arnOfOther+":A::"+vOther)
	if got := placeOf("app migrate", "", "").versionsInPlay([]revision{both}); !slices.Equal(got, []string{vOther, v2}) {
		t.Errorf("in play %q", got)
	}
}

func TestNoneOfSeveralContainersIsGuessed(t *testing.T) {
	const want = "the task definition of api has 3 containers and none names bucket api-secrets: write container:"
	at, r := placeOf("", "", ""), revisionOf("app", "proxy", "log")
	if _, err := at.pinBucket(r, me, v1, []string{"A"}); err == nil || err.Error() != want {
		t.Errorf("roll: %v", err)
	}
	l := settledSnapshot()
	l.at, l.revisions[r.arn] = at, r
	if s := l.toSeen("api"); s.NotRolled != want || s.Unknown != "" || len(s.InPlay) > 0 || s.Running != "" || !s.Settled || l.refusalReason() != want {
		t.Errorf("%+v", s)
	}
	f := Family{definitions: definitions{at: at, by: me}, name: "app"}
	if s := f.toSeen(familySnapshot{targets: []target{{definition: "app:3"}}, named: []revision{r}}); s.NotRolled != want || s.Unknown != "" {
		t.Errorf("%+v", s)
	}
}

func TestWhatItsPipelineDeploysIsSeenAndNotRolled(t *testing.T) {
	for name, c := range map[string]struct {
		secrets   []string
		running   string
		notRolled string
		unpinned  bool
	}{
		"its own names, and not all": {[]string{"DATABASE=" + arnOfBucket + ":A::" + v1}, v1, "waits for the pipeline of main/api to deploy (roll: false)", false},
		"no version":                 {[]string{"A=" + arnOfBucket + ":A::"}, "", "waits for the pipeline of main/api to deploy (roll: false)", true},
		"nothing":                    {nil, "", "waits for the pipeline of main/api to deploy (roll: false), and app:3 pins no version of bucket api-secrets", false},
	} {
		r := revisionWith(c.secrets...)
		l := settledSnapshot()
		l.revisions[r.arn], l.byPipeline, l.name = r, true, "main/api"
		s := l.toSeen("api")
		if s.Running != c.running || s.NotRolled != c.notRolled || s.Unknown != "" || (s.Unpinned != "") != c.unpinned || s.Names != nil || s.Drift != nil || l.refusalReason() != c.notRolled {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestConsumersOfOneTaskDefinitionLeaveEachOthersContainers(t *testing.T) {
	ecs := func(name, bucket, cluster, service string, containers ...string) manifest.Consumer {
		return manifest.Consumer{Name: name, Bucket: bucket, ECS: &manifest.ECS{Cluster: cluster, Service: service, Task: manifest.Task{Containers: containers}}}
	}
	env := &manifest.Environment{Name: "dev", Consumers: []manifest.Consumer{
		ecs("api", "api", "main", "api", "app"), ecs("worker", "worker", "arn:aws:ecs:us-east-1:111111111111:cluster/main", "arn:aws:ecs:us-east-1:111111111111:service/main/api", "worker", "cron"),
		ecs("elsewhere", "api", "other", "api", "proxy"), {Name: "job", Bucket: "api", ECSFamily: &manifest.ECSFamily{Cluster: "main", Family: "api", Task: manifest.Task{Containers: manifest.Names{"log"}}}},
	}}
	at := newPlace(env, env.Consumers[0], env.Consumers[0].ECS.Task, history.History{ARN: arnOfBucket})
	if diff := cmp.Diff([]string{"worker", "cron"}, at.others); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
