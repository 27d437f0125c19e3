package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// other synthesizes environment dev of another manifest.
func other(t *testing.T, manifest string) assembly {
	t.Helper()
	return synthesizeText(t, manifest, "dev")
}

// synthesizeText synthesizes an environment of a manifest.
func synthesizeText(t *testing.T, manifest, env string) assembly {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "rotary.yaml")
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := synthesize(filepath.Join(dir, "lambda"), path, env, filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	return load(t, filepath.Join(dir, "out"))
}

func (a assembly) names() []string {
	var all []string
	for _, s := range a.stacks {
		all = append(all, s.name)
	}
	return all
}

// of are the resources of one kind.
func (a assembly) of(kind string) []resource {
	var all []resource
	for _, s := range a.stacks {
		for _, r := range s.resources {
			if r.kind == kind {
				all = append(all, r)
			}
		}
	}
	return all
}

const small = `
environments: {dev: {account: "111111111111", region: us-east-1}}
sources: {vendors: {keys: [A_KEY]}}
buckets: {app: {originals: [vendors]}}
`

// TestWhatTheManifestDoesNotNameIsNotDeployed: no people, no services, nothing that rotates, no network.
func TestWhatTheManifestDoesNotNameIsNotDeployed(t *testing.T) {
	a := other(t, small)
	if want := []string{"rotary-dev-access", "rotary-dev-pipeline", "rotary-dev-secrets"}; !slices.Equal(a.names(), want) {
		t.Errorf("got %v, want %v", a.names(), want)
	}
	if roles := a.of("AWS::IAM::Role"); len(roles) != 4 {
		t.Errorf("got the roles %v, want those of propagate, look, rotate and the scheduler", roles)
	}
	for _, function := range a.of("AWS::Lambda::Function") {
		if function.property("VpcConfig") != nil {
			t.Errorf("%s is in a VPC", function)
		}
	}
}

// TestALargeManifestFits: sixty sources that rotate, twenty buckets and a service on each.
func TestALargeManifestFits(t *testing.T) {
	var sources, buckets, consumers, images []string
	for i := range 60 {
		name := fmt.Sprintf("a-source-with-a-long-name-%02d", i)
		sources = append(sources, fmt.Sprintf("  %s: {keys: [A_KEY_%02d], rotate: {random: {}, every: 30d}}", name, i))
		if i%3 != 0 {
			continue
		}
		buckets = append(buckets, fmt.Sprintf("  app-%02d-secrets: {originals: [%s]}", i, name))
		consumers = append(consumers, fmt.Sprintf("  service-with-a-long-name-%02d: {bucket: app-%02d-secrets, ecs: {cluster: main, service: service-with-a-long-name-%02d, container: app}}", i, i, i))
		images = append(images, fmt.Sprintf("service-with-a-long-name-%02d: %q", i, "example/app:1"))
	}
	a := other(t, `
environments: {dev: {account: "111111111111", region: us-east-1, infra: {reference_services: {subnets: [subnet-0d1a0d1a], security_groups: [sg-0d1a0d1b], images: {`+strings.Join(images, ", ")+`}}}}}
sources:
`+strings.Join(sources, "\n")+"\nbuckets:\n"+strings.Join(buckets, "\n")+"\nconsumers:\n"+strings.Join(consumers, "\n")+"\n")
	if err := fitsCloudFormation(a); err != nil {
		t.Error(err)
	}
	woken := map[string]bool{}
	for _, r := range a.of("AWS::Events::Rule") {
		for _, name := range append(texts(r.property("EventPattern", "detail", "name")), texts(r.property("EventPattern", "resources"))...) {
			woken[name] = true
		}
	}
	if len(woken) != 60+20+1 {
		t.Errorf("rules know %d names, want 60 sources, 20 services and the pipeline's stack", len(woken))
	}
	for _, rule := range rules() {
		for _, r := range a.of(rule.kind) {
			if err := rule.holds(r); err != nil {
				t.Errorf("%s: %s: %v", rule.says, r, err)
			}
		}
	}
}

