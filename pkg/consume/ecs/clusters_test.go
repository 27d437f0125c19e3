package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/parallel"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

const (
	apiSecret   = "api-secrets-dev"
	sourceName  = "source/dev/db"
	sourceARN   = "arn:aws:secretsmanager:us-east-1:111111111111:secret:source/dev/db-GhIjKl"
	unseenName  = "zone-secrets-dev"
	unseenAbout = "arn:aws:secretsmanager:us-east-1:111111111111:secret:zone-secrets-dev"
)

// environmentWith is dev with these services in cluster main, all on bucket api-secrets.
func environmentWith(services ...string) *manifest.Environment {
	env := &manifest.Environment{
		Name: "dev", Account: "111111111111", Region: "us-east-1",
		Sources: []manifest.Source{{Name: "db", Secret: sourceName}},
		Buckets: []manifest.Bucket{{Name: "api-secrets", Secret: apiSecret}, {Name: "zone-secrets", Secret: unseenName}},
	}
	for _, s := range services {
		env.Consumers = append(env.Consumers, manifest.Consumer{
			Name: s, Bucket: "api-secrets", ECS: &manifest.ECS{Cluster: "main", Service: s, Task: manifest.Task{Containers: manifest.Names{"app"}}},
		})
	}
	return env
}

// secretsAt are the environment's: the bucket's second version has been current since now, and the source's too.
func secretsAt(now time.Time) []history.History {
	versions := []history.Version{
		{ID: v1, Created: now.Add(-time.Hour), Labels: []string{fmt.Sprintf("PAST-%d-%s", now.Unix(), v1[:8])}},
		{ID: v2, Created: now, Labels: []string{history.AWSCurrent, history.Held + v2}},
	}
	return []history.History{
		{Secret: sourceName, ARN: sourceARN, Versions: versions}, {Secret: apiSecret, ARN: bucketARN, Versions: versions},
		{Secret: unseenName, Versions: versions},
	}
}

// census is the census of a warm function.
type census struct {
	w        *world
	clusters *ecs.Clusters
	swapped  time.Time
}

// tagged finds clusters by the environment's tag.
type finder struct {
	clusters []string
	err      error
}

func (t finder) FindClusters(context.Context) ([]string, error) { return t.clusters, t.err }

func (w *world) newCensus(env *manifest.Environment) census {
	return census{w, ecs.NewClusters(w.client, nil, env, w.cache), w.clock.Now()}
}

func (c census) look(remembered ...plan.Remembered) []plan.SeenStranger {
	inOrder := parallel.WithScheduler(ctx(), parallel.InOrder{}) // which call comes first is known
	c.clusters.Prepare(inOrder, c.w.clock.Now(), remembered)
	return c.clusters.Strangers(inOrder, secretsAt(c.swapped))
}

