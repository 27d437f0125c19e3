package ecs_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/rotary-secrets/rotary/internal/consumetest"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

func blueGreen(bake int32) types.DeploymentConfiguration {
	return types.DeploymentConfiguration{Strategy: types.DeploymentStrategyBlueGreen, BakeTimeInMinutes: &bake}
}

func canary(step, bake int32) types.DeploymentConfiguration {
	return types.DeploymentConfiguration{
		Strategy: types.DeploymentStrategyCanary, BakeTimeInMinutes: &bake,
		CanaryConfiguration: &types.CanaryConfiguration{CanaryPercent: aws.Float64(10), CanaryBakeTimeInMinutes: &step},
	}
}

func linear(percent float64, step, bake int32) types.DeploymentConfiguration {
	return types.DeploymentConfiguration{
		Strategy: types.DeploymentStrategyLinear, BakeTimeInMinutes: &bake,
		LinearConfiguration: &types.LinearConfiguration{StepPercent: &percent, StepBakeTimeInMinutes: &step},
	}
}

func TestTheSuiteOfBlueGreen(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World { return deployedWorld(t, blueGreen(4), manifest.ECS{}, true) })
}

func TestTheSuiteOfACanary(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World { return deployedWorld(t, canary(2, 3), manifest.ECS{}, false) })
}

func TestTheSuiteOfLinear(t *testing.T) {
	consumetest.Run(t, func(t *testing.T) consumetest.World {
		return deployedWorld(t, linear(40, 1, 2), manifest.ECS{}, false)
	})
}
