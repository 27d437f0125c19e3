package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRolesThatTheManifestGivesAreNotMade synthesizes a reference service whose execution role is somebody's own, and
// which has no task role.
func TestRolesThatTheManifestGivesAreNotMade(t *testing.T) {
	const role = "arn:aws:iam::111111111111:role/legacy-api"
	text, err := os.ReadFile("../rotary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	given := strings.Replace(string(text), "service: api, container: [app, migrate]", `service: api, execution_role: "arn:aws:iam::${account}:role/legacy-api", task_role: none`, 1)
	const services = `reference_services: {subnets: [subnet-0d1a2b3c], security_groups: [sg-0d1a2b3c], images: {api: "example/api:1", worker-a: "example/worker:1"}}`
	given = strings.Replace(given, "\n      network: {", "\n      "+services+"\n      network: {", 1)
	dir := t.TempDir()
	path := filepath.Join(dir, "rotary.yaml")
	if err := os.WriteFile(path, []byte(given), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := synthesize(filepath.Join(dir, "lambda"), path, "dev", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	definitions, roles := 0, map[string]bool{}
	for _, s := range load(t, filepath.Join(dir, "out")).stacks {
		for _, r := range s.resources {
			if name, is := r.property("RoleName").(string); is {
				roles[name] = true
			}
			if r.kind != "AWS::ECS::TaskDefinition" {
				continue
			}
			definitions++
			ours := r.property("Family") == "api-dev"
			if (r.property("ExecutionRoleArn") == role) != ours || (r.property("TaskRoleArn") == nil) != ours {
				t.Errorf("%v has the roles %v and %v", r.property("Family"), r.property("ExecutionRoleArn"), r.property("TaskRoleArn"))
			}
		}
	}
	if definitions != 2 || roles["rotary-dev-api-execution"] || roles["rotary-dev-api-task"] || !roles["rotary-dev-worker-a-execution"] {
		t.Errorf("%d task definitions, and the roles %v", definitions, roles)
	}
}
