// Package trail reads what AWS CloudTrail has recorded about who read the environment's secrets. It is pure;
// pkg/trail/lookup asks CloudTrail.
//
// The trail lags, and is delivered as well as AWS can: it can show that somebody reads a secret, never that nobody does.
package trail

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Lag is how long after a call its event may be found at the latest, by what AWS says of its event history. It is no
// guarantee (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html).
const Lag = 15 * time.Minute

// Depth is how far back events can be looked up
// (https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
const Depth = 90 * 24 * time.Hour

// The names of the events that a read leaves. A BatchGetSecretValue leaves one of its own, and a GetSecretValue for each
// secret (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html).
const (
	GetSecretValue      = "GetSecretValue"
	BatchGetSecretValue = "BatchGetSecretValue"
)

// Read is one secret that one call has read.
type Read struct {
	ID        string // of the event
	At        time.Time
	Principal string // the ARN of a role or user; service:HOST for a service of AWS that reads by itself; else its kind
	Secret    string // as the caller wrote it: a name or an ARN
	Version   string // the id that was asked for; "" for none
	Stage     string // the label that was asked for; "" for none: AWSCURRENT
	Agent     string // the caller's user agent
	Address   string // the caller's address, or the service through which it called
	Batch     bool   // it is BatchGetSecretValue's own event
}

// record is what rotary reads of an event's JSON
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
type record struct {
	ID         string    `json:"eventID"`
	Time       time.Time `json:"eventTime"`
	Source     string    `json:"eventSource"`
	Name       string    `json:"eventName"`
	Address    string    `json:"sourceIPAddress"`
	Agent      string    `json:"userAgent"`
	ErrorCode  string    `json:"errorCode"`
	Identity   identity  `json:"userIdentity"`
	Parameters *struct {
		Secret  string   `json:"secretId"`
		Version string   `json:"versionId"`
		Stage   string   `json:"versionStage"`
		Secrets []string `json:"secretIdList"`
	} `json:"requestParameters"`
}

// identity is the userIdentity of an event
// (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).
type identity struct {
	Type      string `json:"type"`
	ARN       string `json:"arn"`
	Account   string `json:"accountId"`
	InvokedBy string `json:"invokedBy"`
	Session   struct {
		Issuer struct {
			ARN string `json:"arn"`
		} `json:"sessionIssuer"`
	} `json:"sessionContext"`
}

// ErrUnreadable is returned for an event that is not as CloudTrail documents it. It does not quote it.
var ErrUnreadable = errors.New("an event of CloudTrail cannot be read")

// ParseEvent returns what an event shows to have been read: nothing for a call that was refused, and for another event.
// text is the event's JSON, which has no value of a secret: responseElements is null.
func ParseEvent(text string) ([]Read, error) {
	var r record
	if json.Unmarshal([]byte(text), &r) != nil || r.ID == "" || r.Time.IsZero() {
		return nil, ErrUnreadable
	}
	if r.Source != "secretsmanager.amazonaws.com" || r.ErrorCode != "" || r.Parameters == nil {
		return nil, nil
	}
	read := Read{ID: r.ID, At: r.Time.UTC(), Principal: r.Identity.findPrincipal(), Agent: r.Agent, Address: r.Address}
	switch r.Name {
	case GetSecretValue:
		read.Secret, read.Version, read.Stage = r.Parameters.Secret, r.Parameters.Version, r.Parameters.Stage
		return []Read{read}, nil
	case BatchGetSecretValue:
		var all []Read
		for _, id := range r.Parameters.Secrets {
			read.Secret, read.Batch = id, true
			all = append(all, read)
		}
		return all, nil
	}
	return nil, nil
}

// findPrincipal returns whom an event names.
//
//	type                                     | principal
//	-----------------------------------------|-------------------------------------------
//	AssumedRole, and others with an issuer   | the role's ARN, by the session's issuer
//	AWSService                               | service:HOST, and service:aws-internal for "AWS Internal"
//	IAMUser, Root, FederatedUser             | its ARN
//	any other                                | TYPE:ACCOUNT
func (i identity) findPrincipal() string {
	switch {
	case i.Session.Issuer.ARN != "":
		return i.Session.Issuer.ARN
	case i.Type == "AWSService":
		return "service:" + strings.ToLower(strings.ReplaceAll(cmp.Or(i.InvokedBy, "unknown"), " ", "-"))
	case i.ARN != "":
		return i.ARN
	}
	return strings.ToLower(fmt.Sprintf("%s:%s", i.Type, i.Account))
}
