package storetest

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const (
	noFunction = "No Lambda rotation function ARN is associated with this secret."
	noInvoke   = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com."
	incomplete = "A previous rotation isn't complete. That rotation will be reattempted."
)

// rotationFacts: what RotateSecret asks for, what it leaves, and the empty version that a rotation starts with.
func rotationFacts() []Fact {
	return []Fact{
		{"a secret that never had a rotation function does not rotate", recorded, 0, func(p *probe) {
			p.createSecret("one", "two")
			_, err := p.rotateSecret("three", "")
			p.wantRefused("rotate", err, noFunction, badRequest)
			p.wantUntouched()
		}},
		{"a rotation function that does not exist is refused, and nothing is changed", recorded, 0, func(p *probe) {
			p.createSecret("one", "two")
			_, err := p.rotateSecret("three", "arn:aws:lambda:us-east-1:111111111111:function:rotary-storetest-nowhere")
			p.wantRefused("rotate", err, noInvoke, denied)
			p.wantUntouched()
		}},
		{"a rotation puts AWSPENDING on a version without a value, and moves nothing else", apiRotate, function, func(p *probe) {
			p.createSecret("one", "two")
			p.mustMove("L", "one", "")
			out, err := p.rotateSecret("three", p.Function)
			p.must("rotate", err)
			if aws.ToString(out.VersionId) != versionID("three") {
				p.noteMismatch("the answer does not name the version")
			}
			p.wantLabels("AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one L:one")
			p.wantVersions(false, "AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one L:one")
		}},
		{"a version without a value cannot be read", apiRotate, function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			_, byID := p.getValue("two", "")
			_, byLabel := p.getValue("", "AWSPENDING")
			p.wantRefused("by id", byID, "", notFound)
			p.wantRefused("by label", byLabel, "", notFound)
		}},
		{"a version without a value is filled by a put with its token", apiPut, function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			p.mustPut("two", "AWSPENDING")
			p.wantValue("two", "AWSPENDING", "two")
			p.wantLabels("AWSCURRENT:one AWSPENDING:two")
			p.wantRefused("fill it again", p.putVersion("two", "another value", "AWSPENDING"), "", exists)
			p.wantValue("two", "AWSPENDING", "two")
		}},
		{"a version without a value is filled under a label of its own and AWSPENDING", unconfirmed, function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			p.mustPut("two", "AWSPENDING", "LIVE-two")
			p.wantLabels("AWSCURRENT:one AWSPENDING:two LIVE-two:two")
		}},
		{"a version without a value that AWSPENDING was taken from stays hidden, and can be filled", apiMove, function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			p.mustMove("AWSPENDING", "", "two")
			p.wantVersions(false, "AWSCURRENT:one")
			p.wantVersions(true, "-:two AWSCURRENT:one")
			p.mustPut("two", "L")
			p.wantLabels("AWSCURRENT:one L:two")
			p.wantValue("two", "L", "two")
		}},
		{"a rotation is refused while AWSPENDING is on a version that is not current", apiRotate + "; its text is " + thirdParty, function, func(p *probe) {
			p.createSecret("one", "two")
			p.mustPut("three", "AWSPENDING")
			_, err := p.rotateSecret("four", p.Function)
			p.wantRefused("rotate", err, incomplete, badRequest)
			p.wantLabels("AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one")
			p.wantVersions(true, "AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one")
		}},
		{"a rotation is refused while one is unfinished", apiRotate + "; its text is " + thirdParty, function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			_, err := p.rotateSecret("three", p.Function)
			p.wantRefused("rotate", err, incomplete, badRequest)
			p.wantLabels("AWSCURRENT:one AWSPENDING:two")
		}},
		{"a rotation starts while AWSPENDING is on the current version", apiRotate, function, func(p *probe) {
			p.createSecret("one")
			p.mustMove("AWSPENDING", "one", "")
			p.mustRotate("two")
			p.wantLabels("AWSCURRENT:one AWSPENDING:two")
		}},
		{"a rotation starts after AWSPENDING was taken off the one before", apiRotate, function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			p.mustMove("AWSPENDING", "", "two")
			p.mustRotate("three")
			p.wantLabels("AWSCURRENT:one AWSPENDING:three")
		}},
		{"a rotation without a function uses the one that is stored", apiRotate, function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			p.mustMove("AWSPENDING", "", "two")
			_, err := p.rotateSecret("three", "")
			p.must("rotate", err)
			p.wantLabels("AWSCURRENT:one AWSPENDING:three")
			if got := aws.ToString(p.describeSecret().RotationLambdaARN); got != p.Function {
				p.noteMismatch("the stored function is another")
			}
		}},
		{"a secret with a rotation function says that rotation is enabled", apiDescribe, function, func(p *probe) {
			p.createSecret("one")
			if aws.ToBool(p.describeSecret().RotationEnabled) {
				p.noteMismatch("it says so before")
			}
			p.mustRotate("two")
			if !aws.ToBool(p.describeSecret().RotationEnabled) {
				p.noteMismatch("it does not say so")
			}
		}},
		{"a value put by hand takes AWSPENDING off an unfinished rotation's version", guideTrail + ", RotationAbandoned", function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			p.mustPut("three")
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:one")
		}},
		{"moving AWSCURRENT onto the rotated version leaves it AWSPENDING", recorded, function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			p.mustPut("two", "AWSPENDING")
			p.mustMove("AWSCURRENT", "two", "one")
			p.wantLabels("AWSCURRENT:two AWSPENDING:two AWSPREVIOUS:one")
			p.mustRotate("three")
			p.wantLabels("AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one")
		}},
		{"cancelling turns rotation off and leaves the labels", apiCancel, function, func(p *probe) {
			p.createSecret("one")
			p.mustRotate("two")
			_, err := p.Keeper.CancelRotateSecret(p.ctx, &secretsmanager.CancelRotateSecretInput{SecretId: &p.name})
			p.must("cancel", err)
			p.wantLabels("AWSCURRENT:one AWSPENDING:two")
			if aws.ToBool(p.describeSecret().RotationEnabled) {
				p.noteMismatch("rotation is enabled")
			}
		}},
		{"a schedule is every four hours at most", apiRotate, function, func(p *probe) {
			p.createSecret("one")
			_, err := p.Client.RotateSecret(p.ctx, &secretsmanager.RotateSecretInput{
				SecretId: &p.name, ClientRequestToken: optionalVersionID("two"), RotationLambdaARN: &p.Function,
				RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(3 hours)")},
			})
			p.wantRefused("rotate", err, "", badParameter, invalid)
			p.wantLabels("AWSCURRENT:one")
		}},
		{"a rotation's token has 32 to 64 characters", apiRotate, function, func(p *probe) {
			p.createSecret("one")
			_, err := p.Client.RotateSecret(p.ctx, &secretsmanager.RotateSecretInput{
				SecretId: &p.name, ClientRequestToken: aws.String(strings.Repeat("t", 31)), RotationLambdaARN: &p.Function,
			})
			p.wantRefused("rotate", err, "", badParameter, invalid)
			p.wantLabels("AWSCURRENT:one")
		}},
	}
}

// wantUntouched notes a mismatch unless two is AWSCURRENT, one is AWSPREVIOUS, and no rotation is under way.
func (p *probe) wantUntouched() {
	p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one")
	p.wantVersions(true, "AWSCURRENT:two AWSPREVIOUS:one")
	if aws.ToBool(p.describeSecret().RotationEnabled) {
		p.noteMismatch("rotation is enabled")
	}
}
