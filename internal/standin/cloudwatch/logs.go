package cloudwatch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// Logs has the log groups of one account and region, and serves what of the CloudWatch Logs API is read: FilterLogEvents
// (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html). Safe for concurrent
// use.
type Logs struct {
	clock *sim.Clock

	mu     sync.Mutex
	groups map[string]*group
}

// group is one log group, with one stream.
type group struct {
	logs    *Logs
	events  []event
	partial []byte // the start of a line
}

// event is a line of a log: at is milliseconds since 1970, as AWS counts.
type event struct {
	at      int64
	message string
}

// stream is the name of the one stream that each group has.
const stream = "standin/[$LATEST]"

// pageOf is how many events one call looks through. AWS's pages are larger (10,000 events or 1 MB), and may hold nothing
// while there is more, as here.
const pageOf = 200

// NewLogs returns logs without groups.
func NewLogs(clock *sim.Clock) *Logs { return &Logs{clock: clock, groups: map[string]*group{}} }

// Group makes a log group, if it is not there, and returns what writes into it: each line is an event of the time at which
// it is written.
func (l *Logs) Group(name string) io.Writer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.groups[name] == nil {
		l.groups[name] = &group{logs: l}
	}
	return l.groups[name]
}

// Delete deletes a log group, as somebody might.
func (l *Logs) Delete(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.groups, name)
}

// Write implements io.Writer.
func (g *group) Write(b []byte) (int, error) {
	g.logs.mu.Lock()
	defer g.logs.mu.Unlock()
	at := g.logs.clock.Now().UnixMilli()
	g.partial = append(g.partial, b...)
	for {
		line, rest, whole := bytes.Cut(g.partial, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		g.events = append(g.events, event{at, string(line) + "\n"})
		g.partial = bytes.Clone(rest)
	}
}

// Wire returns the service for the wire: awsJson1.1.
func (l *Logs) Wire() wire.JSONService {
	return wire.JSONService{
		Name: "logs", Target: "Logs_20140328",
		Reads: func(operation string) bool { return operation == "FilterLogEvents" },
		Ops:   map[string]wire.Op{"FilterLogEvents": wire.Handle(l.filterLogEvents)},
	}
}

// filterRequest has the parameters of FilterLogEvents that rotary sends. wire.Handle refuses a request with any other, such as
// limit or logStreamNames, as not implemented.
type filterRequest struct {
	LogGroupName  string  `json:"logGroupName"`
	StartTime     *int64  `json:"startTime"`
	EndTime       *int64  `json:"endTime"`
	FilterPattern string  `json:"filterPattern"`
	NextToken     *string `json:"nextToken"`
}

type filterResponse struct {
	Events             []filteredEvent  `json:"events"`
	NextToken          string           `json:"nextToken,omitempty"`
	SearchedLogStreams []map[string]any `json:"searchedLogStreams"` // always empty, as AWS's is
}

type filteredEvent struct {
	EventID       string `json:"eventId"`
	IngestionTime int64  `json:"ingestionTime"`
	LogStreamName string `json:"logStreamName"`
	Message       string `json:"message"`
	Timestamp     int64  `json:"timestamp"`
}

func (l *Logs) filterLogEvents(_ context.Context, in filterRequest) (filterResponse, error) {
	out := filterResponse{Events: []filteredEvent{}, SearchedLogStreams: []map[string]any{}}
	matches, err := parsePattern(in.FilterPattern)
	if err != nil {
		return out, err
	}
	if in.StartTime != nil && in.EndTime != nil && *in.StartTime > *in.EndTime {
		return out, wire.Errorf("InvalidParameterException", "The start time must not be after the end time.")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.groups[in.LogGroupName]
	if g == nil {
		return out, wire.Errorf("ResourceNotFoundException", "The specified log group does not exist.")
	}
	first, err := g.readToken(in)
	if err != nil {
		return out, err
	}
	next := min(first+pageOf, len(g.events))
	for i, e := range g.events[first:next] {
		within := (in.StartTime == nil || e.at >= *in.StartTime) && (in.EndTime == nil || e.at <= *in.EndTime)
		if within && matches(e.message) {
			out.Events = append(out.Events, filteredEvent{fmt.Sprintf("%056d", first+i), e.at, stream, e.message, e.at})
		}
	}
	if next < len(g.events) {
		out.NextToken = in.tokenAt(next)
	}
	return out, nil
}

// tokenAt returns the token of the page that begins with an event. It belongs to this request.
func (r filterRequest) tokenAt(event int) string {
	return fmt.Sprintf("%d %s %s", event, r.LogGroupName, r.FilterPattern)
}

// readToken returns the event with which a page begins.
func (g *group) readToken(in filterRequest) (int, error) {
	if in.NextToken == nil {
		return 0, nil
	}
	number, _, _ := strings.Cut(*in.NextToken, " ")
	first, err := strconv.Atoi(number)
	if err != nil || first < 0 || first > len(g.events) || *in.NextToken != in.tokenAt(first) {
		return 0, wire.Errorf("InvalidParameterException", "The specified nextToken is invalid.")
	}
	return first, nil
}

// equality is the one form of pattern that is understood: { $.FIELD = "TEXT" }, for a field of the object itself
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html).
var equality = regexp.MustCompile(`^\{ *\$\.([A-Za-z_]+) *= *"([^"*\\]*)" *\}$`)

// parsePattern returns what tells whether a line matches a pattern. An empty pattern matches every line; one with a
// selector matches none that is no JSON object.
func parsePattern(pattern string) (func(line string) bool, error) {
	if pattern == "" {
		return func(string) bool { return true }, nil
	}
	parts := equality.FindStringSubmatch(pattern)
	if parts == nil {
		return nil, wire.NotImplemented("filter pattern %s", pattern)
	}
	return func(line string) bool {
		var object map[string]json.RawMessage
		var text string
		return json.Unmarshal([]byte(line), &object) == nil && json.Unmarshal(object[parts[1]], &text) == nil && text == parts[2]
	}, nil
}

// Lines returns the lines of a group since a time, for tests.
func (l *Logs) Lines(name string, since time.Time) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	if g := l.groups[name]; g != nil {
		for _, e := range g.events {
			if e.at >= since.UnixMilli() {
				all = append(all, strings.TrimSuffix(e.message, "\n"))
			}
		}
	}
	return all
}