// describeHolds returns what strangers were seen with: NAME SECRET=VERSION,…
func describeHolds(found []plan.SeenStranger) string {
	var all []string
	for _, t := range found {
		text := t.Name
		if t.Unread {
			text += " unread"
		}
		for _, h := range t.Holds {
			var versions []string
			for _, id := range h.Versions {
				versions = append(versions, id[:1])
			}
			if text += " " + h.Secret + "=" + strings.Join(versions, ","); h.Any {
				text += "any"
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// defineWith registers a revision of family other with one container, changed.
func (w *world) defineWith(change func(*types.ContainerDefinition)) string {
	w.t.Helper()
	c := types.ContainerDefinition{Name: aws.String("app"), Image: aws.String("other:1")}
	change(&c)
	out, err := w.client.RegisterTaskDefinition(ctx(), &sdk.RegisterTaskDefinitionInput{
		Family: aws.String("other"), ExecutionRoleArn: aws.String("arn:aws:iam::111111111111:role/night"), ContainerDefinitions: []types.ContainerDefinition{c},
	})
	must(w.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func (w *world) startServiceIn(cluster, name, td string, desired int32) {
	w.t.Helper()
	must(w.t, errorOf(w.client.CreateService(ctx(), &sdk.CreateServiceInput{
		Cluster: &cluster, ServiceName: &name, TaskDefinition: &td, DesiredCount: &desired,
	})))
}

func (w *world) runTask(td string, count int32) {
	w.t.Helper()
	must(w.t, errorOf(w.client.RunTask(ctx(), &sdk.RunTaskInput{Cluster: aws.String("main"), TaskDefinition: &td, Count: &count})))
}

func withSecret(from string) func(*types.ContainerDefinition) {
	return func(c *types.ContainerDefinition) {
		c.Secrets = []types.Secret{{Name: aws.String("A"), ValueFrom: aws.String(from)}}
	}
}

func withEnvironment(value string) func(*types.ContainerDefinition) {
	return func(c *types.ContainerDefinition) {
		c.Environment = []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String(value)}}
	}
}

// Each kind of reference to a secret, by a task that was created before the secret changed, and by one that came after.
func TestWhateverNamesASecretIsSeen(t *testing.T) {
	bare := strings.TrimSuffix(bucketARN, "-AbCdEf")
	for name, tt := range map[string]struct {
		change      func(*types.ContainerDefinition)
		old, recent string // what is held
	}{
		"a key of a pinned version":            {withSecret(bucketARN + ":A::" + v1), apiSecret + "=1", apiSecret + "=1"},
		"all of a pinned version":              {withSecret(bucketARN + ":::" + v1), apiSecret + "=1", apiSecret + "=1"},
		"a pinned version, by the ARN's start": {withSecret(bare + ":A::" + v1), apiSecret + "=1", apiSecret + "=1"},
		"a key without a version":              {withSecret(bucketARN + ":A::"), apiSecret + "=1,2", apiSecret + "=2"},
		"all of it without a version":          {withSecret(bucketARN), apiSecret + "=1,2", apiSecret + "=2"},
		"by the ARN's start":                   {withSecret(bare), apiSecret + "=1,2", apiSecret + "=2"},
		"AWSCURRENT":                           {withSecret(bucketARN + ":A:AWSCURRENT:"), apiSecret + "=1,2", apiSecret + "=2"},
		"another label":                        {withSecret(bucketARN + ":A:AWSPREVIOUS:"), apiSecret + "=1,2", apiSecret + "=1,2"},
		"a source":                             {withSecret(sourceARN + ":A::"), sourceName + "=1,2", sourceName + "=2"},
		"a secret that was not described":      {withSecret(unseenAbout + "-MnOpQr:A::" + v1), unseenName + "=1", unseenName + "=1"},
		"the same by its ARN's start":          {withSecret(unseenAbout), unseenName + "=1,2", unseenName + "=2"},
		"secretOptions": {func(c *types.ContainerDefinition) {
			c.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverSplunk, SecretOptions: []types.Secret{{Name: aws.String("splunk-token"), ValueFrom: aws.String(bucketARN + ":A::" + v1)}}}
		}, apiSecret + "=1", apiSecret + "=1"},
		"repositoryCredentials": {func(c *types.ContainerDefinition) {
			c.RepositoryCredentials = &types.RepositoryCredentials{CredentialsParameter: aws.String(bucketARN)}
		}, apiSecret + "=1,2", apiSecret + "=2"},
		"repositoryCredentials by name": {func(c *types.ContainerDefinition) {
			c.RepositoryCredentials = &types.RepositoryCredentials{CredentialsParameter: aws.String(apiSecret)}
		}, apiSecret + "=1,2", apiSecret + "=2"},
		"an ARN in the environment":      {withEnvironment(`{"secret":"` + bucketARN + `"}`), apiSecret + "=1,2", apiSecret + "=2"},
		"an ARN's start there":           {withEnvironment("from " + bare + ", please"), apiSecret + "=1,2", apiSecret + "=2"},
		"a pinned version there":         {withEnvironment(bucketARN + ":A::" + v1), apiSecret + "=1", apiSecret + "=1"},
		"a name in the environment":      {withEnvironment(apiSecret), apiSecret + "=1,2", apiSecret + "=2"},
		"a name among others":            {withEnvironment("secrets=" + apiSecret + ",x"), apiSecret + "=1,2", apiSecret + "=2"},
		"a source's name":                {withEnvironment(sourceName), sourceName + "=1,2", sourceName + "=2"},
		"an argument":                    {func(c *types.ContainerDefinition) { c.Command = []string{"run", "--secret-id=" + bucketARN} }, apiSecret + "=1,2", apiSecret + "=2"},
		"a label of Docker's":            {func(c *types.ContainerDefinition) { c.DockerLabels = map[string]string{"secret": bucketARN} }, apiSecret + "=1,2", apiSecret + "=2"},
		"another secret of a like name":  {withSecret(bucketARN[:len(bucketARN)-7] + "-two-AbCdEf"), "", ""},
		"a like name in the environment": {withEnvironment(apiSecret + "-two"), "", ""},
		"another account's secret":       {withSecret(strings.Replace(bucketARN, "111111111111", "222222222222", 1)), "", ""},
		"a parameter":                    {withSecret("arn:aws:ssm:us-east-1:111111111111:parameter/db"), "", ""},
		"nothing":                        {func(*types.ContainerDefinition) {}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			td := w.defineWith(tt.change)
			w.runTask(td, 1)
			w.clock.Advance(10 * time.Minute)
			c := w.newCensus(environmentWith())
			c.clusters = ecs.NewClusters(w.client, finder{clusters: []string{"main"}}, environmentWith(), w.cache)
			old, recent := "", ""
			if tt.old != "" {
				old, recent = "ecs-family:main/other "+tt.old, "ecs-family:main/other "+tt.recent
			}
			if got := describeHolds(c.look()); got != old {
				t.Errorf("a task from before: %q, want %q", got, old)
			}
			w.stopTasks()
			w.clock.Advance(3 * time.Minute)
			if got := describeHolds(c.look()); got != "" {
				t.Errorf("no task: %q", got)
			}
			w.runTask(td, 2)
			if got := describeHolds(c.look()); got != recent {
				t.Errorf("tasks from after: %q, want %q", got, recent)
			}
		})
	}
}

func (w *world) stopTasks() {
	w.t.Helper()
	out, err := w.client.ListTasks(ctx(), &sdk.ListTasksInput{Cluster: aws.String("main")})
	must(w.t, err)
	for _, arn := range out.TaskArns {
		must(w.t, errorOf(w.client.StopTask(ctx(), &sdk.StopTaskInput{Cluster: aws.String("main"), Task: &arn})))
	}
}

// What a consumer's own look tells is no stranger; whatever else runs at its place, or on its task definitions, is.
func TestWhatStandsInNoManifestIsAStranger(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1"), 1, true)
	w.rollAndFinish(v1)
	pinned := *w.presentDefinition().TaskDefinitionArn
	c := w.newCensus(environmentWith("api"))
	if got := describeHolds(c.look()); got != "" {
		t.Errorf("with the consumer alone: %s", got)
	}
	w.startServiceIn("main", "canary", pinned, 0) // somebody may scale it up
	w.runTask(pinned, 3)
	w.clock.Advance(3 * time.Minute)
	found := c.look()
	if got, want := describeHolds(found), "ecs-family:main/app "+apiSecret+"=1; ecs:main/canary "+apiSecret+"=1"; got != want {
		t.Errorf("found %s, want %s", got, want)
	}
	for i, words := range [][]string{{"3 tasks run app:2", "version " + v1[len(v1)-8:] + " of " + apiSecret, `container "app"`}, {"it is on app:2"}} {
		for _, word := range words {
			if !strings.Contains(found[i].Why, word) {
				t.Errorf("%s does not say %q: %s", found[i].Name, word, found[i].Why)
			}
		}
	}
	if want := "aws ecs delete-service --force --cluster main --service canary"; found[1].Stop != want {
		t.Errorf("stop it by %q", found[1].Stop)
	}
	if got := describeHolds(w.newCensus(environmentWith("api", "canary")).look()); got != "ecs-family:main/app "+apiSecret+"=1" {
		t.Errorf("with the canary declared: %s", got)
	}
	remembered := plan.Remembered{Secret: apiSecret, Location: "ecs:main/canary"}
	if got := describeHolds(c.look(remembered)); got != "ecs-family:main/app "+apiSecret+"=1" {
		t.Errorf("with the canary remembered: %s", got)
	}
	family := environmentWith("api", "canary")
	family.Consumers = append(family.Consumers, manifest.Consumer{Name: "jobs", Bucket: "api-secrets", ECSFamily: &manifest.ECSFamily{Cluster: "main", Family: "app"}})
	if got := describeHolds(w.newCensus(family).look()); got != "" {
		t.Errorf("with the family declared too: %s", got)
	}
	family.Consumers[2].Bucket = "zone-secrets"
	if got := describeHolds(w.newCensus(family).look()); got != "ecs-family:main/app "+apiSecret+"=1" {
		t.Errorf("with the family declared on another bucket: %s", got)
	}
}

// A declared service whose task definition reads a source, or names its own bucket where its driver does not look.
func TestADeclaredServiceMayBeAStrangerToASource(t *testing.T) {
	w := newWorld(t)
	w.createService(w.registerRevision("app:1", "DB_URL="+bucketARN+":DB_URL::"+v1, "SOURCE="+sourceARN+":URL::"), 1, true)
	c := w.newCensus(environmentWith("api"))
	found := c.look()
	if got, want := describeHolds(found), "ecs:main/api "+sourceName+"=1,2"; got != want {
		t.Errorf("found %s, want %s", got, want)
	}
	if found[0].Consumer != "api" {
		t.Errorf("declared there is %q", found[0].Consumer)
	}
}

// Readers are declared by the role that reads.
func TestWhatReadersAreDeclaredForIsTold(t *testing.T) {
	for role, want := range map[string]string{"night": "nightly", "arn:aws:iam::111111111111:role/night": "nightly", "day": ""} {
		w := newWorld(t)
		w.runTask(w.defineWith(withSecret(sourceARN+":URL::")), 1)
		env := environmentWith("api")
		env.Consumers = append(env.Consumers, manifest.Consumer{Name: "nightly", Source: "db", Reader: &manifest.Reader{Roles: []string{role}, Drain: manifest.Duration(time.Hour)}})
		found := w.newCensus(env).look()
		if len(found) != 1 || found[0].Reader != want {
			t.Errorf("role %s: %+v", role, found)
		}
	}
}

// A service in a cluster that the manifest does not name any more is found by the tag, or by the bucket's memory.
func TestClustersAreFoundByTagsAndByMemory(t *testing.T) {
	w := newWorld(t)
	must(t, errorOf(w.client.CreateCluster(ctx(), &sdk.CreateClusterInput{ClusterName: aws.String("left")})))
	w.startServiceIn("left", "old", w.defineWith(withSecret(bucketARN+":A::"+v1)), 1)
	env := environmentWith("api")
	if got := describeHolds(w.newCensus(env).look()); got != "" {
		t.Errorf("without a tag: %s", got)
	}
	for name, c := range map[string]struct {
		tagged finder
		memory []plan.Remembered
		want   string
	}{
		"by a tag":              {finder{clusters: []string{"left", "main"}}, nil, "ecs:left/old " + apiSecret + "=1"},
		"by memory":             {finder{}, []plan.Remembered{{Secret: apiSecret, Location: "ecs:left/other"}}, "ecs:left/old " + apiSecret + "=1"},
		"by a family's memory":  {finder{}, []plan.Remembered{{Secret: apiSecret, Location: "ecs-family:left/jobs"}}, "ecs:left/old " + apiSecret + "=1"},
		"a cluster that left":   {finder{clusters: []string{"gone"}}, nil, ""},
		"where tags are denied": {finder{clusters: []string{"left"}, err: errors.New("denied")}, nil, "ecs unread " + sourceName + "=any " + apiSecret + "=any " + unseenName + "=any; ecs:left/old " + apiSecret + "=1"},
	} {
		clusters := ecs.NewClusters(w.client, c.tagged, env, w.cache)
		if got := describeHolds(census{w, clusters, w.clock.Now()}.look(c.memory...)); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// What cannot be read may name anything; a cluster that cannot be read may run anything, and others are seen all the same.
func TestWhatCannotBeReadMayHaveAnything(t *testing.T) {
	all := " " + sourceName + "=any " + apiSecret + "=any " + unseenName + "=any"
	w := newWorld(t)
	must(t, errorOf(w.client.CreateCluster(ctx(), &sdk.CreateClusterInput{ClusterName: aws.String("second")})))
	w.startServiceIn("main", "one", w.defineWith(func(*types.ContainerDefinition) {}), 1)
	w.startServiceIn("second", "two", w.defineWith(withSecret(bucketARN+":A::"+v1)), 1)
	w.clock.Advance(3 * time.Minute)
	two := "ecs:second/two " + apiSecret + "=1"
	for operation, want := range map[string]string{
		"ListServices": "ecs:main unread" + all + "; " + two, "DescribeServices": "ecs:main unread" + all + "; " + two,
		"ListTasks": "ecs:main unread" + all + "; " + two, "DescribeTasks": "ecs:main unread" + all + "; " + two,
		"DescribeTaskDefinition": "ecs:main/one unread" + all + "; " + two,
	} {
		c := census{w, ecs.NewClusters(w.client, finder{clusters: []string{"main", "second"}}, environmentWith(), ecs.NewCache()), w.clock.Now()}
		failed := false
		w.tap.OnCall(func(call sim.Call) sim.Fault {
			if call.Operation == operation && !failed {
				failed = true
				return sim.Fault{Outcome: sim.Throttled}
			}
			return sim.Fault{}
		})
		if got := describeHolds(c.look()); got != want {
			t.Errorf("%s is throttled once: %s, want %s", operation, got, want)
		}
	}
	w.tap.OnCall(nil)
	gone := &forged{operation: "DescribeTaskDefinition", status: 400, body: `{"__type":"ClientException","message":"Unable to describe task definition."}`}
	c := census{w, ecs.NewClusters(w.clientOver(gone), finder{clusters: []string{"main"}}, environmentWith(), ecs.NewCache()), w.clock.Now()}
	if got := describeHolds(c.look()); got != "ecs:main/one"+all {
		t.Errorf("a task definition that is gone: %s", got)
	}
	left := &forged{operation: "DescribeServices", status: 200, body: `{"services":[],"failures":[{"arn":"arn:aws:ecs:us-east-1:111111111111:service/main/one","reason":"ACCESS_DENIED"}]}`}
	c.clusters = ecs.NewClusters(w.clientOver(left), finder{clusters: []string{"main"}}, environmentWith(), ecs.NewCache())
	if got := describeHolds(c.look()); got != "ecs:main/one"+all {
		t.Errorf("a service that ECS does not describe: %s", got)
	}
}

// What an unfinished deployment could go back to is in play, and so are tasks that are being stopped.
func TestWhatAStrangerCouldGoBackToIsItsOwn(t *testing.T) {
	w := newWorld(t)
	reads := w.defineWith(withSecret(bucketARN + ":A::" + v1))
	in := &sdk.CreateServiceInput{
		Cluster: aws.String("main"), ServiceName: aws.String("canary"), TaskDefinition: &reads, DesiredCount: aws.Int32(1),
		DeploymentConfiguration: &types.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(0), MaximumPercent: aws.Int32(100), DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{Enable: true, Rollback: true}},
	}
	must(t, errorOf(w.client.CreateService(ctx(), in)))
	w.clock.Advance(3 * time.Minute)
	w.broken["broken:1"] = true
	broken := w.defineWith(func(c *types.ContainerDefinition) { c.Image = aws.String("broken:1") })
	must(t, errorOf(w.client.UpdateService(ctx(), &sdk.UpdateServiceInput{Cluster: aws.String("main"), Service: aws.String("canary"), TaskDefinition: &broken})))
	c := w.newCensus(environmentWith("api"))
	for range 30 {
		if got, want := describeHolds(c.look()), "ecs:main/canary "+apiSecret+"=1"; got != want {
			t.Fatalf("at %s: %s, want %s", w.clock.Now(), got, want)
		}
		w.clock.Advance(10 * time.Second)
	}
}

// Lists come in pages and in any order, and nothing is lost by that.
func TestPagesAndOrderDoNotMatter(t *testing.T) {
	var want string
	for seed := range uint64(6) {
		w := newWorld(t, sim.Lists{Seed: seed})
		reads := w.defineWith(withSecret(bucketARN + ":A::" + v1))
		for i := range 23 {
			w.startServiceIn("main", fmt.Sprintf("s%02d", i), reads, 1)
		}
		w.runTask(reads, 9)
		w.clock.Advance(3 * time.Minute)
		found := w.newCensus(environmentWith("s00")).look()
		if len(found) != 23 || !slices.IsSortedFunc(found, func(a, b plan.SeenStranger) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("seed %d: %d strangers", seed, len(found))
		}
		if got := fmt.Sprint(found); seed == 0 {
			want = got
		} else if got != want {
			t.Errorf("seed %d: %s\nwant %s", seed, got, want)
		}
	}
}

// createOtherService makes another service of cluster main, without tasks, and tags it.
func (w *world) createOtherService(name, td string, tags ...string) {
	w.t.Helper()
	in := &sdk.CreateServiceInput{Cluster: aws.String("main"), ServiceName: &name, TaskDefinition: &td, DesiredCount: aws.Int32(0)}
	for _, t := range tags {
		key, value, _ := strings.Cut(t, "=")
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
	}
	must(w.t, errorOf(w.client.CreateService(ctx(), in)))
}
