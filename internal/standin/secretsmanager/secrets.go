package secretsmanager

import (
	"context"
	"regexp"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// deletion is the time at which a secret marked for deletion is deleted.
type deletion struct {
	at    time.Time
	timer *sim.Timer
}

type createSecretInput struct {
	Name               string
	ClientRequestToken string
	Description        string
	KMSKeyID           string `json:"KmsKeyId"`
	SecretString       *string
	SecretBinary       []byte
	Tags               []tag
}

var validName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!-]{1,512}$`)

func (s *Service) createSecret(_ context.Context, in createSecretInput) (versionAnswer, error) {
	if !validName.MatchString(in.Name) {
		return versionAnswer{}, wire.Errorf("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	c, err := newContent(in.SecretString, in.SecretBinary)
	if err != nil {
		return versionAnswer{}, err
	}
	if err := checkToken(in.ClientRequestToken); err != nil {
		return versionAnswer{}, err
	}
	if err := checkTags(in.Tags); err != nil {
		return versionAnswer{}, err
	}
	s.mu.Lock()
	defer s.unlockAndEmit()
	if e := s.entries[in.Name]; e != nil {
		return e.answerRepeatedCreate(in.ClientRequestToken, c)
	}
	e := s.newEntry(in)
	s.entries[in.Name] = e
	if c == nil {
		return e.answerNamed(""), nil
	}
	return e.answerNamed(in.ClientRequestToken), s.putVersion(e, in.ClientRequestToken, c, []string{current})
}

func (s *Service) newEntry(in createSecretInput) *entry {
	now := s.cfg.Clock.Now()
	e := &entry{
		name: in.Name, arn: s.newARN(in.Name), description: in.Description, kmsKey: in.KMSKeyID,
		tags: map[string]string{}, created: now, changed: now, labels: labels{},
	}
	for _, t := range in.Tags {
		e.tags[t.Key] = t.Value
	}
	return e
}

// answerRepeatedCreate answers a CreateSecret for a name that exists: it succeeds where it repeats an earlier one.
func (e *entry) answerRepeatedCreate(token string, c *content) (versionAnswer, error) {
	if e.deleted != nil {
		return versionAnswer{}, wire.Errorf("InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	v := e.findVersion(token)
	if v == nil || c == nil || v.content == nil || !v.content.sameContent(c) {
		return versionAnswer{}, wire.Errorf("ResourceExistsException", "The operation failed because the secret %s already exists.", e.name)
	}
	return e.answerNamed(token), nil
}

type updateSecretInput struct {
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
	Description        *string
	KMSKeyID           *string `json:"KmsKeyId"`
	SecretString       *string
	SecretBinary       []byte
}

func (s *Service) updateSecret(_ context.Context, in updateSecretInput) (versionAnswer, error) {
	c, err := newContent(in.SecretString, in.SecretBinary)
	if err != nil {
		return versionAnswer{}, err
	}
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findUndeleted(in.SecretID)
	if err != nil {
		return versionAnswer{}, err
	}
	out := e.answerNamed("")
	if c != nil {
		if e.findVersion(in.ClientRequestToken) != nil {
			return versionAnswer{}, tokenReuseError(e, in.ClientRequestToken)
		}
		if err := s.putVersion(e, in.ClientRequestToken, c, []string{current}); err != nil {
			return versionAnswer{}, err
		}
		out = e.answerNamed(in.ClientRequestToken)
	}
	setIfGiven(&e.description, in.Description)
	setIfGiven(&e.kmsKey, in.KMSKeyID)
	e.changed = s.cfg.Clock.Now()
	return out, nil
}

func setIfGiven(field, value *string) {
	if value != nil {
		*field = *value
	}
}

type deleteSecretInput struct {
	SecretID                   string `json:"SecretId"`
	RecoveryWindowInDays       *int
	ForceDeleteWithoutRecovery bool
}

type deleteOutput struct {
	ARN          string
	Name         string
	DeletionDate wire.Time
}

func (s *Service) deleteSecret(_ context.Context, in deleteSecretInput) (deleteOutput, error) {
	days, err := in.recoveryWindow()
	if err != nil {
		return deleteOutput{}, err
	}
	s.mu.Lock()
	defer s.unlockAndEmit()
	now := s.cfg.Clock.Now()
	if in.ForceDeleteWithoutRecovery {
		return s.forceDelete(in.SecretID, now), nil
	}
	e, err := s.findUndeleted(in.SecretID)
	if err != nil {
		return deleteOutput{}, err
	}
	at := now.AddDate(0, 0, days)
	s.stopRotation(e)
	e.changed = now
	e.deleted = &deletion{at: at, timer: s.cfg.Clock.After(at.Sub(now), "delete "+e.name, func() { s.endRecoveryWindow(e) })}
	return deleteOutput{ARN: e.arn, Name: e.name, DeletionDate: wire.Time(at)}, nil
}

func (in deleteSecretInput) recoveryWindow() (int, error) {
	switch days := in.RecoveryWindowInDays; {
	case days == nil:
		return 30, nil
	case in.ForceDeleteWithoutRecovery:
		return 0, wire.Errorf("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case *days < 7 || *days > 30:
		return 0, wire.Errorf("InvalidParameterException", "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	default:
		return *days, nil
	}
}

// forceDelete succeeds also for a secret that is gone, as documented for retries.
func (s *Service) forceDelete(id string, now time.Time) deleteOutput {
	e := s.lookupEntry(id)
	if e == nil {
		return deleteOutput{ARN: id, Name: id, DeletionDate: wire.Time(now)}
	}
	s.stopRotation(e)
	delete(s.entries, e.name)
	return deleteOutput{ARN: e.arn, Name: e.name, DeletionDate: wire.Time(now)}
}

// endRecoveryWindow ends a recovery window, unless the secret was restored or replaced meanwhile.
func (s *Service) endRecoveryWindow(e *entry) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	if s.entries[e.name] == e && e.deleted != nil && !e.deleted.at.After(s.cfg.Clock.Now()) {
		delete(s.entries, e.name)
	}
}

type idInput struct {
	SecretID string `json:"SecretId"`
}

func (s *Service) restoreSecret(_ context.Context, in idInput) (versionAnswer, error) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findEntry(in.SecretID)
	if err != nil {
		return versionAnswer{}, err
	}
	if e.deleted != nil {
		e.deleted.timer.Stop()
		e.deleted = nil
		e.changed = s.cfg.Clock.Now()
		s.scheduleRotation(e)
	}
	return e.answerNamed(""), nil
}
