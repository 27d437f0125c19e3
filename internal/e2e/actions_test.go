package e2e

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// putFresh puts a fresh value of one key by the plain SDK call and returns it. Its target accepts it from now on.
func (s *scene) putFresh(source, key string) string {
	s.t.Helper()
	value := stage.Canary(key)
	s.putValue(source, key, value)
	return value
}

func (s *scene) putValue(source, key, value string) {
	s.t.Helper()
	if err := s.Put(s.t.Context(), source, map[string]string{key: value}); err != nil {
		s.t.Fatal(err)
	}
}

// putText puts a whole source, or bucket, as it is; what it says is not checked.
func (s *scene) putText(name, text string) {
	s.t.Helper()
	if _, err := s.Secrets().PutSecretValue(s.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &text}); err != nil {
		s.t.Fatal(err)
	}
}

// rotateSource asks Secrets Manager for a rotation by the plain SDK call, and goes on until it is over or has failed
// once.
func (s *scene) rotateSource(source string) {
	s.t.Helper()
	declared := s.declaredSource(source)
	if _, err := s.Secrets().RotateSecret(s.t.Context(), &secretsmanager.RotateSecretInput{SecretId: &declared.Secret}); err != nil {
		s.t.Fatal(err)
	}
	s.Advance(2 * time.Second)
}

func (s *scene) declaredSource(name string) manifest.Source {
	s.t.Helper()
	declared, known := s.Env.Source(name)
	if !known {
		s.t.Fatalf("the manifest has no source %s", name)
	}
	return declared
}

// readHistory reads a source's or bucket's versions and labels.
func (s *scene) readHistory(secretName string) history.History {
	s.t.Helper()
	h, err := store.New(s.Secrets()).LookAll(s.t.Context(), secretName)
	if err != nil {
		s.t.Fatal(err)
	}
	return h
}

// currentVersion returns the version of a source under AWSCURRENT and what it holds.
func (s *scene) currentVersion(source string) (version string, values map[string]secret.Value) {
	s.t.Helper()
	declared := s.declaredSource(source)
	v, _ := s.readHistory(declared.Secret).Current()
	return v.ID, s.readValues(declared, v.ID)
}

func (s *scene) readValues(source manifest.Source, version string) map[string]secret.Value {
	s.t.Helper()
	text, has, err := store.New(s.Secrets()).Value(s.t.Context(), source.Secret, version)
	if err != nil || !has {
		s.t.Fatalf("read version %s of %s: %v", version, source.Name, err)
	}
	values, _, err := bucket.ReadSource(source, text)
	if err != nil {
		s.t.Fatal(err)
	}
	return values
}

// owedReports lists the owed versions of a source in a report.
func owedReports(r plan.Report, source string) []plan.OwedReport { return r.Source(source).Owed }

// waitsByHand reports whether a source owes n versions and each of them waits only for a person.
func waitsByHand(source string, n int) func(plan.Report) bool {
	return func(r plan.Report) bool {
		versions := owedReports(r, source)
		return len(versions) == n && !slices.ContainsFunc(versions, func(o plan.OwedReport) bool {
			return len(o.Blocked) == 0 || o.Blocked[0].Reason != plan.ByHand
		})
	}
}

// revokeByHand waits until a source owes n versions that are safe to revoke, and does as a person would: it revokes at
// the vendor what no other version holds, and runs rotary retire.
func (s *scene) revokeByHand(source string, n int) {
	s.t.Helper()
	r := s.watchUntil(8*time.Hour, "the old versions are safe to revoke", waitsByHand(source, n))
	for _, o := range owedReports(r, source) {
		s.revokeOne(source, o.Version)
	}
}

func (s *scene) revokeOne(source, version string) {
	s.t.Helper()
	declared := s.declaredSource(source)
	_, now := s.currentVersion(source)
	old := s.readVersions(s.Stage, declared)[version] // nothing where it is not readable
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if !old[key].Equal(now[key]) {
			s.Targets.Revoke(stage.Target(s.Env, key), secret.Reveal(old[key]))
		}
	}
	if err := s.operator().Retire(s.t.Context(), declared, version); err != nil {
		s.t.Fatal(err)
	}
}

