package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/rotary-secrets/rotary/pkg/history"
)

// rotationBefore is the key of the tag that keeps, on a source's secret, which function rotated it before rotary: the
// way back is to attach that one again.
const rotationBefore = history.TagPrefix + "rotation-before"

// checkRotations returns an error if a function that is not rotary's rotates a source: only a deployment that names the
// source replaces that. Which function it was is kept in a tag first. Repeatable.
func (d deployment) checkRotations(ctx context.Context, secrets describer, all []describedSource) error {
	var others []string
	for _, s := range all {
		function := d.findOtherRotation(s)
		switch {
		case function == "":
		case slices.Contains(d.rotations, s.Name):
			if err := keepRotation(ctx, secrets, s, function); err != nil {
				return err
			}
		default:
			others = append(others, fmt.Sprintf("\n  source %s is rotated by %s; to let rotary do that: --replace-rotation %s",
				s.Name, function, s.Name))
		}
	}
	if len(others) == 0 {
		return nil
	}
	return fmt.Errorf("deploy environment %s: nothing was changed:%s\nwith make: REPLACE_ROTATION=\"NAME …\"; "+
		"which function it was is kept in the tag %s of the secret", d.environment.Name, strings.Join(others, ""), rotationBefore)
}

// findOtherRotation returns the ARN of the function that rotates a source, where that is not rotary's; "" otherwise.
func (d deployment) findOtherRotation(s describedSource) string {
	function := aws.ToString(s.secret.RotationLambdaARN)
	if !aws.ToBool(s.secret.RotationEnabled) || strings.HasSuffix(function, ":"+d.environment.RotateFunction(s.Source)) {
		return ""
	}
	return function
}

// keepRotation keeps the ARN of the function that rotated a source in a tag of its secret.
func keepRotation(ctx context.Context, secrets describer, s describedSource, function string) error {
	_, err := secrets.TagResource(ctx, &secretsmanager.TagResourceInput{
		SecretId: &s.Secret, Tags: []types.Tag{{Key: aws.String(rotationBefore), Value: &function}},
	})
	if err != nil {
		return fmt.Errorf("keep in a tag of %s which function rotated it: %w", s.Secret, err)
	}
	return nil
}
