package ecs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"

	sdk "github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/schemas"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/internal/standin/wire"
)

// This file is the genuine client's half of the wire: the SDK's own protocol, for what is rare or decoded only once.

func newProtocol() *awsjson.Protocol {
	return awsjson.New11(schemas.AmazonEC2ContainerServiceV20141113)
}

// anyOperation returns the schema of some operation: the protocol reads and writes whatever value it is given.
func anyOperation() *smithy.OperationSchema {
	return smithy.NewOperationSchema(schemas.DescribeServices, schemas.DescribeServicesRequest, schemas.DescribeServicesResponse)
}

// encodeRequest returns the request's body that the genuine client would send for in.
func encodeRequest(ctx context.Context, in smithy.Serializable) ([]byte, error) {
	req := &smithyhttp.Request{Request: &http.Request{URL: &url.URL{}, Header: http.Header{}}}
	if err := newProtocol().SerializeRequest(ctx, anyOperation(), in, req); err != nil {
		return nil, fmt.Errorf("encode a request to ECS: %w", err)
	}
	return io.ReadAll(req.GetStream())
}

// decodeAnswer decodes the stand-in's answer as the genuine client would.
func decodeAnswer(from any, into smithy.Deserializable) error {
	answer, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("encode an answer of ECS: %w", err)
	}
	resp := &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(answer))}
	return newProtocol().DeserializeResponse(context.Background(), anyOperation(), sdk.TypeRegistry, &smithyhttp.Response{Response: resp}, into)
}

// decodeStrictly wraps f to take a request's body and to refuse unknown members, as wire.Handle does.
func decodeStrictly[In, Out any](f func(context.Context, In) (Out, error)) func(context.Context, []byte) (Out, error) {
	return func(ctx context.Context, body []byte) (out Out, err error) {
		var in In
		if err := wire.Decode(body, &in); err != nil {
			return out, err
		}
		return f(ctx, in)
	}
}

// convertError returns the stand-in's error as the genuine client would: an exception of the SDK's where there is one
// for its code, else a smithy.GenericAPIError. A broken connection stays what it is.
func convertError(clock *sim.Clock, operationName string, err error) error {
	if err == nil || errors.Is(err, sim.ErrBroken) {
		return err
	}
	rec := httptest.NewRecorder()
	wire.WriteError(clock, rec, err)
	err = newProtocol().DeserializeResponse(context.Background(), anyOperation(), sdk.TypeRegistry, &smithyhttp.Response{Response: rec.Result()}, nil)
	return &smithy.OperationError{ServiceID: sdk.ServiceID, OperationName: operationName, Err: err}
}
