package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// replaceServices is the value of SERVICES with which a person has reference services put back to what the template
// has.
const replaceServices = "replace"

// template holds the part of a stack's template that is read here: its resources.
type template struct {
	Resources map[string]struct {
		Type       string
		Properties map[string]any
	}
}

// checkServices returns an error if deploying would change a reference service that runs. Its template has no task and
// no secret, because people scale it and rotary pins what it reads: CloudFormation leaves that alone as long as the
// template stays, and with any change puts all of it back to the template, which is an outage.
func (d deployment) checkServices(ctx context.Context, cfn stacks, a assembly) error {
	stack := d.environment.Named(manifest.ServicesStack)
	path, exists := a.templates[stack]
	if !exists || d.replace {
		return nil
	}
	changed, err := findChangedServices(ctx, cfn, stack, path)
	if err != nil || len(changed) == 0 {
		return err
	}
	return fmt.Errorf(
		"%s would be put back to no task and no secret, because what %s says of it has changed: put that back "+
			"in the manifest, and release images and settings through a workflow; or stop it for that with SERVICES=%s, and "+
			"scale it up again",
		strings.Join(changed, ", "),
		stack,
		replaceServices,
	)
}

// findChangedServices returns the services and task definitions of a stack that are deployed, and that its next
// template lacks or has otherwise.
func findChangedServices(ctx context.Context, cfn stacks, stack, path string) ([]string, error) {
	var next, now template
	if err := readJSON(path, &next); err != nil {
		return nil, fmt.Errorf("read the services: %w", err)
	}
	out, err := cfn.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stack})
	if api, is := errors.AsType[smithy.APIError](err); is && api.ErrorCode() == "ValidationError" {
		return nil, nil // there is no such stack yet
	}
	if err == nil {
		err = json.Unmarshal([]byte(aws.ToString(out.TemplateBody)), &now)
	}
	if err != nil {
		return nil, fmt.Errorf("look at what is deployed of %s: %w", stack, err)
	}
	var changed []string
	for _, id := range slices.Sorted(maps.Keys(now.Resources)) {
		r := now.Resources[id]
		runs := r.Type == "AWS::ECS::Service" || r.Type == "AWS::ECS::TaskDefinition"
		if runs && !reflect.DeepEqual(r.Properties, next.Resources[id].Properties) {
			changed = append(changed, id)
		}
	}
	return changed, nil
}
