package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// place is something that came out of the system and may hold no secret value.
type place struct {
	name string
	text []byte
}

// window is how much of a value is a leak.
const window = 12

// needles are all windows of all values in every form that printers and encoders give them, by length and text; what
// they belong to is what is told of them.
type needles map[int]map[string]string

func (n needles) add(name, value string) {
	for i := 0; i+window <= len(value); i++ {
		for form, text := range forms(value[i : i+window]) {
			if n[len(text)] == nil {
				n[len(text)] = map[string]string{}
			}
			n[len(text)][text] = name + " as " + form
		}
	}
}

// forms writes a window in each form, cut to a length that all windows have in that form. As every window is written,
// base64 is found at all three alignments.
func forms(w string) map[string]string {
	escaped, _ := json.Marshal(w) // a string always encodes
	decimal := strings.Trim(fmt.Sprint([]byte(w)), "[]")
	return map[string]string{
		"itself":            w,
		"JSON":              string(escaped[1:])[:window],
		"part of a URL":     url.QueryEscape(w)[:window],
		"part of a path":    url.PathEscape(w)[:window],
		"base64":            base64.StdEncoding.EncodeToString([]byte(w)),
		"base64 for URLs":   base64.URLEncoding.EncodeToString([]byte(w)),
		"hex":               hex.EncodeToString([]byte(w)),
		"HEX":               strings.ToUpper(hex.EncodeToString([]byte(w))),
		"decimal bytes":     decimal[:2*window],
		"JSON's list bytes": strings.ReplaceAll(decimal, " ", ",")[:2*window],
	}
}

