package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"
)

// replaceServices is what SERVICES says where a person wants reference services put back to what the template has.
const replaceServices = "replace"

// template is what a stack's template says of its resources, as far as it matters here.
type template struct {
	Resources map[string]struct {
		Type       string
		Properties map[string]any
	}
}

// keepsServices refuses to change a reference service that runs. Its template has no task and no secret, because people
// scale it and rotary pins what it reads: CloudFormation leaves that alone as long as the template stays, and with any change
// puts all of it back to the template, which is an outage.
func (d deployment) keepsServices(ctx context.Context, cfn stacks) error {
	if d.services == "" || d.replace {
		return nil
	}
	changed, err := d.changedServices(ctx, cfn)
	if err != nil || len(changed) == 0 {
		return err
	}
	return fmt.Errorf("%s would be put back to no task and no secret, because what %s says of it has changed: put that back in the manifest, and release images and settings through a workflow; or stop it for that with SERVICES=%s, and scale it up again",
		strings.Join(changed, ", "), d.services, replaceServices)
}

// changedServices are the services and task definitions that are deployed, and that the assembly has no more or otherwise.
func (d deployment) changedServices(ctx context.Context, cfn stacks) ([]string, error) {
	var next, now template
	if err := readJSON(filepath.Join(d.assembly, d.services+".template.json"), &next); err != nil {
		return nil, fmt.Errorf("read the services: %w", err)
	}
	out, err := cfn.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &d.services})
	if api, is := errors.AsType[smithy.APIError](err); is && api.ErrorCode() == "ValidationError" {
		return nil, nil // there is no such stack yet
	}
	if err == nil {
		err = json.Unmarshal([]byte(aws.ToString(out.TemplateBody)), &now)
	}
	if err != nil {
		return nil, fmt.Errorf("look at what is deployed of %s: %w", d.services, err)
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
