// Package cloudtrail is the stand-in's AWS CloudTrail: the event history of one account and region, in memory, on the
// stand-in's clock. It has the events of Secrets Manager's reads, and answers LookupEvents
// (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
package cloudtrail

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Config holds what a Service depends on.
type Config struct {
	Clock           *sim.Clock
	Account, Region string
	Lists           sim.Lists // in what pages events are answered
	MaxLag          time.Duration
	// Person returns the role of a person who reads a secret, by its ARN; nil: somebody's.
	Person func(secret string) string
	// Now is the clock by which the rate of lookups is counted; nil: it is not limited.
	Now func() time.Time
}

const (
	depth      = 90 * 24 * time.Hour // how far back events are kept
	mostEvents = 50                  // on a page
	perSecond  = 2                   // lookups, in an account and region
	defaultLag = 14 * time.Minute
)

// Service is the event history of one account and region. Safe for concurrent use.
type Service struct {
	cfg Config

	mu      sync.Mutex
	events  []event
	lookups []time.Time // the latest ones
}

// event is one event, and when it can be found from.
type event struct {
	id      string
	at      time.Time
	visible time.Time
	name    string
	caller  string
	secret  string
	text    string
}

// New returns a history without events.
func New(cfg Config) *Service {
	cfg.MaxLag = cmp.Or(cfg.MaxLag, defaultLag)
	return &Service{cfg: cfg}
}

// Call is one call of Secrets Manager that is recorded.
type Call struct {
	Name       string // of the operation
	Caller     string // the name of a role, the ARN of a role or user, or HOST.amazonaws.com; "": a person's role
	Agent      string
	Parameters map[string]any // the request's, without what is secret
	Secret     string         // the ARN of what was read
	ErrorCode  string
}

// Record keeps the event of a call that is made now. It can be found some minutes later: how many differs from event to
// event, so that they come out of order.
func (s *Service) Record(c Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Clock.Now()
	if c.Caller == "" && s.cfg.Person != nil {
		c.Caller = s.cfg.Person(c.Secret)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d/%s", s.cfg.Account, s.cfg.Region, len(s.events), c.Name))
	id := hex.EncodeToString(sum[:16])
	e := event{
		id: id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:], name: c.Name, caller: c.Caller, secret: c.Secret,
		at: now.Truncate(time.Second), visible: now.Add(time.Duration(binary.BigEndian.Uint64(sum[16:24]) % uint64(s.cfg.MaxLag+1))), //nolint:gosec // a lag is positive
	}
	e.text = s.encodeRecord(e, c)
	s.events = append(s.events, e)
	if first := slices.IndexFunc(s.events, func(e event) bool { return now.Sub(e.at) <= depth }); first > 0 && first >= len(s.events)/2 {
		s.events = slices.Clone(s.events[first:])
	}
}

// encodeRecord writes the JSON of an event as CloudTrail does
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
func (s *Service) encodeRecord(e event, c Call) string {
	record := map[string]any{
		"eventVersion": "1.11", "userIdentity": s.describeIdentity(c.Caller, e.at), "eventTime": e.at.UTC().Format(time.RFC3339),
		"eventSource": "secretsmanager.amazonaws.com", "eventName": c.Name, "awsRegion": s.cfg.Region,
		"sourceIPAddress": "203.0.113.7", "userAgent": cmp.Or(c.Agent, "aws-sdk-go-v2/1.47.7"), "requestParameters": c.Parameters,
		"responseElements": nil, "requestID": e.id, "eventID": e.id, "readOnly": true, "eventType": "AwsApiCall",
		"managementEvent": true, "recipientAccountId": s.cfg.Account, "eventCategory": "Management",
		"tlsDetails": map[string]string{"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": "secretsmanager." + s.cfg.Region + ".amazonaws.com"},
	}
	if c.ErrorCode != "" {
		record["errorCode"] = c.ErrorCode
	}
	if strings.HasSuffix(c.Caller, ".amazonaws.com") {
		record["sourceIPAddress"], record["userAgent"] = c.Caller, c.Caller
	}
	text, err := json.Marshal(record)
	if err != nil {
		panic("an event cannot be encoded: " + err.Error())
	}
	return string(text)
}

// describeIdentity returns the userIdentity of a caller
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).
func (s *Service) describeIdentity(caller string, at time.Time) map[string]any {
	prefix := "arn:" + manifest.PartitionOf(s.cfg.Region) + ":iam::" + s.cfg.Account + ":"
	if strings.HasSuffix(caller, ".amazonaws.com") {
		return map[string]any{"type": "AWSService", "invokedBy": caller}
	}
	if name, is := strings.CutPrefix(caller, prefix+"user/"); is {
		return map[string]any{
			"type": "IAMUser", "principalId": "AIDASTANDIN", "arn": caller, "accountId": s.cfg.Account,
			"accessKeyId": "AKIASTANDIN", "userName": name[strings.LastIndex(name, "/")+1:],
		}
	}
	role := caller
	if !strings.HasPrefix(role, "arn:") {
		role = prefix + "role/" + cmp.Or(caller, "somebody")
	}
	name := role[strings.LastIndex(role, "/")+1:]
	return map[string]any{
		"type": "AssumedRole", "principalId": "AROASTANDIN:session", "accountId": s.cfg.Account, "accessKeyId": "ASIASTANDIN",
		"arn": strings.Replace(prefix, ":iam:", ":sts:", 1) + "assumed-role/" + name + "/session",
		"sessionContext": map[string]any{
			"sessionIssuer": map[string]any{"type": "Role", "principalId": "AROASTANDIN", "arn": role, "accountId": s.cfg.Account, "userName": name},
			"attributes":    map[string]any{"creationDate": at.UTC().Format(time.RFC3339), "mfaAuthenticated": "false"},
		},
	}
}

