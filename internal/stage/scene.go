package stage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rotary-secrets/rotary/internal/stage/played"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/secret"
	"github.com/rotary-secrets/rotary/pkg/store"
)

// Scene is what there is when a person comes to try rotary out.
type Scene string

// The scenes.
const (
	// Article is an environment after its first deploy: every source has a value, everybody runs.
	Article Scene = "article"
	// Brownfield is an environment before rotary: services, repositories and projects have the values that rotary may
	// adopt, straight from the secrets, and secrets of databases have the shape that RDS gives them.
	Brownfield Scene = "brownfield"
	// Empty is an environment whose places are there, and whose secrets hold nothing yet, but for what the places have
	// made: tokens that reach them, and access keys.
	Empty Scene = "empty"
)

// Scenes returns every scene.
func Scenes() []Scene { return []Scene{Article, Brownfield, Empty} }

// openBackends plays what the manifest's rotators reach outside of AWS, where the stage is to be tried out.
func (s *Stage) openBackends() *played.Backends {
	if s.config.Scene == "" {
		return nil
	}
	return played.New(played.Config{
		Environment: s.Env, Store: store.New(s.Secrets()), Clock: s.Clock, Targets: s.Targets,
		Target: func(key string) string { return Target(s.Env, key) },
		Value: func(key string, check manifest.Check) secret.Value {
			return secret.New(Fit(check, s.config.Canary(key)))
		},
	})
}

// Settle lets time pass until the first deploy has converged, at most for a limit, and returns whether it has. Then every
// project that serves production has its first deployment of the team's own.
func (s *Stage) Settle(ctx context.Context, limit time.Duration) (bool, error) {
	_, converged, err := s.Watch(ctx, limit, func(r plan.Report) bool { return r.Converged || ctx.Err() != nil })
	if err != nil || ctx.Err() != nil {
		return false, err
	}
	for _, c := range s.Env.Consumers {
		if c.Vercel != nil && slices.Contains(c.Vercel.Targets[s.Env.Name], "production") {
			s.Vercel.Push(c.Vercel.Project, "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689")
		}
	}
	s.Advance(settling)
	return converged, nil
}

// shapeOf returns what a secret holds beside the keys that the manifest declares: in Brownfield, what RDS writes into a
// database's.
func (s *Stage) shapeOf(source manifest.Source) secret.Value {
	_, login := source.FindLogin()
	if s.config.Scene != Brownfield || !login || source.Rotate.Kind() == manifest.Managed {
		return secret.Value{}
	}
	return secret.New(fmt.Sprintf(`{"engine":%q,"dbInstanceIdentifier":%q}`, source.Rotate.Kind(), source.Name))
}

// isMadeBefore reports whether a source holds what GitHub, Vercel or IAM of this stage have made, which nobody else can
// put.
func (s *Stage) isMadeBefore(source manifest.Source) bool {
	return source.Rotate.Kind() == manifest.AWSAccessKey || slices.ContainsFunc(source.KeyNames(), func(key string) bool {
		_, has := s.Values[""][key]
		return has
	})
}

// setSecretBefore sets a secret as somebody has before rotary adopts it.
func (s *Stage) setSecretBefore(g *manifest.GitHub, name, value string) {
	if g.Organization != "" {
		s.GitHub.SetOrganizationSecretByHand(g.Organization, false, name, value, manifest.VisibleToSelected, ListReaders(g)...)
		return
	}
	s.GitHub.SetSecretByHand(g.Repository, g.Environment, name, value)
}

// startBefore gives everybody what rotary may adopt, as it was before: an ECS service takes each name from its source,
// whichever version is current, and GitHub and Vercel hold copies that somebody has set.
func (s *Stage) startBefore(ctx context.Context) error {
	for _, c := range s.Env.Consumers {
		switch {
		case c.ECS != nil:
			if err := s.deployReferences(ctx, c); err != nil {
				return err
			}
		case c.GitHub != nil:
			for _, name := range c.GitHub.Adopt {
				if value, has := s.valueUnder(c, name); has {
					s.setSecretBefore(c.GitHub, name, value)
				}
			}
		case c.Vercel != nil:
			for _, name := range c.Vercel.Adopt {
				for _, target := range c.Vercel.Targets[s.Env.Name] {
					if value, has := s.valueUnder(c, name); has {
						s.Vercel.SetByHand(c.Vercel.Project, name, target, value)
					}
				}
			}
		}
	}
	return nil
}

