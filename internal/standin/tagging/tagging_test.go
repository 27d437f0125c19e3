package tagging_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/tagging"
)

const prefix = "arn:aws:ecs:us-east-1:111111111111:"

// world is an index, and the genuine SDK client of it.
type world struct {
	t      *testing.T
	clock  *sim.Clock
	tap    *sim.Tap
	index  *tagging.Index
	client *sdk.Client
}

func newWorld(t *testing.T, lists sim.Lists, lag time.Duration) *world {
	w := &world{t: t, clock: sim.NewClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC))}
	w.tap, w.index = sim.NewTap(w.clock), tagging.New(tagging.Config{Clock: w.clock, Lists: lists, Lag: lag})
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.index.Wire().ServeCall(w.tap, w.clock, rw, r) })
	w.client = sdk.New(sdk.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "x", "propagate"),
		HTTPClient: &http.Client{Transport: sim.Transport{Handler: handler}}, BaseEndpoint: aws.String("http://tagging.test"), Retryer: aws.NopRetryer{},
	})
	return w
}

// request is what rotary asks: for services and tasks with a tag.
func request(key string, values ...string) *sdk.GetResourcesInput {
	return &sdk.GetResourcesInput{
		TagFilters:          []types.TagFilter{{Key: &key, Values: values}},
		ResourceTypeFilters: []string{"ecs:service", "ecs:task"}, ResourcesPerPage: aws.Int32(100),
	}
}

// list returns the resources of every page, sorted, and how many there were on each.
func (w *world) list(in *sdk.GetResourcesInput) (arns []string, sizes []int) {
	w.t.Helper()
	for pages := sdk.NewGetResourcesPaginator(w.client, in); pages.HasMorePages(); {
		out, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, m := range out.ResourceTagMappingList {
			arns = append(arns, strings.TrimPrefix(*m.ResourceARN, prefix))
		}
		sizes = append(sizes, len(out.ResourceTagMappingList))
	}
	slices.Sort(arns)
	return arns, sizes
}

func (w *world) want(in *sdk.GetResourcesInput, want ...string) {
	w.t.Helper()
	if got, _ := w.list(in); !slices.Equal(got, want) {
		w.t.Errorf("%v, want %v", got, want)
	}
}

func TestTheGenuineClientReadsEveryMember(t *testing.T) {
	w := newWorld(t, sim.Lists{}, 0)
	w.index.Note(prefix+"service/main/api", map[string]string{"rotary:environment": "dev", "team": "", "a": "b"})
	out, err := w.client.GetResources(t.Context(), request("rotary:environment", "dev"))
	if err != nil {
		t.Fatal(err)
	}
	want := []types.ResourceTagMapping{{ResourceARN: aws.String(prefix + "service/main/api"), Tags: []types.Tag{
		{Key: aws.String("a"), Value: aws.String("b")}, {Key: aws.String("rotary:environment"), Value: aws.String("dev")}, {Key: aws.String("team"), Value: aws.String("")},
	}}}
	byKey := cmpopts.SortSlices(func(a, b types.Tag) bool { return *a.Key < *b.Key })
	if diff := cmp.Diff(want, out.ResourceTagMappingList, byKey, cmpopts.IgnoreUnexported(types.ResourceTagMapping{}, types.Tag{})); diff != "" {
		t.Error(diff)
	}
	if aws.ToString(out.PaginationToken) != "" {
		t.Errorf("the last page has the token %q", *out.PaginationToken)
	}
	call := w.tap.Calls()[0]
	if call.Service != "tag" || call.Operation != "GetResources" || call.Caller != "propagate" || call.Write {
		t.Errorf("the journal has %+v", call)
	}
}

func TestFiltersChooseByTagAndByType(t *testing.T) {
	w := newWorld(t, sim.Lists{}, 0)
	w.index.Note(prefix+"service/main/api", map[string]string{"env": "dev", "team": "core"})
	w.index.Note(prefix+"service/main/web", map[string]string{"env": "staging"})
	w.index.Note(prefix+"task/main/0123", map[string]string{"env": "dev"})
	w.index.Note(prefix+"task-definition/api:1", map[string]string{"env": "dev"})
	w.index.Note(prefix+"cluster/main", map[string]string{"env": "dev"})
	w.want(request("env", "dev"), "service/main/api", "task/main/0123")
	w.want(request("env", "dev", "staging"), "service/main/api", "service/main/web", "task/main/0123")
	w.want(request("env"), "service/main/api", "service/main/web", "task/main/0123")
	w.want(request("Env", "dev"))
	w.want(request("env", "Dev"))
	both := request("env", "dev")
	both.TagFilters = append(both.TagFilters, types.TagFilter{Key: aws.String("team")})
	w.want(both, "service/main/api")
	clusters := request("env", "dev")
	clusters.ResourceTypeFilters = []string{"ecs:cluster"}
	w.want(clusters, "cluster/main")
}

