package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/pkg/plan"
)

// Look asks the deployed look Lambda for a dry run, as rotary status does.
func (s *Stage) Look(ctx context.Context) (plan.Report, error) {
	var report plan.Report
	host := s.Region(s.Env.Account, s.Env.Region).Lambda
	result, err := host.Invoke(ctx, s.Env.LookFunction(), []byte(`{"dryRun":true,"environment":"`+s.Env.Name+`"}`))
	if err != nil {
		return report, fmt.Errorf("look at %s: %w", s.Env.Name, err)
	}
	if result.FunctionError != "" {
		return report, fmt.Errorf("look at %s: %s: %s", s.Env.Name, result.ErrorType, result.ErrorMessage)
	}
	if err := json.Unmarshal(result.Payload, &report); err != nil {
		return report, fmt.Errorf("look at %s: the answer is no report: %w", s.Env.Name, err)
	}
	return report, nil
}

// Watch advances the world from one event to the next and calls Look after each that changed something at a sink. It
// ends with true when done returns true, and with false after limit.
func (s *Stage) Watch(ctx context.Context, limit time.Duration, done func(plan.Report) bool) (plan.Report, bool, error) {
	var report plan.Report
	var err error
	seen, last := -1, time.Time{}
	ended := s.Until(limit, func() bool {
		writes, now := s.Tap.Writes(), s.Clock.Now()
		if writes == seen && now.Sub(last) < time.Minute || err != nil {
			return err != nil
		}
		seen, last = writes, now
		report, err = s.Look(ctx)
		return err != nil || done(report)
	})
	return report, ended, err
}

// Converged reports whether a report has nothing to do and nothing to wait for. It is for Watch.
func Converged(r plan.Report) bool { return r.Converged }
