package terraform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/internal/moto"
	"github.com/rotary-secrets/rotary/pkg/terraform"
)

// held are resources that Terraform has built in. They stand for those that hold values: what removed blocks do is the
// same for every kind.
const held = `resource "terraform_data" "version" {
  for_each = toset(["api", "worker"])
  input    = "canary-${each.key}"
}
`

// TestTerraformLetsGoWithoutDestroying: with the blocks of Release in the place of the resources, the genuine Terraform
// plans nothing to destroy, and afterwards nothing at all.
func TestTerraformLetsGoWithoutDestroying(t *testing.T) {
	folder := t.TempDir()
	main := "module \"api\" {\n  for_each = toset([\"a\", \"b\"])\n  source = \"./m\"\n}\n"
	write(t, filepath.Join(folder, "main.tf"), main+held)
	write(t, filepath.Join(folder, "m", "main.tf"), held)
	run(t, folder, "init")
	run(t, folder, "apply", "-auto-approve")
	if before := string(run(t, folder, "state", "list")); strings.Count(before, "terraform_data.version") != 6 {
		t.Fatalf("the state has\n%s", before)
	}

	draft := terraform.Draft{
		Holders: []terraform.Resource{{Address: "module.api[a].terraform_data.version"}, {Address: "terraform_data.version[api]"}, {Address: "terraform_data.version[worker]"}},
		Changed: []terraform.Resource{{Address: "module.api.aws_ecs_service.api", Lines: "ignore_changes = [task_definition]"}},
	}
	if removed, pasted := draft.CountRelease(); removed != 2 || pasted != 1 {
		t.Errorf("%d removed blocks, %d to paste", removed, pasted)
	}
	write(t, filepath.Join(folder, "main.tf"), main)
	write(t, filepath.Join(folder, "m", "main.tf"), "")
	write(t, filepath.Join(folder, "release.tf"), draft.Release())
	run(t, folder, "fmt", "-check", "release.tf")
	plan := string(run(t, folder, "plan", "-no-color"))
	if !strings.Contains(plan, "0 to destroy") || strings.Count(plan, "will no longer be managed by Terraform, but will not be destroyed") != 6 {
		t.Errorf("the plan is\n%s", plan)
	}
	run(t, folder, "apply", "-auto-approve")
	if after := strings.TrimSpace(string(run(t, folder, "state", "list"))); after != "" {
		t.Errorf("the state still has\n%s", after)
	}
	run(t, folder, "plan", "-detailed-exitcode") // fails unless there is nothing to do
}

func TestThereIsNothingToLetGoOf(t *testing.T) {
	if text := new(terraform.Draft).Release(); text != "" {
		t.Error(text)
	}
}

// kept is a secret as the article's pipeline has it, on moto.
const kept = `terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "111111111111"
  secret_key                  = "secret"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  endpoints {
    secretsmanager = "ENDPOINT"
  }
}

variable "environment_secrets" {
  default = { API_KEY = "" }
}

resource "aws_secretsmanager_secret" "api" {
  name = "api-secrets-dev"

  lifecycle {
    ignore_changes = [tags, tags_all]
  }
}
`

const keptVersion = `resource "aws_secretsmanager_secret_version" "api" {
  secret_id     = aws_secretsmanager_secret.api.id
  secret_string = jsonencode(var.environment_secrets)
}
`

// TestASecretStaysWhenTerraformLetsGo plays it with the AWS provider on moto, where both are installed: the value is there
// as before, and a tag of rotary's makes no plan.
func TestASecretStaysWhenTerraformLetsGo(t *testing.T) {
	program(t)
	cfg, installed := moto.Config(t, "111111111111", "us-east-1")
	if !installed {
		t.Skip("moto is not installed")
	}
	folder, main := t.TempDir(), strings.Replace(kept, "ENDPOINT", *cfg.BaseEndpoint, 1)
	write(t, filepath.Join(folder, "main.tf"), main)
	write(t, filepath.Join(folder, "version.tf"), keptVersion)
	write(t, filepath.Join(folder, "dev.auto.tfvars"), `environment_secrets = { API_KEY = "canary-0001" }`)
	if out, err := try(t, folder, "init", "-no-color"); err != nil {
		_, why, _ := strings.Cut(string(out), "Error: ")
		why, _, _ = strings.Cut(why, "\n")
		t.Skipf("the AWS provider is not installed: terraform init: %s", why)
	}
	run(t, folder, "apply", "-auto-approve")
	draft := terraform.Read(readFiles(t, folder)).Draft([]string{"dev"})
	if err := os.Remove(filepath.Join(folder, "version.tf")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "release.tf"), draft.Release())
	if plan := string(run(t, folder, "plan", "-no-color")); !strings.Contains(plan, "0 to destroy") {
		t.Errorf("the plan is\n%s", plan)
	}
	run(t, folder, "apply", "-auto-approve")
	client := secretsmanager.NewFromConfig(cfg)
	_, err := client.TagResource(t.Context(), &secretsmanager.TagResourceInput{
		SecretId: aws.String("api-secrets-dev"), Tags: secretTags("rotary:readers", "1-abcd"),
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, folder, "plan", "-detailed-exitcode")
	out, err := client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("api-secrets-dev")})
	if err != nil || aws.ToString(out.SecretString) != `{"API_KEY":"canary-0001"}` {
		t.Errorf("the value is not what it was: %v", err)
	}
}

func secretTags(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }
