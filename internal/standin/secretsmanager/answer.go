package secretsmanager

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// datedAnswer is an answer and the service's time when it was given. The tap keeps answers to give them again, so
// everything here that makes the SDK's output of one copies it.
type datedAnswer[Out any] struct {
	out Out
	at  time.Time
}

// secondMetadata is the metadata of every answer given within one second.
type secondMetadata struct {
	unix     int64
	metadata middleware.Metadata
}

// responseMetadata carries the service's time as a client reads it from a Date header, to the second.
func (d *Direct) responseMetadata(at time.Time) middleware.Metadata {
	s := d.second.Load()
	if s == nil || s.unix != at.Unix() {
		s = &secondMetadata{at.Unix(), metadataAt(at)}
		d.second.Store(s)
	}
	return s.metadata.Clone()
}

// metadataAt lets the SDK's own middleware set the server time: there is no other way in.
func metadataAt(at time.Time) middleware.Metadata {
	response := &smithyhttp.Response{Response: &http.Response{Header: http.Header{"Date": {at.UTC().Format(http.TimeFormat)}}}}
	_, metadata, _ := awsmiddleware.RecordResponseTiming{DisableClockSkewCorrection: true}.HandleDeserialize(
		context.Background(), middleware.DeserializeInput{},
		middleware.DeserializeHandlerFunc(func(context.Context, middleware.DeserializeInput) (middleware.DeserializeOutput, middleware.Metadata, error) {
			return middleware.DeserializeOutput{RawResponse: response}, middleware.Metadata{}, nil
		}))
	return metadata
}

func (d details) toSDK() *sdk.DescribeSecretOutput {
	out := &sdk.DescribeSecretOutput{
		ARN: &d.ARN, Name: &d.Name, Description: optionalText(d.Description), KmsKeyId: optionalText(d.KMSKeyID),
		CreatedDate: timeToSDK(&d.CreatedDate), LastChangedDate: timeToSDK(&d.LastChangedDate), LastAccessedDate: timeToSDK(d.LastAccessedDate),
		DeletedDate: timeToSDK(d.DeletedDate), LastRotatedDate: timeToSDK(d.LastRotatedDate), NextRotationDate: timeToSDK(d.NextRotationDate),
		RotationEnabled: copyPointer(d.RotationEnabled), RotationLambdaARN: optionalText(d.RotationLambdaARN), RotationRules: d.RotationRules.toSDK(),
	}
	for _, t := range d.Tags {
		out.Tags = append(out.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	if len(d.VersionIDsToStages) == 0 {
		return out
	}
	out.VersionIdsToStages = make(map[string][]string, len(d.VersionIDsToStages))
	for id, held := range d.VersionIDsToStages {
		out.VersionIdsToStages[id] = slices.Clone(held)
	}
	return out
}

func (r *rules) toSDK() *types.RotationRulesType {
	if r == nil {
		return nil
	}
	out := &types.RotationRulesType{Duration: optionalText(r.Duration), ScheduleExpression: optionalText(r.ScheduleExpression)}
	if r.AutomaticallyAfterDays != nil {
		days := int64(*r.AutomaticallyAfterDays)
		out.AutomaticallyAfterDays = &days
	}
	return out
}

func (o versionsOutput) toSDK() *sdk.ListSecretVersionIdsOutput {
	out := &sdk.ListSecretVersionIdsOutput{
		ARN: &o.ARN, Name: &o.Name, NextToken: optionalText(o.NextToken),
		Versions: make([]types.SecretVersionsListEntry, len(o.Versions)),
	}
	for i, v := range o.Versions {
		out.Versions[i] = types.SecretVersionsListEntry{
			VersionId: &v.VersionID, VersionStages: slices.Clone(v.VersionStages), KmsKeyIds: slices.Clone(v.KMSKeyIDs),
			CreatedDate: timeToSDK(&v.CreatedDate), LastAccessedDate: timeToSDK(v.LastAccessedDate),
		}
	}
	return out
}

func (o getOutput) toSDKEntry() types.SecretValueEntry {
	return types.SecretValueEntry{
		ARN: &o.ARN, Name: &o.Name, VersionId: &o.VersionID, VersionStages: slices.Clone(o.VersionStages), CreatedDate: timeToSDK(&o.CreatedDate),
		SecretString: copyPointer(o.SecretString), SecretBinary: slices.Clone(o.SecretBinary),
	}
}

func (o batchOutput) toSDK() *sdk.BatchGetSecretValueOutput {
	out := &sdk.BatchGetSecretValueOutput{
		SecretValues: make([]types.SecretValueEntry, len(o.SecretValues)), Errors: make([]types.APIErrorType, len(o.Errors)),
	}
	for i, v := range o.SecretValues {
		out.SecretValues[i] = v.toSDKEntry()
	}
	for i, e := range o.Errors {
		out.Errors[i] = types.APIErrorType{SecretId: &e.SecretID, ErrorCode: &e.ErrorCode, Message: &e.Message}
	}
	return out
}

// timeToSDK returns a timestamp as the client gets it: with milliseconds, in UTC.
func timeToSDK(t *wire.Time) *time.Time {
	if t == nil {
		return nil
	}
	at := time.UnixMilli(time.Time(*t).UnixMilli()).UTC()
	return &at
}

// optionalText returns nil for an empty text: such a member is left out.
func optionalText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// convertError returns a service's error as the SDK's client does; nil for nil.
func convertError(operation string, err error) error {
	if err == nil {
		return nil
	}
	var e *wire.Error
	if !errors.As(err, &e) {
		e = &wire.Error{Code: "InternalServiceError", Message: err.Error()} // the stand-in's own bug
	}
	return &smithy.OperationError{ServiceID: sdk.ServiceID, OperationName: operation, Err: typedException(e.Code, e.Message)}
}

// typedException returns the SDK's exception for a code, of those that the stand-in answers with.
func typedException(code, message string) error {
	switch code {
	case "InternalServiceError":
		return &types.InternalServiceError{Message: &message}
	case "InvalidNextTokenException":
		return &types.InvalidNextTokenException{Message: &message}
	case "InvalidParameterException":
		return &types.InvalidParameterException{Message: &message}
	case "InvalidRequestException":
		return &types.InvalidRequestException{Message: &message}
	case "LimitExceededException":
		return &types.LimitExceededException{Message: &message}
	case "ResourceExistsException":
		return &types.ResourceExistsException{Message: &message}
	case "ResourceNotFoundException":
		return &types.ResourceNotFoundException{Message: &message}
	}
	return &smithy.GenericAPIError{Code: code, Message: message}
}
