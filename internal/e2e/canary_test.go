package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// place is something that came out of the system and may hold no secret value.
type place struct {
	name string
	text []byte
}

// searchCanaries looks for every value ever put or generated in everything that came out.
func (s *scene) searchCanaries(places ...place) {
	s.t.Helper()
	canaries := s.collectCanaries()
	for _, p := range places {
		for _, found := range canaries.In(p.text) {
			s.t.Errorf("leak in %s: %s", p.name, found)
		}
	}
}

// collectCanaries returns the values of every version of every source that still exists, what the stage put, and how
// the tokens start that GitHub and its Apps make.
func (s *scene) collectCanaries() *leak.Search {
	s.t.Helper()
	canaries := new(leak.Search)
	canaries.Allow(stage.Public)
	canaries.Allow(s.public)
	add := func(name, value string) {
		if value == "" {
			return // some tests put nothing
		}
		if err := canaries.Add(name, value); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, st := range s.allStages() {
		for _, source := range st.Env.Sources {
			for version, values := range s.readVersions(st, source) {
				for key, value := range values {
					if stage.Plain(source, key) {
						continue
					}
					add(fmt.Sprintf("%s of version %s of %s", key, version, source.Secret), secret.Reveal(value))
				}
			}
		}
		for source, values := range st.Values {
			declared, _ := st.Env.Source(source)
			for key, value := range values {
				if stage.Plain(declared, key) {
					continue
				}
				add(fmt.Sprintf("%s of source %q", key, source), value)
			}
		}
	}
	for name, value := range s.extra {
		add(name, value)
	}
	add("an installation token", "ghs_")
	add("an App's JWT", "eyJhbGci")
	if len(canaries.In(fmt.Append(nil, s.Values))) == 0 {
		s.t.Fatal("there is no value to search for")
	}
	return canaries
}

func (s *scene) allStages() []*stage.Stage { return append([]*stage.Stage{s.Stage}, s.beside...) }

// readVersions reads every version of a source that holds a JSON object.
func (s *scene) readVersions(st *stage.Stage, source manifest.Source) map[string]map[string]secret.Value {
	out := map[string]map[string]secret.Value{}
	versions, err := st.ListVersions(s.t.Context(), source.Secret)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, v := range versions {
		got, err := st.Secrets().GetSecretValue(s.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &source.Secret, VersionId: v.VersionId})
		if err != nil {
			continue // a version that a rotation left empty
		}
		if values, _, err := bucket.ReadSource(source, secret.New(aws.ToString(got.SecretString))); err == nil {
			out[aws.ToString(v.VersionId)] = values
		}
	}
	return out
}

// collectPlaces returns everything that came out.
func (s *scene) collectPlaces() []place {
	all := []place{{"what events and schedules brought to the queue", bytes.Join(s.events, []byte("\n"))}, jsonPlace("the reports", s.reports), jsonPlace("the journal", s.Tap.Calls())}
	for _, st := range s.allStages() {
		region := st.Region(st.Env.Account, st.Env.Region)
		all = append(all,
			place{"the Lambdas' output", region.Lambda.Output()},
			jsonPlace("the queue", region.Bus.Queue(st.Env.Queue())), jsonPlace("the dead-letter queue", region.Bus.Queue(st.Env.DeadLetters())),
			jsonPlace("undelivered events", region.Bus.Undelivered()), s.againSchedule(st))
		all = append(all, s.secretsOf(st)...)
		all = append(all, s.sinksOf(st)...)
	}
	return all
}

func jsonPlace(name string, v any) place {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs
	}
	return place{name, text}
}

// againSchedule returns the one-off schedule, if there is one.
func (s *scene) againSchedule(st *stage.Stage) place {
	out, err := scheduler.NewFromConfig(st.Config(st.Env.Account, st.Env.Region)).GetSchedule(s.t.Context(), &scheduler.GetScheduleInput{Name: aws.String(st.Env.AgainSchedule())})
	if err != nil {
		return place{name: "no schedule"}
	}
	return jsonPlace("the schedule", []any{out.Name, out.ScheduleExpression, out.Description, out.Target})
}

// secretsOf returns what Secrets Manager shows without values: labels, tags, descriptions.
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
		all = append(all, jsonPlace("labels and tags of "+name, []any{out.VersionIdsToStages, out.Tags, out.Description}))
	}
	return all
}

func (s *scene) sinksOf(st *stage.Stage) (all []place) {
	for _, c := range st.Env.Consumers {
		switch {
		case c.ECS != nil:
			all = append(all, s.collectDefinitions(st, c)...)
		case c.GitHub != nil:
			receipt, _ := s.GitHub.Variable(c.GitHub.Repository, c.GitHub.Environment, "ROTARY_RECEIPT")
			all = append(all, place{"the receipt of " + c.Name, []byte(receipt)})
		case c.Vercel != nil:
			var comments []string
			for _, v := range s.Vercel.Variables(c.Vercel.Project) {
				comments = append(comments, v.Key, v.Comment)
			}
			all = append(all, jsonPlace("the comments of "+c.Name, comments))
		}
	}
	return all
}

// collectDefinitions returns every task definition of a consumer, with its tags, and the service as ECS shows it.
func (s *scene) collectDefinitions(st *stage.Stage, c manifest.Consumer) (all []place) {
	client := ecs.NewFromConfig(st.Config(st.Env.Account, st.Env.Region))
	services, err := client.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: &c.ECS.Cluster, Services: []string{c.ECS.Service}})
	if err != nil {
		s.t.Fatal(err)
	}
	all = append(all, jsonPlace("service "+c.Name, services.Services))
	for _, status := range []ecstypes.TaskDefinitionStatus{ecstypes.TaskDefinitionStatusActive, ecstypes.TaskDefinitionStatusInactive} {
		revisions, err := st.ListRevisions(s.t.Context(), c.ECS.Service+"-"+st.Env.Name, status)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, arn := range revisions {
			out, err := client.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &arn, Include: []ecstypes.TaskDefinitionField{ecstypes.TaskDefinitionFieldTags}})
			if err != nil {
				s.t.Fatal(err)
			}
			all = append(all, jsonPlace("task definition "+arn, []any{out.TaskDefinition, out.Tags}))
		}
	}
	return all
}