func TestListsComeInPagesAndInNoOrder(t *testing.T) {
	w := newWorld(t, sim.Lists{}, 0)
	var all []string
	for i := range 20 {
		all = append(all, fmt.Sprintf("service/main/s%02d", i))
		w.index.Note(prefix+all[i], map[string]string{"env": "dev"})
	}
	got, sizes := w.list(request("env", "dev"))
	if !slices.Equal(got, all) || !slices.Equal(sizes, []int{1, 2, 4, 8, 5}) {
		t.Errorf("%d in pages of %v", len(got), sizes)
	}
	first := func() string {
		out, err := w.client.GetResources(t.Context(), request("env", "dev"))
		if err != nil {
			t.Fatal(err)
		}
		return *out.ResourceTagMappingList[0].ResourceARN
	}
	orders := map[string]bool{}
	for range 20 {
		orders[first()] = true
		w.clock.Advance(time.Second)
	}
	if len(orders) < 3 {
		t.Errorf("twenty lists begin with %d resources", len(orders))
	}
	small := newWorld(t, sim.Lists{Whole: true}, 0)
	for _, arn := range all {
		small.index.Note(prefix+arn, map[string]string{"env": "dev"})
	}
	in := request("env", "dev")
	in.ResourcesPerPage = aws.Int32(7)
	if got, sizes := small.list(in); !slices.Equal(got, all) || !slices.Equal(sizes, []int{7, 7, 6}) {
		t.Errorf("%d in pages of %v", len(got), sizes)
	}
}

func TestAnswersLagBehindTags(t *testing.T) {
	const lag = 2 * time.Minute
	w := newWorld(t, sim.Lists{}, lag)
	api := prefix + "service/main/api"
	w.index.Note(api, map[string]string{"env": "dev"})
	w.want(request("env", "dev"))
	w.clock.Advance(lag - time.Second)
	w.want(request("env", "dev"))
	w.clock.Advance(time.Second)
	w.want(request("env", "dev"), "service/main/api")
	w.index.Note(api, map[string]string{"env": "staging"})
	w.clock.Advance(time.Minute)
	w.index.Note(api, nil) // deleted
	w.want(request("env", "dev"), "service/main/api")
	w.clock.Advance(time.Minute)
	w.want(request("env", "staging"), "service/main/api")
	w.want(request("env", "dev"))
	w.clock.Advance(time.Minute)
	w.want(request("env"))
}

// What is noted is a copy: the service goes on changing its own.
func TestTheIndexKeepsTagsOfItsOwn(t *testing.T) {
	w := newWorld(t, sim.Lists{}, 0)
	tags := map[string]string{"env": "dev"}
	w.index.Note(prefix+"service/main/api", tags)
	tags["env"] = "staging"
	w.want(request("env", "dev"), "service/main/api")
}

func TestRequestsAreRefusedAsAWSRefusesThem(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sdk.GetResourcesInput)
		code   string
	}{
		"no resource on a page":  {func(in *sdk.GetResourcesInput) { in.ResourcesPerPage = aws.Int32(0) }, "InvalidParameterException"},
		"too many on a page":     {func(in *sdk.GetResourcesInput) { in.ResourcesPerPage = aws.Int32(101) }, "InvalidParameterException"},
		"a filter without a key": {func(in *sdk.GetResourcesInput) { in.TagFilters[0].Key = aws.String("") }, "InvalidParameterException"},
		"a token of nobody's":    {func(in *sdk.GetResourcesInput) { in.PaginationToken = aws.String("x") }, "PaginationTokenExpiredException"},
		"no filter":              {func(in *sdk.GetResourcesInput) { in.TagFilters = nil }, "StandinNotImplemented"},
		"no type":                {func(in *sdk.GetResourcesInput) { in.ResourceTypeFilters = nil }, "StandinNotImplemented"},
		"another service's type": {func(in *sdk.GetResourcesInput) { in.ResourceTypeFilters = []string{"ecs:service", "sqs"} }, "StandinNotImplemented"},
		"compliance":             {func(in *sdk.GetResourcesInput) { in.IncludeComplianceDetails = aws.Bool(true) }, "StandinNotImplemented"},
	} {
		w := newWorld(t, sim.Lists{}, 0)
		in := request("env", "dev")
		c.change(in)
		_, err := w.client.GetResources(t.Context(), in)
		if api, is := errors.AsType[smithy.APIError](err); !is || api.ErrorCode() != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFaultsAreTheAPIsOwnErrors(t *testing.T) {
	for outcome, want := range map[sim.Outcome]any{
		sim.Throttled: new(*types.ThrottledException), sim.Unavailable: new(*types.InternalServiceException), sim.Denied: new(smithy.APIError),
	} {
		w := newWorld(t, sim.Lists{}, 0)
		w.tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: outcome} })
		_, err := w.client.GetResources(t.Context(), request("env", "dev"))
		if !errors.As(err, want) {
			t.Errorf("outcome %d: %v", outcome, err)
		}
		if denied, is := errors.AsType[smithy.APIError](err); outcome == sim.Denied && (!is || denied.ErrorCode() != "AccessDeniedException") {
			t.Errorf("denied: %v", err)
		}
	}
}

// Eventually consistent: an answer of some minutes ago.
func TestAnAnswerMayBeAnOldOne(t *testing.T) {
	w := newWorld(t, sim.Lists{Whole: true}, 0)
	w.want(request("env", "dev"))
	w.index.Note(prefix+"service/main/api", map[string]string{"env": "dev"})
	w.tap.OnCall(func(sim.Call) sim.Fault { return sim.Fault{Outcome: sim.Stale} })
	w.want(request("env", "dev"))
	w.tap.OnCall(nil)
	w.want(request("env", "dev"), "service/main/api")
}