// TestManyNamesAreDividedAmongPatterns: each fits, and none is lost.
func TestManyNamesAreDividedAmongPatterns(t *testing.T) {
	var names, again []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("arn:aws:ecs:us-east-1:111111111111:service/main-dev/service-%03d", i))
	}
	for _, part := range manifest.WakeRuleParts(names) {
		if err := fits(4096, map[string]any{"source": []string{"aws.ecs"}, "detail-type": []string{"ECS Deployment State Change"}, "resources": part}); err != nil {
			t.Error(err)
		}
		again = append(again, part...)
	}
	if !slices.Equal(names, again) {
		t.Errorf("%d names of %d came out", len(again), len(names))
	}
}

func TestARoleThatIAMWouldRefuseIsRefusedFirst(t *testing.T) {
	dir := t.TempDir()
	manifest := filepath.Join(dir, "rotary.yaml")
	text := small
	for i := range 80 {
		text = strings.Replace(text, "buckets: {", fmt.Sprintf("buckets: {a-bucket-with-a-long-name-%02d: {originals: [vendors]}, ", i), 1)
	}
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := synthesize(filepath.Join(dir, "lambda"), manifest, "dev", filepath.Join(dir, "out"))
	if err == nil || !strings.Contains(err.Error(), "too many buckets") {
		t.Errorf("got %v", err)
	}
}

// TestLikeNamesStayApart: CloudFormation's own names have no hyphens.
func TestLikeNamesStayApart(t *testing.T) {
	a := other(t, `
environments: {dev: {account: "111111111111", region: us-east-1, infra: {reference_services: {subnets: [subnet-0d1a0d1a], security_groups: [sg-0d1a0d1b], images: {a-b: "x:1", ab: "x:1"}}}}}
sources: {app-db: {keys: [A], rotate: {random: {}}}, appdb: {keys: [B], rotate: {random: {}}}}
buckets: {a-b: {originals: [A]}, ab: {originals: [B]}}
consumers: {a-b: {bucket: a-b, ecs: {cluster: c-c, service: a-b, container: x}}, ab: {bucket: ab, ecs: {cluster: cc, service: ab, container: x}}}
`)
	for kind, want := range map[string]int{"AWS::SecretsManager::Secret": 4, "AWS::SecretsManager::RotationSchedule": 2, "AWS::ECS::Service": 2, "AWS::ECS::Cluster": 2} {
		if got := len(a.of(kind)); got != want {
			t.Errorf("got %d of %s, want %d", got, kind, want)
		}
	}
}

