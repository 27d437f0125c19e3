package simulation

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsecs "github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// listBakes returns the actions on deployments that shift traffic, by name.
func listBakes() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{"unbake": stopDeployment}
}

// shiftTraffic lets ECS deploy the services by BLUE_GREEN, CANARY and LINEAR in turn, each with bake times of this length
// together.
func (w *World) shiftTraffic(bake time.Duration) error {
	n := 0
	for _, c := range w.Env.Consumers {
		if !isECS(c) {
			continue
		}
		if m := w.fleet[c.Name]; m != nil {
			m.bake = bake
			continue
		}
		if err := w.updateService([]string{c.Name}, awsecs.UpdateServiceInput{DeploymentConfiguration: newStrategy(n, bake)}); err != nil {
			return fmt.Errorf("shift the traffic of %s: %w", c.Name, err)
		}
		n++
	}
	return nil
}

// newStrategy returns the nth strategy that shifts traffic, with bake times of this length together.
func newStrategy(n int, bake time.Duration) *ecstypes.DeploymentConfiguration {
	whole := aws.Int32(int32(bake / time.Minute)) //nolint:gosec // less than a day
	half, rest := aws.Int32(*whole/2), aws.Int32(*whole-*whole/2)
	c := &ecstypes.DeploymentConfiguration{DeploymentCircuitBreaker: &ecstypes.DeploymentCircuitBreaker{Enable: true, Rollback: true}}
	switch n % 3 {
	case 0:
		c.Strategy, c.BakeTimeInMinutes = ecstypes.DeploymentStrategyBlueGreen, whole
	case 1:
		c.Strategy, c.BakeTimeInMinutes = ecstypes.DeploymentStrategyCanary, half
		c.CanaryConfiguration = &ecstypes.CanaryConfiguration{CanaryPercent: aws.Float64(10), CanaryBakeTimeInMinutes: rest}
	default:
		c.Strategy, c.BakeTimeInMinutes = ecstypes.DeploymentStrategyLinear, half
		c.LinearConfiguration = &ecstypes.LinearConfiguration{StepPercent: aws.Float64(50), StepBakeTimeInMinutes: rest}
	}
	return c
}

// stopDeployment asks ECS to go back with the deployment of a service that is under way, in its bake time or before, as a
// person does.
func stopDeployment(w *World, args []string) error {
	c, err := w.findConsumer(args, isECS)
	if err != nil {
		return err
	}
	if m := w.fleet[c.Name]; m != nil {
		return m.goBack()
	}
	defer w.openForOthers()()
	client := awsecs.NewFromConfig(w.Config(w.Env.Account, w.Env.Region))
	services, err := client.DescribeServices(w.ctx, &awsecs.DescribeServicesInput{Cluster: &c.ECS.Cluster, Services: []string{c.ECS.Service}})
	if err != nil || len(services.Services) == 0 || services.Services[0].CurrentServiceDeployment == nil {
		return errNotNow
	}
	_, err = client.StopServiceDeployment(w.ctx, &awsecs.StopServiceDeploymentInput{ServiceDeploymentArn: services.Services[0].CurrentServiceDeployment})
	return err
}

// goBack is the action for a member: what it ran runs still.
func (m *member) goBack() error {
	if m.rolling == "" || m.bake == 0 {
		return errNotNow
	}
	m.noteMoves(m.rolling)
	m.endRollout(m.rolling, false)
	return nil
}
