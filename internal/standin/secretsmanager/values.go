package secretsmanager

import (
	"context"
	"errors"
	"maps"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// versionAnswer is the answer of most operations.
type versionAnswer struct {
	ARN       string
	Name      string
	VersionID string `json:"VersionId,omitempty"`
}

func (e *entry) answerNamed(versionID string) versionAnswer {
	return versionAnswer{ARN: e.arn, Name: e.name, VersionID: versionID}
}

type getSecretValueInput struct {
	SecretID     string `json:"SecretId"`
	VersionID    string `json:"VersionId"`
	VersionStage string
}

type getOutput struct {
	ARN           string
	Name          string
	VersionID     string `json:"VersionId"`
	VersionStages []string
	CreatedDate   wire.Time
	SecretString  *string `json:",omitempty"`
	SecretBinary  []byte  `json:",omitempty"`
}

func (s *Service) getSecretValue(ctx context.Context, in getSecretValueInput) (getOutput, error) {
	s.mu.Lock()
	defer s.unlockAndEmit()
	out, err := s.readValue(in)
	s.recordRead(wire.CallFrom(ctx).Caller, in, out, err)
	return out, err
}

func (s *Service) readValue(in getSecretValueInput) (getOutput, error) {
	e, err := s.findUndeleted(in.SecretID)
	if err != nil {
		return getOutput{}, err
	}
	v, err := e.pickVersion(in.VersionID, in.VersionStage)
	if err != nil {
		return getOutput{}, err
	}
	e.accessed = truncateToDay(s.cfg.Clock.Now())
	v.accessed = e.accessed
	out := getOutput{ARN: e.arn, Name: e.name, VersionID: v.id, VersionStages: e.labels.labelsOf(v.id), CreatedDate: wire.Time(v.created)}
	shuffleItems(s, out.VersionStages, textKey)
	text := secret.Reveal(v.content.value)
	if v.content.binary {
		out.SecretBinary = []byte(text)
	} else {
		out.SecretString = &text
	}
	return out, nil
}

// batchInput holds the parameters of BatchGetSecretValue without Filters, which are refused.
type batchInput struct {
	SecretIDList []string `json:"SecretIdList"`
}

type batchOutput struct {
	SecretValues []getOutput
	Errors       []batchError
}

type batchError struct {
	SecretID  string `json:"SecretId"`
	ErrorCode string
	Message   string
}

func (s *Service) batchGetSecretValue(ctx context.Context, in batchInput) (batchOutput, error) {
	if n := len(in.SecretIDList); n < 1 || n > 20 {
		return batchOutput{}, wire.Errorf("ValidationException", "1 validation error detected: 'secretIdList' failed to satisfy constraint: Member must have length between 1 and 20")
	}
	s.mu.Lock()
	defer s.unlockAndEmit()
	out := batchOutput{SecretValues: []getOutput{}, Errors: []batchError{}}
	caller := wire.CallFrom(ctx).Caller
	s.recordBatch(caller, in)
	for _, id := range in.SecretIDList {
		one := getSecretValueInput{SecretID: id}
		got, err := s.readValue(one)
		s.recordRead(caller, one, got, err)
		if e := (*wire.Error)(nil); errors.As(err, &e) {
			out.Errors = append(out.Errors, batchError{SecretID: id, ErrorCode: e.Code, Message: e.Message})
			continue
		}
		out.SecretValues = append(out.SecretValues, got)
	}
	shuffleItems(s, out.SecretValues, func(v getOutput) string { return v.ARN })
	shuffleItems(s, out.Errors, func(e batchError) string { return e.SecretID })
	return out, nil
}

// putSecretValueInput holds the parameters of PutSecretValue without RotationToken: rotation functions of other
// accounts are not reproduced.
type putSecretValueInput struct {
	SecretID           string `json:"SecretId"`
	ClientRequestToken string
	SecretString       *string
	SecretBinary       []byte
	VersionStages      []string
}

type putOutput struct {
	ARN           string
	Name          string
	VersionID     string `json:"VersionId"`
	VersionStages []string
}

func (s *Service) putSecretValue(_ context.Context, in putSecretValueInput) (putOutput, error) {
	names, err := checkStages(in.VersionStages)
	if err != nil {
		return putOutput{}, err
	}
	c, err := newContent(in.SecretString, in.SecretBinary)
	if err != nil {
		return putOutput{}, err
	}
	if c == nil {
		return putOutput{}, wire.Errorf("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
	}
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findUndeleted(in.SecretID)
	if err != nil {
		return putOutput{}, err
	}
	if err := s.putVersion(e, in.ClientRequestToken, c, names); err != nil {
		return putOutput{}, err
	}
	id := in.ClientRequestToken
	out := putOutput{ARN: e.arn, Name: e.name, VersionID: id, VersionStages: e.labels.labelsOf(id)}
	shuffleItems(s, out.VersionStages, textKey)
	return out, nil
}

// putVersion gives version token its value and labels. The same value again changes nothing, not even labels.
func (s *Service) putVersion(e *entry, token string, c *content, names []string) error {
	if err := checkToken(token); err != nil {
		return err
	}
	if v := e.findVersion(token); v != nil && v.content != nil {
		if v.content.sameContent(c) {
			return nil
		}
		return tokenReuseError(e, token)
	}
	next, err := e.labels.attachLabels(token, names)
	if err != nil {
		return err
	}
	byHand := next[current] == token && e.labels[pending] != token
	if abandoned, on := e.labels[pending]; on && byHand && e.labels.isRotating() {
		s.abandonRotation(e, abandoned)
	}
	e.fillVersion(token, c, s.cfg.Clock.Now())
	s.setLabels(e, next)
	if byHand {
		s.scheduleRotation(e) // a value put by hand counts as a rotation
	}
	return nil
}

func tokenReuseError(e *entry, token string) error {
	return wire.Errorf("ResourceExistsException", "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", token, e.arn)
}

// checkStages checks the labels of a put; none means AWSCURRENT.
func checkStages(names []string) ([]string, error) {
	if names == nil {
		return []string{current}, nil
	}
	if len(names) < 1 || len(names) > maxLabels {
		return nil, wire.Errorf("ValidationException", "1 validation error detected: 'versionStages' failed to satisfy constraint: Member must have length between 1 and %d", maxLabels)
	}
	for _, name := range names {
		if err := checkLabel(name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func checkLabel(name string) error {
	if len(name) < 1 || len(name) > 256 {
		return wire.Errorf("ValidationException", "1 validation error detected: 'versionStage' failed to satisfy constraint: Member must have length between 1 and 256")
	}
	return nil
}

type updateStageInput struct {
	SecretID            string `json:"SecretId"`
	VersionStage        string
	MoveToVersionID     string `json:"MoveToVersionId"`
	RemoveFromVersionID string `json:"RemoveFromVersionId"`
}

func (s *Service) updateSecretVersionStage(_ context.Context, in updateStageInput) (versionAnswer, error) {
	if err := checkLabel(in.VersionStage); err != nil {
		return versionAnswer{}, err
	}
	s.mu.Lock()
	defer s.unlockAndEmit()
	e, err := s.findUndeleted(in.SecretID)
	if err != nil {
		return versionAnswer{}, err
	}
	if to := in.MoveToVersionID; to != "" && e.findVersion(to) == nil {
		return versionAnswer{}, wire.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", to)
	}
	next, err := e.labels.moveLabel(in.VersionStage, in.MoveToVersionID, in.RemoveFromVersionID)
	if err != nil {
		return versionAnswer{}, err
	}
	if !maps.Equal(next, e.labels) {
		s.setLabels(e, next)
	}
	return e.answerNamed(""), nil
}
