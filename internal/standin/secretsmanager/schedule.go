package secretsmanager

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// rules are a secret's RotationRules.
type rules struct {
	AutomaticallyAfterDays *int   `json:",omitempty"`
	Duration               string `json:",omitempty"`
	ScheduleExpression     string `json:",omitempty"`
}

var (
	rate   = regexp.MustCompile(`^rate\((\d{1,3}) (hour|hours|day|days)\)$`)
	window = regexp.MustCompile(`^([1-9]|1\d|2[0-4])h$`)
)

// rotationPeriod returns the time from one rotation to the next. A rotation starts exactly then, an instant that lies
// in the window in which the real service starts it; cron() is refused.
func (r rules) rotationPeriod() (time.Duration, error) {
	days := r.AutomaticallyAfterDays
	switch {
	case (days == nil) == (r.ScheduleExpression == ""):
		return 0, wire.Errorf("InvalidParameterException", "RotationRules must have either AutomaticallyAfterDays or ScheduleExpression.")
	case r.Duration != "" && !window.MatchString(r.Duration):
		return 0, wire.Errorf("InvalidParameterException", "RotationRules.Duration must be a number of hours like 3h.")
	case days == nil:
		return parseRate(r.ScheduleExpression)
	case *days < 1 || *days > 1000:
		return 0, wire.Errorf("InvalidParameterException", "RotationRules.AutomaticallyAfterDays must be within 1-1000.")
	}
	return time.Duration(*days) * 24 * time.Hour, nil
}

func parseRate(expression string) (time.Duration, error) {
	if strings.HasPrefix(expression, "cron(") {
		return 0, wire.NotImplemented("RotationRules.ScheduleExpression with cron()")
	}
	parts := rate.FindStringSubmatch(expression)
	if parts == nil {
		return 0, wire.Errorf("InvalidParameterException", "The rotation schedule expression is invalid.")
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, err
	}
	unit := time.Hour
	if strings.HasPrefix(parts[2], "day") {
		unit = 24 * time.Hour
	}
	if time.Duration(n)*unit < 4*time.Hour {
		return 0, wire.Errorf("InvalidParameterException", "The rotation schedule can't be more frequent than every 4 hours.")
	}
	return time.Duration(n) * unit, nil
}

// scheduleRotation sets the next rotation one period from now, where the secret rotates automatically.
func (s *Service) scheduleRotation(e *entry) {
	e.rotation.next = s.armRotationTimer(e)
}

// armRotationTimer sets the timer of the next rotation, in place of the one before, and returns when it is due.
func (s *Service) armRotationTimer(e *entry) time.Time {
	r := &e.rotation
	r.armed++
	if !r.enabled || r.rules == nil {
		return time.Time{}
	}
	period, err := r.rules.rotationPeriod()
	if err != nil {
		return time.Time{} // checked when they were stored
	}
	turn := r.armed
	s.cfg.Clock.After(period, "scheduled rotation of "+e.name, func() { s.startDueRotation(e, turn) })
	return s.cfg.Clock.Now().Add(period)
}

// startDueRotation starts a scheduled rotation, or takes up again one that was given up and still holds AWSPENDING.
// Where it fails, NextRotationDate stays in the past, and the next one is started a period later.
func (s *Service) startDueRotation(e *entry, turn int) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	if e.rotation.armed != turn {
		return
	}
	s.armRotationTimer(e)
	if e.rotation.run != nil {
		return
	}
	token := e.labels[pending]
	if !e.labels.isRotating() {
		token = scheduledToken(e)
		if err := s.stageVersion(e, token, nil); err != nil {
			s.emitTrailEvent(e, "RotationFailed", token, "AWSPENDING could not be attached")
			return
		}
	}
	s.startRotation(e, token)
}
