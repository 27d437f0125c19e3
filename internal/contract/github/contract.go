// Package github checks calls of GitHub's REST API against the description that GitHub publishes of it: the npm package
// @octokit/openapi, of which contracts/slice.mjs keeps what rotary calls. Only tests use it.
package github

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Contract is GitHub's description of the calls that rotary makes. Safe for concurrent use.
type Contract struct {
	spec   *openapi3.T
	router routers.Router
}

// New reads a description, or a slice of it.
func New(description []byte) (*Contract, error) {
	spec, err := openapi3.NewLoader().LoadFromData(description)
	if err != nil {
		return nil, fmt.Errorf("read GitHub's description of its API: %w", err)
	}
	spec.Servers = nil // any host will do
	if err := spec.Validate(context.Background(), openapi3.DisableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("read GitHub's description of its API: %w", err)
	}
	for _, item := range spec.Paths.Map() {
		for _, operation := range item.Operations() {
			closeRequestSchema(operation)
			allowCreatedRange(operation)
		}
	}
	router, err := gorillamux.NewRouter(spec)
	if err != nil {
		return nil, fmt.Errorf("read GitHub's description of its API: %w", err)
	}
	return &Contract{spec, router}, nil
}

// closeRequestSchema makes the fields of an operation's request that are not described invalid. GitHub ignores them.
func closeRequestSchema(o *openapi3.Operation) {
	if o.RequestBody == nil {
		return
	}
	for _, media := range o.RequestBody.Value.Content {
		if media.Schema.Value.AdditionalProperties.Has == nil && media.Schema.Value.AdditionalProperties.Schema == nil {
			media.Schema.Value.AdditionalProperties.Has = new(bool)
		}
	}
}

// allowCreatedRange lets the parameter created be a range in the syntax of GitHub's search
// ("<=2026-01-01T00:00:00Z"), as its description has it; its schema allows only a single time.
func allowCreatedRange(o *openapi3.Operation) {
	if created := o.Parameters.GetByInAndName("query", "created"); created != nil {
		created.Schema.Value.Format = ""
	}
}

// Request fails for a request outside of the contract: a path, method, parameter or field that GitHub does not
// describe, or that has the wrong form. The error quotes no value.
func (c *Contract) Request(r *http.Request, body []byte) error {
	in, err := c.validationInput(r, body)
	if err != nil {
		return err
	}
	for name := range r.URL.Query() {
		if in.Route.Operation.Parameters.GetByInAndName("query", name) == nil {
			return outsideError(r, fmt.Errorf("it has no parameter %s", name))
		}
	}
	if len(body) > 0 && in.Route.Operation.RequestBody == nil {
		return outsideError(r, errors.New("it takes no body"))
	}
	return outsideError(r, openapi3filter.ValidateRequest(r.Context(), in))
}

// Answer fails for an answer outside of the contract. Refusals that GitHub does not describe for the call must have the
// form of all its errors, and redirects a location.
func (c *Contract) Answer(r *http.Request, status int, header http.Header, body []byte) error {
	in, err := c.validationInput(r, nil)
	if err != nil {
		return err
	}
	switch described := in.Route.Operation.Responses.Status(status) != nil; {
	case status == http.StatusNotImplemented:
		return outsideError(r, errors.New("nobody implements it"))
	case status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect:
		if header.Get("Location") == "" {
			return outsideError(r, fmt.Errorf("status %d without a Location", status))
		}
		return nil
	case !described && status >= 400:
		return outsideError(r, c.checkRefusal(status, body))
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: status, Header: header, Options: in.Options,
	}
	answer.SetBodyBytes(body)
	return outsideError(r, openapi3filter.ValidateResponse(r.Context(), answer))
}

// checkRefusal fails for a refusal without the form that all of GitHub's errors have.
func (c *Contract) checkRefusal(status int, body []byte) error {
	schema, known := c.spec.Components.Schemas["basic-error"]
	if !known {
		return errors.New("the description has no basic-error")
	}
	var value any
	if json.Unmarshal(body, &value) != nil {
		return fmt.Errorf("status %d: the answer is not JSON", status)
	}
	if err := schema.Value.VisitJSON(value, openapi3.SetSchemaErrorMessageCustomizer(errorLocation)); err != nil {
		return fmt.Errorf("status %d: %w", status, err)
	}
	return nil
}

func (c *Contract) validationInput(r *http.Request, body []byte) (*openapi3filter.RequestValidationInput, error) {
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	route, parameters, err := c.router.FindRoute(r)
	if err != nil {
		return nil, outsideError(r, errors.New("GitHub has no such call"))
	}
	options := &openapi3filter.Options{
		IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
	}
	options.WithCustomSchemaErrorFunc(errorLocation)
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters, Route: route, Options: options}, nil
}

// errorLocation returns where a value is wrong, without the value.
func errorLocation(err *openapi3.SchemaError) string {
	where := slices.Clone(err.JSONPointer())
	return fmt.Sprintf("/%s: against %s", strings.Join(where, "/"), err.SchemaField)
}

func outsideError(r *http.Request, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s is outside of GitHub's contract: %w", r.Method, r.URL.Path, err)
}
