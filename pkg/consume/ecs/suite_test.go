package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/consumetest"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestTheSuite(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World { return suiteWorld(t, manifest.ECS{}, true) })
}

// The looks come from the look at the whole cluster, of a function that stays warm.
func TestTheSuiteOfALookAtTheCluster(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World {
		return newSuiteService(t, types.DeploymentConfiguration{}, manifest.ECS{}, true).lookAtClusters().describeSuite()
	})
}

func TestTheSuiteOfWhatAPipelineDeploysByALookAtTheCluster(t *testing.T) {
	consumetest.RunDeployed(t, func(t *testing.T) consumetest.World {
		return newSuiteService(t, types.DeploymentConfiguration{}, manifest.ECS{Roll: new(bool)}, false).lookAtClusters().describeSuite()
	})
}

func TestTheSuiteWithABundle(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World {
		return suiteWorld(t, manifest.ECS{Task: manifest.Task{Inject: manifest.InjectBundle, Variable: "API_SECRETS"}}, false)
	})
}

// Two containers are named: both get the bucket.
func TestTheSuiteWithTwoContainers(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World {
		return suiteWorld(t, manifest.ECS{Task: manifest.Task{Containers: manifest.Names{"app", "migrate"}}}, false)
	})
}

// No container is named: the one that names the bucket already gets it, of two.
func TestTheSuiteWithoutAContainersName(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World {
		return suiteWorld(t, manifest.ECS{Task: manifest.Task{Containers: manifest.Names{}}}, false, "DB_URL="+bucketARN)
	})
}

func TestTheSuiteOfWhatAPipelineDeploys(t *testing.T) {
	consumetest.RunDeployed(t, func(t *testing.T) consumetest.World {
		return suiteWorld(t, manifest.ECS{Roll: new(bool)}, false)
	})
}

func TestTheSuiteOfWhatAPipelineDeploysAndWithdraws(t *testing.T) {
	consumetest.RunDeployed(t, func(t *testing.T) consumetest.World {
		return suiteWorld(t, manifest.ECS{Roll: new(bool), Task: manifest.Task{Withdraw: manifest.WithdrawOwn}}, false)
	})
}

// service is a service of two tasks under the suite, on a bucket of which every version has values of its own.
type service struct {
	*world
	at      manifest.ECS
	content map[string]map[string]secret.Value // by version
	works   []string                           // the only versions on which tasks start; nil for all
	images  int
	wire    bool          // over HTTP, by the genuine client
	warm    *ecs.Clusters // nil: each look asks by itself
}

func suiteWorld(t *testing.T, at manifest.ECS, wire bool, entries ...string) consumetest.World {
	return newSuiteService(t, types.DeploymentConfiguration{}, at, wire, entries...).describeSuite()
}

// deployedWorld is suiteWorld for a service that is deployed so.
func deployedWorld(t *testing.T, deployment types.DeploymentConfiguration, at manifest.ECS, wire bool, entries ...string) consumetest.World {
	return newSuiteService(t, deployment, at, wire, entries...).describeSuite()
}

// lookAtClusters lets looks come from the look at the cluster.
func (w *service) lookAtClusters() *service {
	env := environmentWith("api")
	if w.warm = ecs.NewClusters(w.client, nil, env, w.cache); !w.wire {
		w.warm = ecs.NewClusters(w.svc.Direct(w.tap, ""), nil, env, w.cache)
	}
	return w
}

// listed is a consumer for which the look at its cluster is taken when it is asked.
type listed struct {
	reconcile.Consumer
	prepare func()
}

func (l listed) Status(ctx context.Context) (plan.Seen, error) {
	l.prepare()
	return l.Consumer.Status(ctx)
}

func newSuiteService(t *testing.T, deployment types.DeploymentConfiguration, at manifest.ECS, wire bool, entries ...string) *service {
	w := &service{world: newWorld(t), at: at, content: map[string]map[string]secret.Value{}, images: 1, wire: wire}
	w.at.Cluster, w.at.Service = "main", "api"
	if w.at.Containers == nil {
		w.at.Containers = manifest.Names{"app"}
	}
	w.resolve, w.alike = w.resolveValue, slices.DeleteFunc(slices.Clone(w.at.Containers), func(name string) bool { return name == "app" })
	w.createService(w.registerRevision("app:1", append(entries, ssm)...), 2, true, deployment)
	return w
}

