package cloudwatch

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
)

const group1 = "/aws/lambda/rotary-dev-propagate"

// newClient returns logs, and the genuine SDK client of them.
func newClient() (*Logs, *sim.Clock, *cloudwatchlogs.Client) {
	clock := sim.NewClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC))
	logs, tap := NewLogs(clock), sim.NewTap(clock)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { logs.Wire().ServeCall(tap, clock, w, r) })
	return logs, clock, cloudwatchlogs.New(cloudwatchlogs.Options{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("111111111111", "x", ""),
		HTTPClient: &http.Client{Transport: sim.Transport{Handler: handler}}, Retryer: aws.NopRetryer{},
	})
}

// TestEventsAreFilteredPageByPage reads more lines than a page looks through, of which few match, with AWS's paginator.
func TestEventsAreFilteredPageByPage(t *testing.T) {
	logs, clock, client := newClient()
	out := logs.Group(group1)
	start := clock.Now()
	for i := range 7 * pageOf {
		switch i {
		case 3, 4 * pageOf, 7*pageOf - 1:
			fmt.Fprintf(out, `{"msg":"milestone","n":%d}`+"\n", i)
		case 5:
			fmt.Fprint(out, "START RequestId: milestone\n", `{"msg":`, `"milestone","n":5}`, "\n", "{\"msg\":\"other\"}\nnull\n")
		default:
			fmt.Fprintf(out, `{"msg":"wait","n":%d}`+"\n", i)
		}
		clock.Advance(time.Second)
	}
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group1), FilterPattern: aws.String(`{ $.msg = "milestone" }`)}
	read := func() (messages []string, empty int) {
		t.Helper()
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Events) == 0 {
				empty++
			}
			for _, e := range page.Events {
				messages = append(messages, aws.ToString(e.Message))
			}
		}
		return messages, empty
	}
	messages, empty := read()
	want := []string{`{"msg":"milestone","n":3}`, `{"msg":"milestone","n":5}`, fmt.Sprintf(`{"msg":"milestone","n":%d}`, 4*pageOf), fmt.Sprintf(`{"msg":"milestone","n":%d}`, 7*pageOf-1)}
	for i := range want {
		want[i] += "\n"
	}
	if diff := cmp.Diff(want, messages); diff != "" || empty == 0 {
		t.Errorf("%d pages without a match; events (-want +got):\n%s", empty, diff)
	}
	in.StartTime, in.EndTime = aws.Int64(start.Add(4*time.Second).UnixMilli()), aws.Int64(start.Add(4*pageOf*time.Second).UnixMilli())
	if messages, _ := read(); !slices.Equal(messages, want[1:3]) {
		t.Errorf("of a time: %q", messages)
	}
}

func TestWhatIsAskedWronglyIsRefused(t *testing.T) {
	logs, _, client := newClient()
	logs.Group(group1)
	for code, in := range map[string]cloudwatchlogs.FilterLogEventsInput{
		"ResourceNotFoundException": {LogGroupName: aws.String("/aws/lambda/other")},
		"InvalidParameterException": {LogGroupName: aws.String(group1), NextToken: aws.String("0 /aws/lambda/other ")},
		"StandinNotImplemented":     {LogGroupName: aws.String(group1), FilterPattern: aws.String(`{ $.msg = milestone* }`)},
	} {
		_, err := client.FilterLogEvents(t.Context(), &in)
		if e, is := errors.AsType[smithy.APIError](err); !is || e.ErrorCode() != code {
			t.Errorf("want %s: %v", code, err)
		}
	}
	logs.Delete(group1)
	_, err := client.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group1)})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); !missing {
		t.Errorf("a deleted group: %v", err)
	}
}
