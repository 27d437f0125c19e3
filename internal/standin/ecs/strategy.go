package ecs

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// deploymentConfiguration holds how a service is deployed.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
type deploymentConfiguration struct {
	MaximumPercent        int                  `json:"maximumPercent"`
	MinimumHealthyPercent int                  `json:"minimumHealthyPercent"`
	CircuitBreaker        *circuitBreaker      `json:"deploymentCircuitBreaker,omitempty"`
	Strategy              string               `json:"strategy,omitempty"`
	BakeTimeInMinutes     *int                 `json:"bakeTimeInMinutes,omitempty"`
	Linear                *linearConfiguration `json:"linearConfiguration,omitempty"`
	Canary                *canaryConfiguration `json:"canaryConfiguration,omitempty"`
	LifecycleHooks        []lifecycleHook      `json:"lifecycleHooks,omitempty"`
	Alarms                *deploymentAlarms    `json:"alarms,omitempty"`
}

type circuitBreaker struct {
	Enable   bool `json:"enable"`
	Rollback bool `json:"rollback"`
}

type linearConfiguration struct {
	StepPercent           *float64 `json:"stepPercent,omitempty"`
	StepBakeTimeInMinutes *int     `json:"stepBakeTimeInMinutes,omitempty"`
}

type canaryConfiguration struct {
	CanaryPercent           *float64 `json:"canaryPercent,omitempty"`
	CanaryBakeTimeInMinutes *int     `json:"canaryBakeTimeInMinutes,omitempty"`
}

type lifecycleHook struct {
	HookTargetARN   string          `json:"hookTargetArn,omitempty"`
	RoleARN         string          `json:"roleArn,omitempty"`
	LifecycleStages []string        `json:"lifecycleStages"`
	HookDetails     json.RawMessage `json:"hookDetails,omitempty"`
	TargetType      string          `json:"targetType,omitempty"`
	Timeout         *hookTimeout    `json:"timeoutConfiguration,omitempty"`
}

type hookTimeout struct {
	TimeoutInMinutes *int   `json:"timeoutInMinutes,omitempty"`
	Action           string `json:"action,omitempty"`
}

type deploymentAlarms struct {
	AlarmNames []string `json:"alarmNames"`
	Enable     bool     `json:"enable"`
	Rollback   bool     `json:"rollback"`
}

// The stages of a service deployment that shifts traffic, in their order.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html, lifecycleStage
const (
	reconcileStage       = "RECONCILE_SERVICE"
	preScaleUpStage      = "PRE_SCALE_UP"
	scaleUpStage         = "SCALE_UP"
	postScaleUpStage     = "POST_SCALE_UP"
	testShiftStage       = "TEST_TRAFFIC_SHIFT"
	postTestShiftStage   = "POST_TEST_TRAFFIC_SHIFT"
	preProductionStage   = "PRE_PRODUCTION_TRAFFIC_SHIFT"
	productionShiftStage = "PRODUCTION_TRAFFIC_SHIFT"
	postProductionStage  = "POST_PRODUCTION_TRAFFIC_SHIFT"
	bakeTimeStage        = "BAKE_TIME"
	cleanUpStage         = "CLEAN_UP"
)

// hookStages are the stages at which a hook may run; pauseStages those of a PAUSE hook.
// Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentLifecycleHook.html
var (
	hookStages = []string{
		reconcileStage, preScaleUpStage, postScaleUpStage, testShiftStage, postTestShiftStage, preProductionStage, productionShiftStage, postProductionStage,
	}
	pauseStages = slices.DeleteFunc(slices.Clone(hookStages), func(stage string) bool { return stage == testShiftStage || stage == productionShiftStage })
)

// maxBake is the longest of every bake time, in minutes.
const maxBake = 24 * 60

// shiftsTraffic reports whether a deployment runs both revisions until its end.
func (c deploymentConfiguration) shiftsTraffic() bool {
	return c.Strategy != "" && c.Strategy != "ROLLING"
}