func (w *service) describeSuite() consumetest.World {
	suite := consumetest.World{
		Clock: w.clock, Tap: w.tap, Open: w.openConsumer, Put: w.putBucket, Held: w.heldValues, Step: time.Minute,
		Fail: func() { w.works = slices.Clone(w.startableVersions()) }, Mend: func() { w.works = nil },
		Change: func() { w.deployNewImage(); w.clock.Advance(10 * time.Minute) }, Begin: w.deployNewImage, Return: w.redeployValue, Edit: w.editEntries, Deployable: w.deployableValues,
		Copy: w.copyDefinition, Unpin: w.unpinEntries, Moves: true, Ask: w.askConsumer, Own: w.at.Withdraw == manifest.WithdrawOwn,
	}
	if !w.at.Rolls() {
		suite.Deploy = w.deployBucket
	}
	return suite
}

func (w *service) openConsumer() reconcile.Consumer { return w.openWithOptions() }

func (w *service) askConsumer() reconcile.Consumer { return w.openWithOptions(ecs.Revisions(true)) }

func (w *service) openWithOptions(options ...ecs.Option) reconcile.Consumer {
	c := manifest.Consumer{Name: "api", Bucket: "api-secrets", ECS: &w.at}
	options = append(options, ecs.Share(w.cache))
	if w.warm != nil {
		options = append(options, ecs.From(w.warm))
		return listed{w.open(c, options), func() { w.warm.Prepare(ctx(), w.clock.Now(), nil) }}
	}
	return w.open(c, options)
}

func (w *service) open(c manifest.Consumer, options []ecs.Option) reconcile.Consumer {
	if !w.wire {
		return ecs.New(w.svc.Direct(w.tap, ""), c, devEnvironment, w.history, w.clock.Now(), options...)
	}
	return ecs.New(w.client, c, devEnvironment, w.history, w.clock.Now(), options...)
}

func (w *service) putBucket(b bucket.Bucket) bucket.Bucket {
	b.ARN, w.content[b.Version] = bucketARN, b.Values
	w.history.Versions = putVersion(w.history.Versions, b.Version, w.clock.Now())
	return b
}

// putVersion returns versions with id under AWSCURRENT; all carry HELD.
func putVersion(versions []history.Version, id string, now time.Time) []history.Version {
	known := false
	versions = slices.Clone(versions)
	for i := range versions {
		v := &versions[i]
		v.Labels = []string{history.Held + v.ID}
		if v.ID == id {
			v.Labels, known = append(v.Labels, history.AWSCurrent), true
		}
	}
	if !known {
		versions = append(versions, history.Version{ID: id, Created: now, Labels: []string{history.Held + id, history.AWSCurrent}})
	}
	return versions
}

// resolveValue returns the value that ECS's agent reads for a valueFrom.
func (w *service) resolveValue(valueFrom string) (string, error) {
	parts := strings.Split(valueFrom, ":")
	if len(parts) < 10 {
		return "a parameter", nil
	}
	version, key := parts[9], parts[7]
	if current, _ := w.history.Current(); version == "" {
		version = current.ID
	}
	if w.works != nil && !slices.Contains(w.works, version) {
		return "", errors.New("retrieved secret from Secrets Manager did not contain json key")
	}
	if key == "" {
		return secret.Reveal(bucket.Encode(w.content[version])), nil
	}
	return secret.Reveal(w.content[version][key]), nil
}

// valueIn returns the value of the suite's name in a version.
func (w *service) valueIn(version string) string {
	return secret.Reveal(w.content[version][consumetest.Name])
}

// pinnedVersions returns the versions of the bucket that these entries pin.
func pinnedVersions(secrets map[string]string) (all []string) {
	for _, from := range secrets {
		if parts := strings.Split(from, ":"); len(parts) == 10 {
			all = append(all, parts[9])
		}
	}
	return all
}

