package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/infra/target"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// TestAnEnvironmentInModeObserveChangesNothingThatExists synthesizes one that names secrets, services and a network's
// sources that were there before, with rotation turned on: it makes its buckets, and touches nothing else.
func TestAnEnvironmentInModeObserveChangesNothingThatExists(t *testing.T) {
	a := synthesizeText(t, readText(t, brownfield), "production")
	if want := []string{"rotary-production-access", "rotary-production-pipeline", "rotary-production-secrets"}; !slices.Equal(a.names(), want) {
		t.Errorf("the stacks are %v, want %v", a.names(), want)
	}
	for _, kind := range []string{"AWS::SecretsManager::RotationSchedule", "AWS::Lambda::Permission", "AWS::ECS::Service"} {
		if made := a.of(kind); len(made) != 0 {
			t.Errorf("%v are made", made)
		}
	}
	var names []string
	for _, r := range a.of("AWS::SecretsManager::Secret") {
		names = append(names, r.property("Name").(string))
	}
	if want := []string{"ci-production", "orders-production", "users-production", "web-production"}; !slices.Equal(slices.Sorted(slices.Values(names)), want) {
		t.Errorf("made are the secrets %v, want %v", names, want)
	}
	if policies := a.of("AWS::SecretsManager::ResourcePolicy"); len(policies) != len(names) {
		t.Errorf("%d policies guard %d secrets", len(policies), len(names))
	}
	for _, r := range a.of("AWS::SecretsManager::ResourcePolicy") {
		if _, own := r.property("SecretId").(map[string]any); !own {
			t.Errorf("%s guards %v, which is not made here", r, r.property("SecretId"))
		}
	}
	checkNoNetwork(t, a)
	for _, rule := range rules() {
		for _, r := range a.of(rule.kind) {
			if err := rule.holds(r); err != nil && !strings.HasPrefix(rule.says, "a rule is on") { // its sources are named otherwise
				t.Errorf("%s: %s: %v", rule.says, r, err)
			}
		}
	}
}

// checkNoNetwork wants no Lambda inside a VPC, and no alarm about one.
func checkNoNetwork(t *testing.T, a assembly) {
	t.Helper()
	functions := a.of("AWS::Lambda::Function")
	if len(functions) != 3 {
		t.Errorf("the Lambdas are %v, want propagate, look and rotate", functions)
	}
	for _, r := range slices.Concat(functions, a.of("AWS::CloudWatch::Alarm"), a.of("AWS::CloudWatch::Dashboard"), a.of("AWS::IAM::Role")) {
		if text := fmt.Sprint(r.body["Properties"]); r.property("VpcConfig") != nil || r.kind != "AWS::IAM::Role" && strings.Contains(text, "rotate-network") {
			t.Errorf("%s is about a network: %s", r, text)
		}
	}
}

// TestRotationIsTurnedOnOutsideOfModeObserve: the same environment in another mode has a schedule for what rotates.
func TestRotationIsTurnedOnOutsideOfModeObserve(t *testing.T) {
	env := readEnvironment(t, brownfield, "production")
	for mode, want := range map[manifest.Mode]int{manifest.Observe: 0, manifest.Propagate: 2, manifest.Retire: 2} {
		env.Mode = mode
		if got := target.Scheduled(env); len(got) != want {
			t.Errorf("in mode %s %d sources rotate, want %d", mode, len(got), want)
		}
	}
}
