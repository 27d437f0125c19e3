package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// request is a recorded request to AWS. Values stay out of it: only what names something is kept.
type request struct {
	caller    string // a Lambda's name or a role's; "": nobody, or somebody with an access key
	operation string // service:Operation
	given     given
}

// given are the parameters of a request that a policy can look at. The names are those of every service that is asked
// here.
type given struct {
	SecretID            string   `json:"SecretId"`
	SecretIDList        []string `json:"SecretIdList"`
	VersionStage        string
	VersionStages       []string
	Cluster, Service    string
	ServiceArn          string
	Services            []string
	Tasks               []string
	TaskDefinition      string
	Family              string
	ServiceDeployments  []string `json:"serviceDeploymentArns"`
	ServiceRevisions    []string `json:"serviceRevisionArns"`
	ExecutionRoleArn    string
	TaskRoleArn         string
	ResourceArn         string
	Tags                []map[string]string
	ContainerDefinition []struct {
		Secrets []struct{ ValueFrom string }
	} `json:"containerDefinitions"`
	Target       struct{ Arn, RoleArn string }
	QueueURL     string `json:"QueueUrl"`
	LogGroupName string
	QueueName,
	UserName, AccessKeyID string
	Name,
	Qualifier string // of what a path names
	TagKeys []string
}

// recorder passes requests on to the stand-in and remembers what they asked for.
type recorder struct {
	t    *testing.T
	next http.HandlerFunc

	mu      sync.Mutex
	asked   []request
	unknown []string
}

// record serves the stand-in's AWS at an address of its own, for the rest of the test.
func record(t *testing.T) (*recorder, string) {
	t.Helper()
	r := &recorder{t: t}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return r, server.URL
}

// ServeHTTP implements http.Handler.
func (r *recorder) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	in.Body = io.NopCloser(bytes.NewReader(body))
	asked, err := read(in, body)
	r.mu.Lock()
	if err != nil {
		r.unknown = append(r.unknown, err.Error())
	}
	r.asked = append(r.asked, asked)
	r.mu.Unlock()
	r.next(w, in)
}

// distinct are the requests that differ, in a fixed order, and what could not be read.
func (r *recorder) distinct() ([]request, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.unknown) > 0 {
		return nil, fmt.Errorf("requests that are not understood: %s", strings.Join(r.unknown, "; "))
	}
	all := map[string]request{}
	for _, q := range r.asked {
		text, err := json.Marshal(q.given)
		if err != nil {
			return nil, err
		}
		all[q.caller+" "+q.operation+" "+string(text)] = q
	}
	var out []request
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[key])
	}
	return out, nil
}

// targets are the services behind X-Amz-Target.
func targets() map[string]string {
	return map[string]string{"secretsmanager": "secretsmanager", "AmazonEC2ContainerServiceV20141113": "ecs", "AWSEvents": "events", "AmazonSQS": "sqs", "Logs_20140328": "logs", "ResourceGroupsTaggingAPI_20170126": "tag"}
}

// read returns what a request asks for.
func read(in *http.Request, body []byte) (request, error) {
	q := request{caller: in.Header.Get("X-Amz-Security-Token")}
	target, operation, isJSON := strings.Cut(in.Header.Get("X-Amz-Target"), ".")
	switch service := targets()[target]; {
	case isJSON && service != "":
		q.operation = service + ":" + operation
		return q, json.Unmarshal(body, &q.given)
	case strings.HasPrefix(in.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		form, err := url.ParseQuery(string(body))
		q.operation = map[string]string{"2010-05-08": "iam", "2011-06-15": "sts"}[form.Get("Version")] + ":" + form.Get("Action")
		q.given.UserName, q.given.AccessKeyID = form.Get("UserName"), form.Get("AccessKeyId")
		return q, err
	}
	parts := strings.Split(strings.Trim(in.URL.Path, "/"), "/")
	if parts[0] == "2015-03-31" && len(parts) > 2 {
		name, err := url.PathUnescape(parts[2])
		q.operation, q.given.Name = "lambda:"+map[string]string{"GET": "GetFunction", "POST": "Invoke"}[in.Method], name
		q.given.Qualifier = in.URL.Query().Get("Qualifier")
		return q, err
	}
	if parts[0] == "schedules" {
		q.operation = "scheduler:" + map[string]string{"GET": "GetSchedule", "POST": "CreateSchedule", "PUT": "UpdateSchedule", "DELETE": "DeleteSchedule"}[in.Method]
		if len(parts) == 1 {
			q.operation = "scheduler:ListSchedules"
			return q, nil
		}
		q.given.Name = parts[1]
		if len(body) == 0 {
			return q, nil
		}
		return q, json.Unmarshal(body, &q.given)
	}
	return q, fmt.Errorf("%s %s", in.Method, in.URL.Path)
}