// Wire is the service as its clients see it.
func (s *Service) Wire() wire.JSONService {
	return wire.JSONService{
		Name: "cloudtrail", Target: "CloudTrail_20131101", Reads: func(string) bool { return true },
		Ops: map[string]wire.Op{"LookupEvents": wire.Handle(s.lookUpEvents)},
	}
}

type lookupInput struct {
	LookupAttributes []struct{ AttributeKey, AttributeValue string }
	StartTime        *wire.Time
	EndTime          *wire.Time
	MaxResults       *int
	NextToken        string
}

type lookupOutput struct {
	Events    []foundEvent
	NextToken string `json:",omitempty"`
}

type foundEvent struct {
	EventID         string `json:"EventId"`
	EventName       string
	ReadOnly        string
	EventTime       wire.Time
	EventSource     string
	Username        string
	Resources       []foundResource
	CloudTrailEvent string
}

type foundResource struct{ ResourceType, ResourceName string }

func (s *Service) lookUpEvents(_ context.Context, in lookupInput) (lookupOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isThrottled() {
		return lookupOutput{}, wire.Errorf("ThrottlingException", "Rate exceeded")
	}
	matches, err := in.selectEvents()
	if err != nil {
		return lookupOutput{}, err
	}
	now := s.cfg.Clock.Now()
	var all []event
	for _, e := range s.events {
		if !e.visible.After(now) && now.Sub(e.at) <= depth && matches(e) {
			all = append(all, e)
		}
	}
	// "The events list is sorted by time. The most recent event is listed first." Those of one second have no order.
	newestFirst := func(e event) string { return fmt.Sprintf("%012d-%s", e.at.Unix(), e.id) }
	most := mostEvents
	if in.MaxResults != nil {
		most = *in.MaxResults
	}
	found, next, err := sim.List[event]{
		Lists: s.cfg.Lists, Now: now, Items: all, Key: func(e event) string { return e.id }, Most: most, Sort: newestFirst, Descending: true,
	}.Page(in.NextToken)
	if err != nil {
		return lookupOutput{}, wire.Errorf("InvalidNextTokenException", "A token from a previous call that can no longer be used.")
	}
	out := lookupOutput{Events: []foundEvent{}, NextToken: next}
	for _, e := range found {
		out.Events = append(out.Events, e.describeFound())
	}
	return out, nil
}

func (e event) describeFound() foundEvent {
	f := foundEvent{
		EventID: e.id, EventName: e.name, ReadOnly: "true", EventTime: wire.Time(e.at), EventSource: "secretsmanager.amazonaws.com",
		Username: "session", CloudTrailEvent: e.text,
	}
	if e.secret != "" {
		f.Resources = append(f.Resources, foundResource{"AWS::SecretsManager::Secret", e.secret})
	}
	return f
}

// selectEvents returns what tells the events that a lookup asks for.
func (in lookupInput) selectEvents() (func(event) bool, error) {
	switch {
	case len(in.LookupAttributes) > 1:
		return nil, wire.Errorf("InvalidLookupAttributesException", "You can only specify one lookup attribute.")
	case in.MaxResults != nil && (*in.MaxResults < 1 || *in.MaxResults > mostEvents):
		return nil, wire.Errorf("InvalidMaxResultsException", "MaxResults must be between 1 and 50.")
	case in.StartTime != nil && in.EndTime != nil && time.Time(*in.StartTime).After(time.Time(*in.EndTime)):
		return nil, wire.Errorf("InvalidTimeRangeException", "The start time is after the end time.")
	}
	for _, a := range in.LookupAttributes {
		if a.AttributeKey != "EventName" && a.AttributeKey != "ResourceName" {
			return nil, wire.NotImplemented("lookup attribute %s", a.AttributeKey)
		}
	}
	return func(e event) bool {
		late := in.StartTime != nil && e.at.Before(time.Time(*in.StartTime)) || in.EndTime != nil && e.at.After(time.Time(*in.EndTime))
		return !late && !slices.ContainsFunc(in.LookupAttributes, func(a struct{ AttributeKey, AttributeValue string }) bool {
			return a.AttributeKey == "EventName" && a.AttributeValue != e.name || a.AttributeKey == "ResourceName" && a.AttributeValue != e.secret
		})
	}, nil
}

// isThrottled reports whether this lookup is one too many within a second.
func (s *Service) isThrottled() bool {
	if s.cfg.Now == nil {
		return false
	}
	now := s.cfg.Now()
	s.lookups = slices.DeleteFunc(s.lookups, func(at time.Time) bool { return now.Sub(at) >= time.Second })
	if len(s.lookups) >= perSecond {
		return true
	}
	s.lookups = append(s.lookups, now)
	return false
}