// deployReferences deploys a service with the names that it may have before rotary: those that rotary may adopt, or all,
// where its own pipeline brings them.
func (s *Stage) deployReferences(ctx context.Context, c manifest.Consumer) error {
	var references []ecstypes.Secret
	for _, e := range s.entriesOf(c) {
		if !slices.Contains(c.ECS.Adopt, e.Name) && c.ECS.Rolls() {
			continue
		}
		source, _ := s.Env.Source(e.Source)
		if strings.HasPrefix(source.StoredName(e.Key), "/") {
			continue // ECS reads nothing that is nested
		}
		described, err := s.Secrets().DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &source.Secret})
		if err != nil {
			return fmt.Errorf("describe the secret of %s: %w", source.Name, err)
		}
		from := aws.ToString(described.ARN)
		if source.Text == "" {
			from += ":" + source.StoredName(e.Key) + "::"
		}
		references = append(references, ecstypes.Secret{Name: aws.String(e.Name), ValueFrom: &from})
	}
	if len(references) == 0 {
		return nil
	}
	return s.redeployService(ctx, c.Name, func(definition *ecstypes.ContainerDefinition) { definition.Secrets = references })
}

// entriesOf returns the names of a consumer's bucket that come from a source.
func (s *Stage) entriesOf(c manifest.Consumer) (all []manifest.Entry) {
	b, _ := s.Env.Bucket(c.Bucket)
	for _, e := range s.Env.Entries(b) {
		if e.Key != "" {
			all = append(all, e)
		}
	}
	return all
}

// valueUnder returns what a consumer's bucket has under a name at first.
func (s *Stage) valueUnder(c manifest.Consumer, name string) (value string, has bool) {
	for _, e := range s.entriesOf(c) {
		if e.Name == name {
			value, has = s.Values[e.Source][e.Key]
		}
	}
	return value, has
}

// AcceptCurrent makes every target accept what its source holds now: who puts a value has just got it from its vendor.
func (s *Stage) AcceptCurrent() {
	for _, source := range s.Env.Sources {
		values, _, err := bucket.ReadSource(source, s.readCurrent(source.Secret))
		if err != nil {
			continue // nothing there, or nothing that anybody could present
		}
		for key, value := range values {
			s.Targets.Accept(Target(s.Env, key), secret.Reveal(value))
		}
		if s.backends != nil {
			s.backends.Learn(source, values)
		}
	}
}

// How long the own pipeline of a service takes to deploy what is new in its bucket, and how often it looks.
const (
	pipelineTime = 10 * time.Minute
	pipelineLook = time.Minute
)

// delivery is what the pipeline of a service that rotary does not roll has to deploy.
type delivery struct {
	version string // of the bucket
	due     time.Time
	done    bool
}

// playPipelines deploys, for as long as the clock goes, each service that rotary does not roll: some time after its
// bucket has a new version, as somebody's pipeline does that runs rotary render. OnDelivery is called with its name.
func (s *Stage) playPipelines(ctx context.Context) {
	state := map[string]*delivery{}
	var look func()
	look = func() {
		if ctx.Err() != nil {
			return
		}
		for _, c := range s.Env.Consumers {
			if c.ECS != nil && !c.ECS.Rolls() {
				s.deliver(ctx, c, state)
			}
		}
		s.Clock.After(pipelineLook, "pipelines look at their buckets", look)
	}
	look()
}

// deliver deploys a service if that is due.
func (s *Stage) deliver(ctx context.Context, c manifest.Consumer, state map[string]*delivery) {
	b, _ := s.Env.Bucket(c.Bucket)
	current, now := s.currentID(b.Secret), s.Clock.Now()
	if state[c.Name] == nil || state[c.Name].version != current {
		state[c.Name] = &delivery{version: current, due: now.Add(pipelineTime)}
	}
	d := state[c.Name]
	if current == "" || d.done || now.Before(d.due) {
		return
	}
	d.done = true
	if err := s.Render(ctx, c.Name); s.config.OnDelivery != nil {
		s.config.OnDelivery(c.Name, err)
	}
}

// currentID returns the id of a secret's current version, without a call; "" where it has none.
func (s *Stage) currentID(name string) string {
	for _, v := range s.Region(s.Env.Account, s.Env.Region).SecretsManager.Peek(name) {
		if slices.Contains(v.Labels, history.AWSCurrent) {
			return v.ID
		}
	}
	return ""
}
