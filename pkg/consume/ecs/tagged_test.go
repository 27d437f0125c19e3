package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// homed is env in the stand-in's account and region.
func homed(env *manifest.Environment) *manifest.Environment {
	env.Account, env.Region = "111111111111", "us-east-1"
	return env
}

// openTagging returns the genuine client of the tagging API, over the stand-in's or over what takes its place.
func (w *world) openTagging(instead http.RoundTripper) *tagging.Client {
	way := instead
	if way == nil {
		index := w.index.Wire()
		way = sim.Transport{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { index.ServeCall(w.tap, w.clock, rw, r) })}
	}
	return tagging.New(tagging.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "x", ""),
		HTTPClient: &http.Client{Transport: way}, BaseEndpoint: aws.String("http://tagging.test"), Retryer: aws.NopRetryer{},
	})
}

// tagged is the finder of an environment's clusters on the stand-in.
func (w *world) tagged(env *manifest.Environment) *ecs.TaggedClusters {
	return ecs.NewTaggedClusters(w.openTagging(nil), homed(env))
}

// createServiceIn makes a service in a cluster, which it makes too, with these tags.
func (w *world) createServiceIn(cluster, name, td string, tags ...types.Tag) {
	w.t.Helper()
	must(w.t, errorOf(w.client.CreateCluster(ctx(), &sdk.CreateClusterInput{ClusterName: &cluster})))
	must(w.t, errorOf(w.client.CreateService(ctx(), &sdk.CreateServiceInput{Cluster: &cluster, ServiceName: &name, TaskDefinition: &td, DesiredCount: aws.Int32(0), Tags: tags})))
}

func environmentOf(name string) types.Tag {
	return types.Tag{Key: aws.String("rotary:environment"), Value: &name}
}

func TestClustersAreFoundByWhatCarriesTheEnvironmentsTag(t *testing.T) {
	w := newWorld(t)
	td := w.registerRevision("app:1")
	w.createServiceIn("left", "api", td, environmentOf("dev"))
	w.createServiceIn("left", "worker", td, environmentOf("dev"))
	w.createServiceIn("other", "api", td, environmentOf("staging"))
	w.createServiceIn("plain", "api", td)
	w.createServiceIn("owned", "api", td, types.Tag{Key: aws.String("rotary:consumer"), Value: aws.String("dev")})
	must(t, errorOf(w.client.CreateCluster(ctx(), &sdk.CreateClusterInput{ClusterName: aws.String("itself"), Tags: []types.Tag{environmentOf("dev")}})))
	must(t, errorOf(w.client.CreateCluster(ctx(), &sdk.CreateClusterInput{ClusterName: aws.String("jobs")})))
	must(t, errorOf(w.client.RunTask(ctx(), &sdk.RunTaskInput{Cluster: aws.String("jobs"), TaskDefinition: &td, Tags: []types.Tag{environmentOf("dev")}})))
	w.registerTagged("dev") // a revision is in no cluster
	w.tap.Reset()
	got, err := w.tagged(environmentWith()).FindClusters(ctx())
	if err != nil || !slices.Equal(got, []string{"itself", "jobs", "left"}) {
		t.Errorf("found %v, %v", got, err)
	}
	if n := len(w.tap.Calls()); n < 3 {
		t.Errorf("%d calls: the pages of the stand-in have one, two, … resources", n)
	}
	w.wantWrites()
}

// registerTagged registers a revision that carries an environment's tag.
func (w *world) registerTagged(environment string) string {
	w.t.Helper()
	out, err := w.client.RegisterTaskDefinition(ctx(), &sdk.RegisterTaskDefinitionInput{
		Family: aws.String("tagged"), ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("app"), Image: aws.String("app:1")}}, Tags: []types.Tag{environmentOf(environment)},
	})
	must(w.t, err)
	return *out.TaskDefinition.TaskDefinitionArn
}