// heldValues returns the values with which tasks were started, and with which they would start by themselves.
func (w *service) heldValues() []string {
	var all []string
	for _, s := range w.svc.Startable() {
		for _, v := range pinnedVersions(s.Secrets) {
			all = append(all, w.valueIn(v))
		}
	}
	for _, container := range append([]string{"app"}, w.alike...) {
		for _, env := range w.svc.Environments(container) {
			text := env[consumetest.Name]
			if bundle, has := env["API_SECRETS"]; has {
				content, _ := bucket.ParseSource("api-secrets", []byte(bundle))
				text = secret.Reveal(content[consumetest.Name])
			}
			all = append(all, text)
		}
	}
	return all
}

// startableVersions returns the versions that start by themselves.
func (w *service) startableVersions() (all []string) {
	for _, s := range w.svc.Startable() {
		all = append(all, pinnedVersions(s.Secrets)...)
	}
	return all
}

func (w *service) deployableValues() (all []string) {
	for _, s := range w.svc.Deployable() {
		for _, v := range pinnedVersions(s.Secrets) {
			all = append(all, w.valueIn(v))
		}
	}
	return all
}

// doUncounted runs what people do: its calls are not counted as the driver's.
func (w *service) doUncounted(do func()) {
	hook := func(sim.Call) sim.Fault { return sim.Fault{} }
	w.tap.OnCall(hook)
	do()
	w.tap.OnCall(nil)
	w.tap.Reset()
}

// deployNewImage deploys another image with the entries that run, as a person does.
func (w *service) deployNewImage() {
	w.doUncounted(func() {
		w.images++
		w.deployRevision(w.registerRevision(fmt.Sprint("app:", w.images), w.appSecrets()...))
	})
}

// deployBucket deploys a task definition with a version of the bucket, as a pipeline does that renders it.
func (w *service) deployBucket(b bucket.Bucket) {
	w.doUncounted(func() {
		secrets := []string{ssm}
		for _, name := range b.Names() {
			secrets = append(secrets, name+"="+b.ARN+":"+name+"::"+b.Version)
		}
		w.deployRevision(w.registerRevision(fmt.Sprint("app:", w.images), secrets...))
	})
}

// redeployValue deploys a revision that somebody once made, as a person does.
func (w *service) redeployValue(value string) {
	w.doUncounted(func() {
		for _, s := range w.svc.Deployable() {
			if vs := pinnedVersions(s.Secrets); len(vs) > 0 && w.valueIn(vs[0]) == value {
				w.deployRevision(s.TaskDefinition)
				return
			}
		}
		w.t.Error("nobody could deploy it")
	})
}

// copyDefinition registers a copy of what pins the version with this value, with another image, as a pipeline does.
func (w *service) copyDefinition(value string) {
	w.doUncounted(func() {
		for _, s := range w.svc.Deployable() {
			if vs := pinnedVersions(s.Secrets); len(vs) > 0 && w.valueIn(vs[0]) == value {
				w.images++
				var secrets []string
				for name, from := range s.Secrets {
					secrets = append(secrets, name+"="+from)
				}
				slices.Sort(secrets)
				w.registerRevision(fmt.Sprint("app:", w.images), secrets...)
				return
			}
		}
		w.t.Error("nobody has it")
	})
}

// unpinEntries deploys the entries that run without their versions, as a pipeline does that knows nothing of rotary.
func (w *service) unpinEntries() {
	w.doUncounted(func() {
		var secrets []string
		for _, e := range w.appSecrets() {
			if at := strings.Index(e, ":::"); at >= 0 {
				e = e[:at]
			} else if at := strings.LastIndex(e, "::"); at >= 0 {
				e = e[:at] + "::"
			}
			secrets = append(secrets, e)
		}
		w.deployRevision(w.registerRevision("app:1", secrets...))
	})
	w.clock.Advance(10 * time.Minute)
}

// editEntries gives the container other entries, as a person does.
func (w *service) editEntries() {
	w.doUncounted(func() {
		entries := map[string]string{}
		for _, s := range w.appSecrets() {
			name, from, _ := strings.Cut(s, "=")
			entries[name] = from
		}
		if from, has := entries["API_SECRETS"]; has {
			entries["OTHER_SECRETS"] = from
			delete(entries, "API_SECRETS")
		} else {
			delete(entries, "SAME")
		}
		var secrets []string
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			secrets = append(secrets, name+"="+entries[name])
		}
		w.deployRevision(w.registerRevision("app:1", secrets...))
	})
	w.clock.Advance(10 * time.Minute)
}
