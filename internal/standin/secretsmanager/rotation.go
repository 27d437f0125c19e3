package secretsmanager

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// A rotation starts startDelay after it was asked for. One that fails is tried again from its first step, with the
// same token, maxTries times in all, retryDelay later and then twice as long each time. AWS documents retries
// without numbers.
const (
	startDelay = time.Second
	retryDelay = time.Minute
	maxTries   = 5
)

// rotation is a secret's rotation configuration and the rotation that is under way.
type rotation struct {
	function   string
	rules      *rules
	enabled    bool
	last, next time.Time
	armed      int // counts the timers of scheduled rotations: only the newest one is good
	run        *run
}

// run is one rotation from its start to its success or last try.
type run struct {
	token string
	tries int
	timer *sim.Timer
}

type rotateSecretInput struct {
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
	RotationLambdaARN  string
	RotationRules      *rules
	RotateImmediately  *bool
}

func (s *Service) rotateSecret(_ context.Context, in rotateSecretInput) (versionAnswer, error) {
	if err := in.checkInput(); err != nil {
		return versionAnswer{}, err
	}
	function, arn, err := s.findRotationFunction(in)
	if err != nil {
		return versionAnswer{}, err
	}
	if !s.cfg.MayInvoke(function, arn) {
		return versionAnswer{}, wire.Errorf("AccessDeniedException", "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
	}
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findUndeleted(in.SecretID)
	if err != nil {
		return versionAnswer{}, err
	}
	return e.answerNamed(in.ClientRequestToken), s.configureRotation(e, in, function)
}

func (in rotateSecretInput) checkInput() error {
	if err := checkToken(in.ClientRequestToken); err != nil {
		return err
	}
	if in.RotationRules == nil {
		return nil
	}
	_, err := in.RotationRules.rotationPeriod()
	return err
}

// findRotationFunction returns the rotation function a request names, or the one stored earlier, and the ARN of its
// secret.
func (s *Service) findRotationFunction(in rotateSecretInput) (function, arn string, err error) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findUndeleted(in.SecretID)
	switch {
	case err != nil:
		return "", "", err
	case in.RotationLambdaARN != "":
		return in.RotationLambdaARN, e.arn, nil
	case e.rotation.function == "":
		return "", "", wire.Errorf("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
	}
	return e.rotation.function, e.arn, nil
}

// configureRotation stores the configuration and starts the rotation, or its test. It changes nothing where it is
// refused.
func (s *Service) configureRotation(e *entry, in rotateSecretInput, function string) error {
	token := in.ClientRequestToken
	if e.labels.isRotating() {
		return wire.Errorf("InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.")
	}
	if e.findVersion(token) != nil {
		return tokenReuseError(e, token)
	}
	test := in.RotateImmediately != nil && !*in.RotateImmediately
	var c *content
	if v := e.findVersion(e.labels[current]); test && v != nil {
		c = v.content
	}
	if err := s.stageVersion(e, token, c); err != nil {
		return err
	}
	e.rotation.function, e.rotation.enabled = function, true
	if in.RotationRules != nil {
		e.rotation.rules = in.RotationRules
	}
	s.scheduleRotation(e)
	if test {
		s.startTest(e, token)
	} else {
		s.startRotation(e, token)
	}
	return nil
}

// stageVersion makes the version that a rotation is about and puts AWSPENDING on it.
func (s *Service) stageVersion(e *entry, token string, c *content) error {
	next := e.labels.withoutLabel(pending)
	next[pending] = token
	next, err := next.checkLimit()
	if err != nil {
		return err
	}
	e.fillVersion(token, c, s.cfg.Clock.Now())
	s.setLabels(e, next)
	return nil
}

func (s *Service) startRotation(e *entry, token string) {
	r := &run{token: token}
	e.rotation.run = r
	s.emitTrailEvent(e, "RotationStarted", token, "")
	r.timer = s.cfg.Clock.After(startDelay, "rotation of "+e.name, func() { s.attemptRotation(e, r) })
}

// attemptRotation runs all steps of a rotation, without the lock: they call back into the service. The first failure
// ends it.
func (s *Service) attemptRotation(e *entry, r *run) {
	if !s.isStillWanted(e, r) {
		return
	}
	for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		function, on := s.rotationUnderWay(e, r)
		if !on {
			return
		}
		if err := s.invokeStep(function, e.arn, step, r.token); err != nil {
			s.noteFailedTry(e, r, function, step)
			return
		}
	}
	s.noteSuccess(e, r)
}

// isStillWanted reports whether a rotation goes on. It ends one whose version holds neither AWSPENDING nor AWSCURRENT.
func (s *Service) isStillWanted(e *entry, r *run) bool {
	s.mu.Lock()
	defer s.unlockAndEmit()
	if e.rotation.run != r {
		return false
	}
	if e.labels[pending] != r.token && e.labels[current] != r.token {
		e.rotation.run = nil
		return false
	}
	return true
}