func TestATaskThatCarriesTheTagOfItsRevisionNamesItsCluster(t *testing.T) {
	w := newWorld(t)
	td := w.registerTagged("dev")
	must(t, errorOf(w.client.RunTask(ctx(), &sdk.RunTaskInput{Cluster: aws.String("main"), TaskDefinition: &td, PropagateTags: types.PropagateTagsTaskDefinition})))
	if got, err := w.tagged(environmentWith()).FindClusters(ctx()); err != nil || !slices.Equal(got, []string{"main"}) {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestAPassAsksOnceForAHundredResources(t *testing.T) {
	w := newWorld(t, whole)
	td := w.registerRevision("app:1")
	for i := range 100 {
		w.createServiceIn(fmt.Sprintf("c%02d", i/10), fmt.Sprintf("s%02d", i), td, environmentOf("dev"))
	}
	w.tap.Reset()
	got, err := w.tagged(environmentWith()).FindClusters(ctx())
	if err != nil || len(got) != 10 || len(w.tap.Calls()) != 1 {
		t.Errorf("%d clusters in %d calls, %v", len(got), len(w.tap.Calls()), err)
	}
}

// taggedPages is an HTTP server of pages of the tagging API: their bodies, in order.
type taggedPages struct {
	bodies []string
	asked  int
}

func (p *taggedPages) RoundTrip(q *http.Request) (*http.Response, error) {
	if err := q.Context().Err(); err != nil {
		return nil, err
	}
	status, body := http.StatusOK, p.bodies[min(p.asked, len(p.bodies)-1)]
	if strings.Contains(body, "__type") {
		status = http.StatusBadRequest
	}
	p.asked++
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: q}, nil
}

// pageOfARNs is one page, with the token of the next one.
func pageOfARNs(next string, arns ...string) string {
	var all []string
	for _, arn := range arns {
		all = append(all, fmt.Sprintf(`{"ResourceARN":%q,"Tags":[{"Key":"rotary:environment","Value":"dev"}]}`, arn))
	}
	return fmt.Sprintf(`{"PaginationToken":%q,"ResourceTagMappingList":[%s]}`, next, strings.Join(all, ","))
}

const here = "arn:aws:ecs:us-east-1:111111111111:"

func TestWhatTheTaggingAPIAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		pages []string
		want  string // clusters
		err   string
	}{
		"nothing":                      {pages: []string{pageOfARNs("")}},
		"an empty page in between":     {pages: []string{pageOfARNs("a", here+"service/one/api"), pageOfARNs("b"), pageOfARNs("", here+"task/two/0123")}, want: "one two"},
		"one cluster twice":            {pages: []string{pageOfARNs("", here+"service/one/api", here+"cluster/one", here+"service/one/worker")}, want: "one"},
		"no cluster in it":             {pages: []string{pageOfARNs("", here+"service/api", here+"service/one/api")}, want: "one", err: "service/api does not say in which cluster it is"},
		"a task of before":             {pages: []string{pageOfARNs("", here+"task/0123")}, err: "does not say in which cluster it is"},
		"another account":              {pages: []string{pageOfARNs("", "arn:aws:ecs:us-east-1:222222222222:service/one/api")}, err: "nothing that Amazon ECS has in this account"},
		"another service":              {pages: []string{pageOfARNs("", "arn:aws:sqs:us-east-1:111111111111:one")}, err: "nothing that Amazon ECS has"},
		"no ARN":                       {pages: []string{`{"ResourceTagMappingList":[{}]}`}, err: "nothing that Amazon ECS has"},
		"an empty name":                {pages: []string{pageOfARNs("", here+"service//api")}, err: "nothing that Amazon ECS has"},
		"a page that fails":            {pages: []string{pageOfARNs("a", here+"service/one/api"), `{"__type":"InternalServiceException","message":"no"}`}, want: "one", err: "InternalServiceException"},
		"a page that nobody can read":  {pages: []string{pageOfARNs("a", here+"service/one/api"), `{"ResourceTagMappingList":"s3cret"}`}, want: "one", err: "the answer could not be read"},
		"pages without an end":         {pages: []string{pageOfARNs("a", here+"service/one/api")}, want: "one", err: "more than 100 pages"},
		"a denial":                     {pages: []string{`{"__type":"AccessDeniedException","message":"User: x is not authorized to perform: tag:GetResources"}`}, err: "needs tag:GetResources on every resource"},
		"a token that has expired":     {pages: []string{pageOfARNs("a", here+"service/one/api"), `{"__type":"PaginationTokenExpiredException","message":"no"}`}, want: "one", err: "PaginationTokenExpiredException"},
		"a throttle that does not end": {pages: []string{`{"__type":"ThrottledException","message":"Rate exceeded"}`}, err: "ThrottledException"},
	} {
		w := newWorld(t)
		pages := &taggedPages{bodies: c.pages}
		got, err := ecs.NewTaggedClusters(w.openTagging(pages), homed(environmentWith())).FindClusters(ctx())
		if strings.Join(got, " ") != c.want || (err == nil) != (c.err == "") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if err != nil && (!strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "the tag rotary:environment: dev") || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The SDK's own retryer knows this API's throttle for one: an account that others ask much does not stop a pass.
func TestAThrottleIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.createServiceIn("left", "api", w.registerRevision("app:1"), environmentOf("dev"))
	left := 2
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "GetResources" && left > 0 {
			left--
			return sim.Fault{Outcome: sim.Throttled}
		}
		return sim.Fault{}
	})
	index := w.index.Wire()
	client := tagging.New(tagging.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "x", ""), BaseEndpoint: aws.String("http://tagging.test"),
		HTTPClient: &http.Client{Transport: sim.Transport{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { index.ServeCall(w.tap, w.clock, rw, r) })}},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.Backoff = 3, retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		}),
	})
	if got, err := ecs.NewTaggedClusters(client, homed(environmentWith())).FindClusters(ctx()); err != nil || !slices.Equal(got, []string{"left"}) {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestASearchThatIsGivenUpIsAnError(t *testing.T) {
	w := newWorld(t)
	gone, cancel := context.WithCancel(ctx())
	cancel()
	if _, err := w.tagged(environmentWith()).FindClusters(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("it is %v", err)
	}
}

func TestTheCensusLooksIntoClustersThatOnlyTheTagNames(t *testing.T) {
	w := newWorld(t)
	td := w.registerRevision("app:1", "A="+bucketARN+":A::"+v1)
	w.createService(td, 0, true)
	w.createServiceIn("left", "api", td, environmentOf("dev"))
	w.createServiceIn("left", "plain", td)
	w.createServiceIn("other", "api", td, environmentOf("staging"))
	for services, want := range map[string]string{ // also where the last consumer on ECS has left the manifest
		"api": "ecs:left/api api-secrets-dev=1; ecs:left/plain api-secrets-dev=1",
		"":    "ecs:left/api api-secrets-dev=1; ecs:left/plain api-secrets-dev=1",
	} {
		if got := describeHolds(w.lookByTag(environmentWith(strings.Fields(services)...))); got != want {
			t.Errorf("with %q in the manifest: %s", services, got)
		}
	}
}

// lookByTag returns what a census finds in the clusters of an environment and in those that the tag names.
func (w *world) lookByTag(env *manifest.Environment) []plan.SeenStranger {
	return census{w, ecs.NewClusters(w.client, w.tagged(env), env, w.cache), w.clock.Now()}.look()
}

func TestACensusWithoutTheTaggingAPIMayHaveMissedSomebody(t *testing.T) {
	w := newWorld(t)
	w.createOtherService("old", w.registerRevision("app:1", "A="+bucketARN+":A::"+v1))
	for _, outcome := range []sim.Outcome{sim.Throttled, sim.Unavailable, sim.Denied, sim.Dropped} {
		w.tap.OnCall(func(c sim.Call) sim.Fault {
			if c.Service == "tag" {
				return sim.Fault{Outcome: outcome}
			}
			return sim.Fault{}
		})
		got := w.lookByTag(environmentWith("api"))
		if len(got) != 2 || got[0].Name != "ecs" || !got[0].Unread || got[1].Name != "ecs:main/old" || (outcome == sim.Denied) != strings.Contains(got[0].Why, "needs tag:GetResources") {
			t.Errorf("outcome %d: %+v", outcome, got)
		}
	}
}

// A cluster that the tagging API still lists, and that is gone, has nobody in it.
func TestACensusPassesOverATaggedClusterThatIsGone(t *testing.T) {
	w := newWorld(t)
	pages := &taggedPages{bodies: []string{pageOfARNs("", here+"service/gone/api", here+"service/main/api")}}
	found := ecs.NewTaggedClusters(w.openTagging(pages), homed(environmentWith()))
	if got := (census{w, ecs.NewClusters(w.client, found, environmentWith("api"), w.cache), w.clock.Now()}).look(); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

// What the role may not look at (a protected environment's cluster, ADR 40) is not taken for empty.
func TestACensusThatMayNotLookIntoATaggedClusterTellsThat(t *testing.T) {
	w := newWorld(t)
	w.createServiceIn("left", "api", w.registerRevision("app:1"), environmentOf("dev"))
	w.tap.OnCall(func(c sim.Call) sim.Fault {
		if c.Operation == "ListServices" {
			return sim.Fault{Outcome: sim.Denied}
		}
		return sim.Fault{}
	})
	if got := w.lookByTag(environmentWith()); len(got) != 1 || got[0].Name != "ecs:left" || !got[0].Unread {
		t.Errorf("%+v", got)
	}
}