// TestAFamilyIsStartedByARoleOfItsOwn: rules and schedules run its revisions with the environment's own role.
func TestAFamilyIsStartedByARoleOfItsOwn(t *testing.T) {
	a := other(t, `
environments: {dev: {account: "111111111111", region: us-east-1, infra: {reference_services: {subnets: [subnet-0d1a0d1a], security_groups: [sg-0d1a0d1b], images: {}}}}}
sources: {vendors: {keys: [A]}}
buckets: {app: {originals: [A]}}
consumers: {nightly: {bucket: app, ecs_family: {cluster: main, family: nightly, container: x}}}
`)
	names := map[string]bool{}
	for _, r := range a.of("AWS::IAM::Role") {
		names[r.property("RoleName").(string)] = true
		if err := trusts(r); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	for _, name := range []string{"rotary-dev-nightly-start", "rotary-dev-nightly-execution", "rotary-dev-nightly-task"} {
		if !names[name] {
			t.Errorf("there is no %s", name)
		}
	}
	if services := a.of("AWS::ECS::Service"); len(services) != 0 {
		t.Errorf("got the services %v", services)
	}
}

// TestEnvironmentsOfOneAccountShareAProvider: an account takes one, and the first environment deploys it.
func TestEnvironmentsOfOneAccountShareAProvider(t *testing.T) {
	github := `{platform: ["arn:aws:iam::111111111111:role/p"], github: {repository: o/r, owner_id: "1", repository_id: "2"}}`
	a := other(t, `
environments: {alpha: {account: "111111111111", region: us-east-1, infra: {access: `+github+`}}, dev: {account: "111111111111", region: us-east-1, infra: {access: `+github+`}}}
sources: {vendors: {keys: [A]}}
buckets: {app: {originals: [A]}}
`)
	if got := a.of("AWS::IAM::OIDCProvider"); len(got) != 0 {
		t.Errorf("dev deploys %v, which alpha has deployed", got)
	}
}

func TestAnAccountKeepsTheProviderThatItHas(t *testing.T) {
	a := other(t, `
environments: {dev: {account: "111111111111", region: us-east-1, infra: {access: {platform: ["arn:aws:iam::111111111111:role/p"], github: {repository: o/r, owner_id: "1", repository_id: "2", existing_provider: true}}}}}
sources: {vendors: {keys: [A]}}
buckets: {app: {originals: [A]}}
`)
	if got := a.of("AWS::IAM::OIDCProvider"); len(got) != 0 || len(a.of("AWS::IAM::Role")) == 0 {
		t.Errorf("dev deploys %v beside the one that exists", got)
	}
}

func TestWrongInputIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	for _, c := range []struct {
		name, manifest, env string
		spoil               func(lambdas string) error
		want                string
	}{
		{"no environment", small, "", nil, "with one of: dev"},
		{"an unknown environment", small, "staging", nil, `it has "dev"`},
		{"a manifest that is none", "environments: [", "dev", nil, "rotary.yaml"},
		{"a manifest with an unknown field", small + "secrets: {}\n", "dev", nil, "secrets"},
		{"no Lambdas", small, "dev", os.RemoveAll, "run make build-lambda"},
		{"no program", small, "dev", func(l string) error { return os.Remove(filepath.Join(l, "rotate", "bootstrap")) }, "the rotate Lambda is not built"},
		{"Lambdas with another manifest", small, "dev", func(l string) error {
			return os.WriteFile(filepath.Join(l, "propagate", "rotary.yaml"), []byte("other"), 0o600)
		}, "built with another manifest"},
		{"a file that lies around", small, "dev", func(l string) error { return os.WriteFile(filepath.Join(l, "propagate", ".env"), nil, 0o600) }, ".env does not belong into a Lambda"},
		{"a source in no network", strings.Replace(small, "keys: [A_KEY]", "keys: [A_KEY], network: true", 1), "dev", nil, `network of environment "dev", which has none`},
		{"a sandbox in a protected environment", strings.Replace(small, "us-east-1}", `us-east-1, protected: true, infra: {access: {platform: ["arn:aws:iam::111111111111:role/p"], sandboxes: [one]}}}`, 1), "dev", nil, `environment "dev" is protected, and has sandboxes`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			manifest, lambdas, out := filepath.Join(dir, "rotary.yaml"), filepath.Join(dir, "lambda"), filepath.Join(dir, "out")
			if err := os.WriteFile(manifest, []byte(c.manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := lambdasFor(lambdas, manifest); err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				if err := c.spoil(lambdas); err != nil {
					t.Fatal(err)
				}
			}
			code, said := app(map[string]string{"ENV": c.env, "ROTARY_MANIFEST": manifest, "ROTARY_LAMBDAS": lambdas, "CDK_OUTDIR": out})
			if code != 2 || !strings.Contains(said, c.want) {
				t.Errorf("exit code %d: %s; want 2 and %q", code, said, c.want)
			}
			if _, err := os.Stat(out); !os.IsNotExist(err) {
				t.Errorf("something was written: %v", err)
			}
		})
	}
	t.Run("no manifest", func(t *testing.T) {
		if code, said := app(map[string]string{"ENV": "dev", "ROTARY_MANIFEST": filepath.Join(t.TempDir(), "none.yaml")}); code != 2 || !strings.Contains(said, "read the manifest") {
			t.Errorf("exit code %d: %s", code, said)
		}
	})
}