// rotationUnderWay returns the rotation function and whether the rotation is still under way: it was not cancelled,
// abandoned or deleted with its secret.
func (s *Service) rotationUnderWay(e *entry, r *run) (function string, on bool) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	return e.rotation.function, e.rotation.run == r
}

func (s *Service) invokeStep(function, secretARN, step, token string) error {
	payload, err := json.Marshal(map[string]string{"Step": step, "SecretId": secretARN, "ClientRequestToken": token})
	if err != nil {
		return err
	}
	return s.cfg.Invoke(function, payload)
}

func (s *Service) noteFailedTry(e *entry, r *run, function, step string) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	if e.rotation.run != r {
		return
	}
	s.emitTrailEvent(e, "RotationFailed", r.token, fmt.Sprintf("Error when executing lambda %s during %s step", function, step))
	r.tries++
	if r.tries == maxTries {
		e.rotation.run = nil
		return
	}
	r.timer = s.cfg.Clock.After(retryDelay<<(r.tries-1), "rotation of "+e.name, func() { s.attemptRotation(e, r) })
}

func (s *Service) noteSuccess(e *entry, r *run) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	if e.rotation.run != r {
		return
	}
	e.rotation.run = nil
	e.rotation.last = s.cfg.Clock.Now()
	s.scheduleRotation(e)
	s.emitTrailEvent(e, "RotationSucceeded", r.token, "")
}

// startTest runs testSecret alone, on a version that is there only for the test and holds the current value.
func (s *Service) startTest(e *entry, token string) {
	s.emitTrailEvent(e, "TestRotationStarted", token, "")
	function := e.rotation.function
	s.cfg.Clock.After(startDelay, "rotation test of "+e.name, func() {
		if s.isTestWanted(e, token) {
			err := s.invokeStep(function, e.arn, "testSecret", token)
			s.endTest(e, token, function, err)
		}
	})
}

// isTestWanted reports whether a test is still wanted: nobody put a value, removed AWSPENDING or deleted the secret.
func (s *Service) isTestWanted(e *entry, token string) bool {
	s.mu.Lock()
	defer s.unlockAndEmit()
	return s.entries[e.name] == e && e.deleted == nil && e.labels[pending] == token
}

func (s *Service) endTest(e *entry, token, function string, err error) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	if e.labels[pending] == token {
		s.setLabels(e, e.labels.withoutLabel(pending))
	}
	e.dropVersion(token)
	if err != nil {
		s.emitTrailEvent(e, "TestRotationFailed", token, fmt.Sprintf("Error when executing lambda %s during testSecret step", function))
		return
	}
	s.emitTrailEvent(e, "TestRotationSucceeded", token, "")
}

func (s *Service) cancelRotateSecret(_ context.Context, in idInput) (versionAnswer, error) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findUndeleted(in.SecretID)
	if err != nil {
		return versionAnswer{}, err
	}
	unfinished := ""
	if e.labels.isRotating() {
		unfinished = e.labels[pending]
	}
	s.stopRotation(e)
	e.rotation.enabled, e.rotation.next = false, time.Time{}
	e.changed = s.cfg.Clock.Now()
	return e.answerNamed(unfinished), nil
}

// stopRotation forgets the rotation under way and the scheduled ones; labels stay as they are.
func (s *Service) stopRotation(e *entry) {
	e.rotation.armed++
	s.endRun(e)
}

// abandonRotation ends a rotation because a value was put by hand.
func (s *Service) abandonRotation(e *entry, token string) {
	s.endRun(e)
	s.emitTrailEvent(e, "RotationAbandoned", token, "")
}

func (s *Service) endRun(e *entry) {
	if r := e.rotation.run; r != nil {
		r.timer.Stop()
		e.rotation.run = nil
	}
}

// scheduledToken returns a token of Secrets Manager's own, in the form of a UUID.
func scheduledToken(e *entry) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s#%d", e.arn, e.rotation.armed))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// emitTrailEvent emits the event that CloudTrail passes on about a rotation.
// Source: docs.aws.amazon.com/secretsmanager/latest/userguide/retrieve-ct-entries.html and captured events.
func (s *Service) emitTrailEvent(e *entry, name, token, failure string) {
	detail := map[string]any{
		"eventSource": "secretsmanager.amazonaws.com", "eventName": name, "eventType": "AwsServiceEvent",
		"eventTime": s.cfg.Clock.Now().Format(time.RFC3339), "awsRegion": s.cfg.Region, "recipientAccountId": s.cfg.Account,
		"userIdentity":      map[string]string{"accountId": s.cfg.Account, "invokedBy": "secretsmanager.amazonaws.com"},
		"requestParameters": nil, "responseElements": nil, "readOnly": false,
		"additionalEventData": map[string]string{"SecretId": e.arn},
		"requestID":           "Rotation-" + e.arn + "-" + token,
	}
	if failure != "" {
		detail["errorMessage"] = failure
	}
	s.emitEvent(e, "AWS Service Event via CloudTrail", detail)
}
