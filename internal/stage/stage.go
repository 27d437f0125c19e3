// Package stage sets a manifest's environment up on the stand-in as the first deploy does on AWS: containers, seed,
// pipeline, schedules, services. Every consumer presents what it runs with to targets that accept or refuse it, so
// a credential that dies too early, or a key that is missing, is seen to break somebody.
package stage

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage/played"
	"github.com/rotary-secrets/rotary/internal/standin"
	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/iam"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Config selects what Open sets up.
type Config struct {
	Manifest    []byte // rotary.yaml
	Environment string
	Lambdas     string                  // folder with propagate/bootstrap and rotate/bootstrap; "" deploys no pipeline
	Dir         string                  // an empty folder that outlives the stage
	Log         io.Writer               // gets what the Lambdas print; may be nil
	Start       time.Time               // default: 1 January 2026, 9 o'clock
	OnRefusal   func(standin.Refusal)   // may be nil
	OnDead      func(iam.Key)           // may be nil
	Lists       sim.Lists               // in which order and in what pages lists are answered
	Unseeded    []string                // sources that stay empty
	Canary      func(key string) string // makes the values; default: Canary
	InMemory    bool                    // no sockets: only the World's own client reaches it, so no pipeline either
	Lag         time.Duration           // for how long a deregistered task definition can still be deployed; in AWS ten minutes
	Pace        ecs.Pace                // of ECS's tasks
	Bare        bool                    // only what is outside of AWS, and the IAM users: somebody else deploys and seeds

	// Scene makes a stage for a person who tries rotary out: databases, vendors' APIs and the pipelines of services that
	// rotary does not roll are played, for as long as the context of Open lasts. "": none of that.
	Scene      Scene
	OnDelivery func(consumer string, err error) // is told when such a pipeline has deployed; may be nil
}

// Stage is an environment on the stand-in.
type Stage struct {
	*standin.World
	Env    *manifest.Environment
	At     standin.Endpoints
	Values map[string]map[string]string // what was put into each source, latest; every one is a canary

	config   Config
	backends *played.Backends // nil without a scene
	tag      string           // of its images, where another environment has the plain ones
	stop     func()
}

// Image returns the first image of a consumer's service or family.
func Image(consumer string) string { return consumer + ":1" }

// Open sets the environment up and returns before the first pass. The caller closes the stage.
func Open(ctx context.Context, c Config) (*Stage, error) {
	file, err := manifest.Parse("rotary.yaml", c.Manifest)
	if err != nil {
		return nil, err
	}
	env, err := file.Environment(c.Environment)
	if err != nil {
		return nil, err
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	}
	if c.Canary == nil {
		c.Canary = Canary
	}
	targets, err := symmetricTargets(file)
	if err != nil {
		return nil, err
	}
	s := &Stage{Env: env, Values: map[string]map[string]string{}, config: c}
	s.World = standin.New(standin.Config{
		Start: c.Start, Images: firstImages(env), Symmetric: targets, Log: c.Log, OnRefusal: c.OnRefusal, OnDead: c.OnDead, Lists: c.Lists,
		Lag: c.Lag, Pace: c.Pace, Trail: true, Person: func(secret string) string { return namePerson(env, secret) }, KeySecret: func() string { return s.config.Canary("SECRET_ACCESS_KEY") },
	})
	if s.At, s.stop, err = s.openEndpoints(c); err != nil {
		return nil, err
	}
	s.backends = s.openBackends()
	if err := s.deployFirst(ctx, c); err != nil {
		return nil, errors.Join(fmt.Errorf("set up %s on the stand-in: %w", env.Name, err), s.Close())
	}
	return s, nil
}

// namePerson returns the role in which people read a secret: developers read buckets.
func namePerson(env *manifest.Environment, arn string) string {
	name, _ := env.SecretNamed(arn)
	if _, source := env.SourceBySecret(name); source || name == "" {
		return env.Named(manifest.PlatformRole)
	}
	return env.Named(manifest.DeveloperRole)
}

func (s *Stage) openEndpoints(c Config) (standin.Endpoints, func(), error) {
	if c.InMemory {
		_, at := s.World.InMemory()
		return at, func() {}, nil
	}
	return s.Listen()
}

// Close ends everything the stage started.
func (s *Stage) Close() error {
	s.stop()
	return s.World.Close()
}

// deployFirst carries out the first deploy: containers, seed, pipeline, schedules, services.
func (s *Stage) deployFirst(ctx context.Context, c Config) error {
	if err := s.createSinks(); err != nil {
		return err
	}
	if err := s.iamUsers(ctx); err != nil || c.Bare {
		return err
	}
	if err := s.Containers(ctx, s.Env); err != nil {
		return err
	}
	if err := s.seedSources(ctx); err != nil {
		return err
	}
	for _, consumer := range s.Env.Consumers {
		if err := s.startTasks(ctx, consumer); err != nil {
			return err
		}
	}
	if c.Scene == Brownfield {
		if err := s.startBefore(ctx); err != nil {
			return err
		}
		s.Advance(settling)
	}
	if c.Lambdas == "" {
		return nil
	}
	if err := s.Pipeline(ctx, s.newDeployment()); err != nil {
		return err
	}
	if s.backends == nil {
		return s.Rotations(ctx, s.Env, manifest.Random, manifest.AWSAccessKey)
	}
	s.playPipelines(ctx)
	return s.Rotations(ctx, s.Env, scheduled...)
}