// revokeUntilSettled revokes the owed versions of a source, one after the other, until none is left.
func (s *scene) revokeUntilSettled(source string) {
	s.t.Helper()
	for range 5 {
		r := s.watchUntil(8*time.Hour, "it converges or waits for a person alone", func(r plan.Report) bool {
			return r.Converged || len(r.Steps) == 0 && len(owedReports(r, source)) > 0 && waitsByHand(source, len(owedReports(r, source)))(r)
		})
		if r.Converged {
			return
		}
		for _, o := range owedReports(r, source) {
			s.revokeOne(source, o.Version)
		}
	}
	s.t.Errorf("%s owes more and more", source)
}

// runsOnly reports whether every running task of a service has this value, and no other, under a name.
func (s *scene) runsOnly(consumer, name, value string) bool {
	s.t.Helper()
	held := s.heldValues(consumer, name)
	return len(held) > 0 && !slices.ContainsFunc(held, func(v string) bool { return v != value })
}

// sendMessage puts a message into the environment's queue, as anybody who may send to it could.
func (s *scene) sendMessage(body string) {
	s.t.Helper()
	if _, err := s.newSQSClient().SendMessage(s.t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(s.Env.Queue()), MessageBody: &body, MessageGroupId: &s.Env.Name}); err != nil {
		s.t.Fatal(err)
	}
}

// failCalls gives every call that which picks this outcome, until heal is called.
func (s *scene) failCalls(outcome sim.Outcome, which func(sim.Call) bool) (heal func()) {
	s.Tap.OnCall(func(c sim.Call) sim.Fault {
		if which(c) {
			return sim.Fault{Outcome: outcome}
		}
		return sim.Fault{}
	})
	return func() { s.Tap.OnCall(nil) }
}

// nthCall picks the n-th call that which picks, and no other.
func nthCall(n int, which func(sim.Call) bool) func(sim.Call) bool {
	var mu sync.Mutex
	return func(c sim.Call) bool {
		mu.Lock()
		defer mu.Unlock()
		if !which(c) {
			return false
		}
		n--
		return n == 0
	}
}

func isOperation(service, name string) func(sim.Call) bool {
	return func(c sim.Call) bool { return c.Service == service && c.Operation == name }
}

// heldValues returns what each running task of a service was started with under a name.
func (s *scene) heldValues(consumer, name string) []string {
	s.t.Helper()
	c, _ := s.Env.Consumer(consumer)
	tasks, err := s.ListServiceTasks(s.t.Context(), *c.ECS)
	if err != nil {
		s.t.Fatal(err)
	}
	var values []string
	for _, arn := range tasks {
		if environment := s.ownRegion().ECS.Environment(arn, c.ECS.ReferenceContainers()[0]); environment != nil {
			values = append(values, environment[name])
		}
	}
	return values
}

// runningImage returns the image that a service's tasks are started from.
func (s *scene) runningImage(consumer string) string {
	s.t.Helper()
	c, _ := s.Env.Consumer(consumer)
	client := ecs.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
	services, err := client.DescribeServices(s.t.Context(), &ecs.DescribeServicesInput{Cluster: &c.ECS.Cluster, Services: []string{c.ECS.Service}})
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := client.DescribeTaskDefinition(s.t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: services.Services[0].TaskDefinition})
	if err != nil {
		s.t.Fatal(err)
	}
	return aws.ToString(out.TaskDefinition.ContainerDefinitions[0].Image)
}

func (s *scene) newSQSClient() *sqs.Client {
	return sqs.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
}

// deleteReceipt deletes GitHub's receipt, as a person who was told to does.
func (s *scene) deleteReceipt() {
	s.t.Helper()
	client, at := s.InMemory()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodDelete, at.GitHub+"repos/example/app/environments/production/variables/ROTARY_RECEIPT", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.Values["platform"]["GH_TOKEN"])
	answer, err := client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		s.t.Fatalf("GitHub answered %s", answer.Status)
	}
}