// search says what was found where, by name and form, never the value itself.
func (n needles) search(p place) (found []string) {
	for length, known := range n {
		for i := 0; i+length <= len(p.text); i++ {
			if what, leaked := known[string(p.text[i:i+length])]; leaked {
				line := 1 + bytes.Count(p.text[:i], []byte("\n"))
				found = append(found, fmt.Sprintf("%s is in %s, line %d", what, p.name, line))
				i += length
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// search is the canary search: every value ever put or generated, in everything that came out.
func (s *scene) search() {
	s.t.Helper()
	n := s.needles()
	if len(n[window]) == 0 {
		s.t.Fatal("there is no value to search for")
	}
	for _, p := range s.places() {
		for _, leak := range n.search(p) {
			s.t.Errorf("leak: %s", leak)
		}
	}
}

// needles are the values of every version of every source that still exists, what the stage put, and how the tokens
// start that GitHub and its Apps make.
func (s *scene) needles() needles {
	n := needles{}
	for _, st := range s.stages() {
		for _, source := range st.Env.Sources {
			for version, values := range s.history(st, source) {
				for key, value := range values {
					n.add(fmt.Sprintf("%s of version %s of %s", key, version, source.Secret), secret.Reveal(value))
				}
			}
		}
		for source, values := range st.Values {
			for key, value := range values {
				n.add(fmt.Sprintf("%s of source %q", key, source), value)
			}
		}
	}
	for name, value := range s.extra {
		n.add(name, value)
	}
	n[len("ghs_")] = map[string]string{"ghs_": "an installation token"}
	n[len("eyJhbGci")] = map[string]string{"eyJhbGci": "an App's JWT"}
	return n
}

func (s *scene) stages() []*stage.Stage { return append([]*stage.Stage{s.Stage}, s.beside...) }

// history reads every version of a source that holds a JSON object.
func (s *scene) history(st *stage.Stage, source manifest.Source) map[string]map[string]secret.Value {
	out := map[string]map[string]secret.Value{}
	list, err := st.Secrets().ListSecretVersionIds(s.t.Context(), &secretsmanager.ListSecretVersionIdsInput{
		SecretId: &source.Secret, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(100),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, v := range list.Versions {
		got, err := st.Secrets().GetSecretValue(s.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &source.Secret, VersionId: v.VersionId})
		if err != nil {
			continue // a version that a rotation left empty
		}
		if values, err := bucket.ParseSource(source.Name, []byte(aws.ToString(got.SecretString))); err == nil {
			out[aws.ToString(v.VersionId)] = values
		}
	}
	return out
}

// places is everything that came out.
func (s *scene) places() []place {
	all := []place{{"what events and schedules brought to the queue", bytes.Join(s.events, []byte("\n"))}, encoded("the reports", s.reports), encoded("the journal", s.Tap.Calls())}
	for _, st := range s.stages() {
		region := st.Region(st.Env.Account, st.Env.Region)
		all = append(all,
			place{"the Lambdas' output", region.Lambda.Output()},
			encoded("the queue", region.Bus.Queue(st.Env.Queue())), encoded("the dead-letter queue", region.Bus.Queue(standin.DeadLetters(st.Env))),
			encoded("undelivered events", region.Bus.Undelivered()), s.again(st))
		all = append(all, s.secretsOf(st)...)
		all = append(all, s.sinksOf(st)...)
	}
	return all
}

func encoded(name string, v any) place {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs
	}
	return place{name, text}
}

// again is the one-off schedule, if there is one.
func (s *scene) again(st *stage.Stage) place {
	out, err := scheduler.NewFromConfig(st.Config(st.Env.Account, st.Env.Region)).GetSchedule(s.t.Context(), &scheduler.GetScheduleInput{Name: aws.String(st.Env.AgainSchedule())})
	if err != nil {
		return place{name: "no schedule"}
	}
	return encoded("the schedule", []any{out.Name, out.ScheduleExpression, out.Description, out.Target})
}

// secretsOf is what Secrets Manager shows of secrets without their values: labels, tags, descriptions.
func (s *scene) secretsOf(st *stage.Stage) (all []place) {
	var names []string
	for _, source := range st.Env.Sources {
		names = append(names, source.Secret)
	}
	for _, b := range st.Env.Buckets {
		names = append(names, b.Secret)
	}
	for _, name := range names {
		out, err := st.Secrets().DescribeSecret(s.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &name})
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, encoded("labels and tags of "+name, []any{out.VersionIdsToStages, out.Tags, out.Description}))
	}
	return all
}

func (s *scene) sinksOf(st *stage.Stage) (all []place) {
	for _, c := range st.Env.Consumers {
		switch {
		case c.ECS != nil:
			all = append(all, s.definitions(st, c)...)
		case c.GitHub != nil:
			receipt, _ := s.GitHub.Variable(c.GitHub.Repository, c.GitHub.Environment, "ROTARY_RECEIPT")
			all = append(all, place{"the receipt of " + c.Name, []byte(receipt)})
		case c.Vercel != nil:
			var comments []string
			for _, v := range s.Vercel.Variables(c.Vercel.Project) {
				comments = append(comments, v.Key, v.Comment)
			}
			all = append(all, encoded("the comments of "+c.Name, comments))
		}
	}
	return all
}

// definitions is every task definition of a consumer, with its tags, and the service as ECS shows it.
func (s *scene) definitions(st *stage.Stage, c manifest.Consumer) (all []place) {
	client := ecs.NewFromConfig(st.Config(st.Env.Account, st.Env.Region))
	services, err := client.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: &c.ECS.Cluster, Services: []string{c.ECS.Service}})
	if err != nil {
		s.t.Fatal(err)
	}
	all = append(all, encoded("service "+c.Name, services.Services))
	for _, status := range []ecstypes.TaskDefinitionStatus{ecstypes.TaskDefinitionStatusActive, ecstypes.TaskDefinitionStatusInactive} {
		list, err := client.ListTaskDefinitions(s.t.Context(), &ecs.ListTaskDefinitionsInput{FamilyPrefix: aws.String(c.ECS.Service + "-" + st.Env.Name), Status: status})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, arn := range list.TaskDefinitionArns {
			out, err := client.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
			if err != nil {
				s.t.Fatal(err)
			}
			all = append(all, encoded("task definition "+arn, []any{out.TaskDefinition, out.Tags}))
		}
	}
	return all
}

func TestTheSearchFindsAValueInEveryFormAndAtEveryAlignment(t *testing.T) {
	value := stage.Canary("SOME_KEY") + "\"\n<&é" + stage.Canary("SOME_KEY")
	n := needles{}
	n.add("the value", value)
	quoted, _ := json.Marshal(value)
	for name, text := range map[string]string{
		"itself": value, "a part": value[9:21], "JSON": string(quoted), "a query": url.QueryEscape(value), "a path": url.PathEscape(value),
		"hex": hex.EncodeToString([]byte(value)), "HEX": fmt.Sprintf("%X", value), "bytes": fmt.Sprintf("%d", []byte(value)),
		"base64": base64.StdEncoding.EncodeToString([]byte(value)), "base64 by 1": base64.StdEncoding.EncodeToString([]byte("x" + value)),
		"base64 by 2": base64.RawURLEncoding.EncodeToString([]byte("xx" + value)),
	} {
		if got := n.search(place{name, []byte("before\n" + text + "\nafter")}); len(got) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
	if got := n.search(place{"innocent", []byte("canary-1 AWSCURRENT rotary production LIVE-0123456789")}); len(got) > 0 {
		t.Errorf("found where it is not: %v", got)
	}
}