// scheduled are the rotators that can rotate where databases and vendors are played.
var scheduled = []string{manifest.Random, manifest.AWSAccessKey, manifest.Postgres, manifest.MySQL, manifest.HTTP}

// settling is how long what was deployed before rotary has run when that comes.
const settling = 20 * time.Minute

// seedSources puts first values into the sources that are not to stay empty and have none.
func (s *Stage) seedSources(ctx context.Context) error {
	for _, source := range s.Env.Sources {
		switch {
		case s.Values[source.Name] != nil, slices.Contains(s.config.Unseeded, source.Name):
			continue
		case s.config.Scene == Empty && !s.isMadeBefore(source):
			continue
		}
		values, err := s.Seed(ctx, source)
		if err != nil {
			return err
		}
		if err := s.Put(ctx, source.Name, values); err != nil {
			return err
		}
	}
	return nil
}

// startTasks starts a consumer that runs on ECS.
func (s *Stage) startTasks(ctx context.Context, c manifest.Consumer) error {
	switch {
	case c.ECS != nil:
		return s.Service(ctx, s.Env, c, Image(c.Name)+s.tag, 2)
	case c.ECSFamily != nil:
		return s.createFamily(ctx, c)
	}
	return nil
}

func (c Config) bootstrapPath(lambda string) string {
	return filepath.Join(c.Lambdas, lambda, "bootstrap")
}

// Put puts values into a source by the plain SDK call, as a person or another tool would, and lets its targets
// accept them. Keys that are not given keep their value, and so does what the source does not declare.
func (s *Stage) Put(ctx context.Context, source string, values map[string]string) error {
	declared, known := s.Env.Source(source)
	if !known {
		return fmt.Errorf("environment %s has no source %s", s.Env.Name, source)
	}
	if s.Values[source] == nil {
		s.Values[source] = map[string]string{}
	}
	maps.Copy(s.Values[source], values)
	text := map[string]secret.Value{}
	for key, value := range s.Values[source] {
		text[key] = secret.New(value)
		s.Targets.Accept(Target(s.Env, key), value)
	}
	if s.backends != nil {
		s.backends.Learn(declared, text)
	}
	base := s.readCurrent(declared.Secret)
	if base.Equal(secret.Value{}) {
		base = s.shapeOf(declared)
	}
	merged, err := WriteOver(declared, base, text)
	if err != nil {
		return err
	}
	_, err = s.Secrets().PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &declared.Secret, SecretString: aws.String(secret.Reveal(merged)),
	})
	if err != nil {
		return fmt.Errorf("put into %s: %w", source, err)
	}
	return nil
}

// WriteOver returns the text of a source's secret with these values, over the rest of what it holds where that can be
// read.
func WriteOver(source manifest.Source, base secret.Value, values bucket.Source) (secret.Value, error) {
	if text, err := bucket.WriteSource(source, base, values); err == nil {
		return text, nil
	}
	return bucket.WriteSource(source, secret.Value{}, values)
}

// readCurrent returns what a secret holds, without a call; nothing where it has no value.
func (s *Stage) readCurrent(name string) secret.Value {
	for _, v := range s.Region(s.Env.Account, s.Env.Region).SecretsManager.Peek(name) {
		if slices.Contains(v.Labels, history.AWSCurrent) {
			return v.Value
		}
	}
	return secret.Value{}
}

// Secrets returns a genuine client of the environment's Secrets Manager.
func (s *Stage) Secrets() *secretsmanager.Client {
	return secretsmanager.NewFromConfig(s.Config(s.Env.Account, s.Env.Region))
}

// Seed makes a first value for every key of a source, and puts none.
func (s *Stage) Seed(ctx context.Context, source manifest.Source) (map[string]string, error) {
	values := map[string]string{}
	for _, key := range source.KeyNames() {
		values[key] = s.firstValue(key, source.Check[key])
	}
	if also := source.Symmetric(); also != "" {
		values[also] = values[source.Random().Key]
	}
	if s.backends != nil {
		maps.Copy(values, s.backends.FirstLogin(source))
	}
	halves, err := firstKeyPair(ctx, source)
	if err != nil {
		return nil, err
	}
	maps.Copy(values, halves)
	if source.Rotate.Kind() == manifest.AWSAccessKey {
		key, err := s.AccessKey(ctx, source)
		maps.Copy(values, key)
		return values, err
	}
	return values, nil
}

// firstValue returns a key's first value: the token that a sink already knows, or a new canary that meets a check.
func (s *Stage) firstValue(key string, check manifest.Check) string {
	for _, held := range s.Values {
		if value, has := held[key]; has {
			return value
		}
	}
	return Fit(check, s.config.Canary(key))
}

// Public is the part of the stage's values that is no secret: the id of a GitHub App, and the first and last line of
// its key.
const Public = "4711\n-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\n"

// Canary returns a random value that a search finds wherever it leaks to, whole or in pieces of 8 bytes.
func Canary(key string) string {
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	return "canary" + base64.RawURLEncoding.EncodeToString(b) + "-" + key[max(0, len(key)-4):]
}

// firstImages returns the first image of every service and family.
func firstImages(env *manifest.Environment) map[string]ecs.App {
	apps := map[string]ecs.App{}
	for _, c := range env.Consumers {
		if c.ECS != nil || c.ECSFamily != nil {
			apps[Image(c.Name)] = App(env, c)
		}
	}
	return apps
}