// check refuses what AWS documents to be invalid, and what is not reproduced.
func (c deploymentConfiguration) check() error {
	invalid := func(why string) error { return wire.Errorf("InvalidParameterException", "%s", why) }
	switch {
	case !slices.Contains([]string{"", "ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"}, c.Strategy):
		return invalid("Invalid deployment strategy.")
	case c.Strategy == "BLUE_GREEN" && c.BakeTimeInMinutes == nil:
		return invalid("bakeTimeInMinutes is required for the BLUE_GREEN strategy.")
	case c.Linear != nil && c.Strategy != "LINEAR", c.Canary != nil && c.Strategy != "CANARY":
		return invalid("The configuration of another deployment strategy was given.")
	case !c.shiftsTraffic() && (c.Alarms != nil || c.BakeTimeInMinutes != nil || len(c.LifecycleHooks) > 0):
		return wire.NotImplemented("alarms, a bake time and hooks of a rolling update")
	case slices.ContainsFunc(c.bakeTimes(), func(minutes int) bool { return minutes < 0 || minutes > maxBake }):
		return invalid("A bake time is between 0 and 1440 minutes.")
	case c.Linear != nil && !isPercent(c.Linear.StepPercent, 3), c.Canary != nil && !isPercent(c.Canary.CanaryPercent, 0.1):
		return invalid("The percentage is out of its range.")
	case slices.ContainsFunc(c.LifecycleHooks, func(h lifecycleHook) bool { return !h.isValid() }):
		return invalid("A lifecycle hook is invalid.")
	}
	return nil
}

// bakeTimes returns every bake time of the configuration, in minutes.
func (c deploymentConfiguration) bakeTimes() []int {
	all := []int{intOr(c.BakeTimeInMinutes, 0)}
	if c.Linear != nil {
		all = append(all, intOr(c.Linear.StepBakeTimeInMinutes, 0))
	}
	if c.Canary != nil {
		all = append(all, intOr(c.Canary.CanaryBakeTimeInMinutes, 0))
	}
	return all
}

func isPercent(p *float64, least float64) bool { return p == nil || *p >= least && *p <= 100 }

// isValid reports whether a hook has what its kind needs, at stages of its kind.
func (h lifecycleHook) isValid() bool {
	stages := hookStages
	if h.TargetType == "PAUSE" {
		stages = pauseStages
	} else if h.HookTargetARN == "" {
		return false
	}
	return len(h.LifecycleStages) > 0 && !slices.ContainsFunc(h.LifecycleStages, func(stage string) bool { return !slices.Contains(stages, stage) })
}

// Defaults of what is left out.
// Sources: API_LinearConfiguration, API_CanaryConfiguration, API_DeploymentLifecycleHookTimeoutConfiguration
const (
	linearPercent, linearBake = 10.0, 6
	canaryPercent, canaryBake = 5.0, 10
	hookMinutes               = 24 * 60
)

// trafficStep is a share of the production traffic that the target gets, and how long nothing else is shifted then.
type trafficStep struct {
	percent float64
	bake    time.Duration
}

// trafficSteps returns the steps in which the production traffic is shifted. No step's bake follows 100 percent.
func (c deploymentConfiguration) trafficSteps() (steps []trafficStep) {
	switch c.Strategy {
	case "CANARY":
		k := c.Canary
		if k == nil {
			k = &canaryConfiguration{}
		}
		if percent := floatOr(k.CanaryPercent, canaryPercent); percent < 100 {
			steps = append(steps, trafficStep{percent, minutes(intOr(k.CanaryBakeTimeInMinutes, canaryBake))})
		}
	case "LINEAR":
		l := c.Linear
		if l == nil {
			l = &linearConfiguration{}
		}
		by, bake := floatOr(l.StepPercent, linearPercent), minutes(intOr(l.StepBakeTimeInMinutes, linearBake))
		for percent := by; percent < 100; percent += by {
			steps = append(steps, trafficStep{percent, bake})
		}
	}
	return append(steps, trafficStep{percent: 100})
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

func intOr(n *int, otherwise int) int {
	if n == nil {
		return otherwise
	}
	return *n
}

func floatOr(f *float64, otherwise float64) float64 {
	if f == nil {
		return otherwise
	}
	return *f
}
