package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/consume/ecs"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// TestADeployFromGitThatIsRenderedIsOneDeployment: a pipeline has the task definition in git, without versions. Rendered,
// each of its deploys is one deployment; without that rotary makes a second one. Both with a service that rotary rolls and
// with one that its pipeline alone deploys.
func TestADeployFromGitThatIsRenderedIsOneDeployment(t *testing.T) {
	t.Parallel()
	for name, yaml := range map[string]string{"roll": service, "roll false": strings.Replace(service, "container: app}", "container: app, roll: false}", 1)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openScene(t, yaml)
			s.watchUntil(time.Hour, "the bucket has a version", func(r plan.Report) bool { return r.Buckets[0].Version != "" && !r.Buckets[0].Stale })
			s.Advance(10 * time.Minute)
			if n := s.countDeployments(s.deployRendered); n != 1 {
				t.Errorf("a rendered deploy is %d deployments", n)
			}
			s.watchConverged()
			s.rotateSource("session")
			if name == "roll false" {
				s.watchUntil(time.Hour, "it waits for its pipeline", func(r plan.Report) bool {
					return slices.ContainsFunc(r.Waits, func(w plan.Wait) bool { return w.Subject == "api" && w.Reason == plan.NotRolled })
				})
				s.deployRendered()
			}
			s.watchConverged()
			if n := s.countDeployments(s.deployRendered); n != 1 {
				t.Errorf("a rendered deploy after a rotation is %d deployments", n)
			}
			s.finishScenario()
			if name == "roll" {
				if n := s.countDeployments(s.deployUnrendered); n != 2 {
					t.Errorf("a deploy that is not rendered is %d deployments", n)
				}
			}
			s.finishScenario()
		})
	}
}

// TestAStaleRenderedDeployIsRolledOnceMoreAndRefusedNowhere: rendered before a rotation, deployed after it.
func TestAStaleRenderedDeployIsRolledOnceMoreAndRefusedNowhere(t *testing.T) {
	t.Parallel()
	s := openConverged(t, strings.Replace(service, "container: app}", "container: app, deploys_take: 1h}", 1))
	stale := s.render()
	s.rotateSource("session")
	s.Advance(20 * time.Minute)
	if n := s.countDeployments(func() { s.deployFile(stale) }); n != 2 {
		t.Errorf("%d deployments", n)
	}
	s.finishScenario()
}

// render returns a task definition of service api as it may stand in git, rendered by what a look tells.
func (s *scene) render() []byte {
	s.t.Helper()
	c, _ := s.Env.Consumer("api")
	rendering, err := ecs.NewRendering(s.Env, nil, c, s.readReport())
	if err != nil {
		s.t.Fatal(err)
	}
	rendered, err := rendering.Pin(s.fileInGit(nil))
	if err != nil {
		s.t.Fatal(err)
	}
	return rendered.Text
}

// fileInGit returns a task definition of service api in JSON, with secrets NAME=FROM.
func (s *scene) fileInGit(secrets map[string]string) []byte {
	s.t.Helper()
	type entry map[string]any
	app := entry{"name": "app", "image": "app:2"}
	var list []entry
	for name, from := range secrets {
		list = append(list, entry{"name": name, "valueFrom": from})
	}
	if list != nil {
		app["secrets"] = list
	}
	text, err := json.Marshal(entry{"family": "api", "containerDefinitions": []entry{app}})
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func (s *scene) deployRendered() { s.t.Helper(); s.deployFile(s.render()) }

// deployUnrendered deploys the file with every name of the bucket, and no version.
func (s *scene) deployUnrendered() {
	s.t.Helper()
	secrets := map[string]string{}
	b := s.readReport().Buckets[0]
	for _, name := range b.Names {
		secrets[name] = b.ARN + ":" + name + "::"
	}
	s.deployFile(s.fileInGit(secrets))
}

// deployFile deploys the containers of a file on service api, with the rest of what it runs.
func (s *scene) deployFile(text []byte) {
	s.t.Helper()
	var file sdk.RegisterTaskDefinitionInput
	if err := json.Unmarshal(text, &file); err != nil {
		s.t.Fatal(err)
	}
	definition, err := s.Definition(s.t.Context(), "api")
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range definition.ContainerDefinitions {
		if c := &definition.ContainerDefinitions[i]; aws.ToString(c.Name) == "app" {
			c.Secrets = file.ContainerDefinitions[0].Secrets
		}
	}
	if err := s.DeployDefinition(s.t.Context(), "api", definition); err != nil {
		s.t.Fatal(err)
	}
}

// countDeployments counts the updates of services within 20 minutes of a deploy.
func (s *scene) countDeployments(deploy func()) int {
	s.t.Helper()
	isUpdate := func(c sim.Call) bool { return c.Operation == "UpdateService" }
	before := len(s.selectCalls(isUpdate))
	deploy()
	s.Advance(20 * time.Minute)
	return len(s.selectCalls(isUpdate)) - before
}
