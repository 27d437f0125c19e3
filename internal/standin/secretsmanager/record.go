package secretsmanager

import (
	"errors"

	"github.com/rotary-secrets/rotary/internal/standin/cloudtrail"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// recordRead keeps the event of a GetSecretValue. It has the parameters that were given, and no value.
func (s *Service) recordRead(caller string, in getSecretValueInput, out getOutput, err error) {
	if s.cfg.Record == nil {
		return
	}
	c := cloudtrail.Call{Name: "GetSecretValue", Caller: caller, Parameters: map[string]any{"secretId": in.SecretID}, Secret: out.ARN}
	if in.VersionID != "" {
		c.Parameters["versionId"] = in.VersionID
	}
	if in.VersionStage != "" {
		c.Parameters["versionStage"] = in.VersionStage
	}
	if refused := (*wire.Error)(nil); errors.As(err, &refused) {
		c.ErrorCode = refused.Code
	}
	s.cfg.Record(c)
}

// recordBatch keeps the event of a BatchGetSecretValue, beside those of each secret that it reads
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html).
func (s *Service) recordBatch(caller string, in batchInput) {
	if s.cfg.Record != nil {
		s.cfg.Record(cloudtrail.Call{Name: "BatchGetSecretValue", Caller: caller, Parameters: map[string]any{"secretIdList": in.SecretIDList}})
	}
}
