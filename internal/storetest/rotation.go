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
			p.create("one", "two")
			_, err := p.rotate("three", "")
			p.refused("rotate", err, noFunction, badRequest)
			p.untouched()
		}},
		{"a rotation function that does not exist is refused, and nothing is changed", recorded, 0, func(p *probe) {
			p.create("one", "two")
			_, err := p.rotate("three", "arn:aws:lambda:us-east-1:111111111111:function:rotary-storetest-nowhere")
			p.refused("rotate", err, noInvoke, denied)
			p.untouched()
		}},
		{"a rotation puts AWSPENDING on a version without a value, and moves nothing else", apiRotate, function, func(p *probe) {
			p.create("one", "two")
			p.moves("L", "one", "")
			out, err := p.rotate("three", p.Function)
			p.must("rotate", err)
			if aws.ToString(out.VersionId) != id("three") {
				p.see("the answer does not name the version")
			}
			p.holds("AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one L:one")
			p.lists(false, "AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one L:one")
		}},
		{"a version without a value cannot be read", apiRotate, function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			_, byID := p.get("two", "")
			_, byLabel := p.get("", "AWSPENDING")
			p.refused("by id", byID, "", notFound)
			p.refused("by label", byLabel, "", notFound)
		}},
		{"a version without a value is filled by a put with its token", apiPut, function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			p.puts("two", "AWSPENDING")
			p.reads("two", "AWSPENDING", "two")
			p.holds("AWSCURRENT:one AWSPENDING:two")
			p.refused("fill it again", p.put("two", "another value", "AWSPENDING"), "", exists)
			p.reads("two", "AWSPENDING", "two")
		}},
		{"a version without a value is filled under a label of its own and AWSPENDING", unconfirmed, function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			p.puts("two", "AWSPENDING", "LIVE-two")
			p.holds("AWSCURRENT:one AWSPENDING:two LIVE-two:two")
		}},
		{"a version without a value that AWSPENDING was taken from stays hidden, and can be filled", apiMove, function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			p.moves("AWSPENDING", "", "two")
			p.lists(false, "AWSCURRENT:one")
			p.lists(true, "-:two AWSCURRENT:one")
			p.puts("two", "L")
			p.holds("AWSCURRENT:one L:two")
			p.reads("two", "L", "two")
		}},
		{"a rotation is refused while AWSPENDING is on a version that is not current", apiRotate + "; its text is " + thirdParty, function, func(p *probe) {
			p.create("one", "two")
			p.puts("three", "AWSPENDING")
			_, err := p.rotate("four", p.Function)
			p.refused("rotate", err, incomplete, badRequest)
			p.holds("AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one")
			p.lists(true, "AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one")
		}},
		{"a rotation is refused while one is unfinished", apiRotate + "; its text is " + thirdParty, function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			_, err := p.rotate("three", p.Function)
			p.refused("rotate", err, incomplete, badRequest)
			p.holds("AWSCURRENT:one AWSPENDING:two")
		}},
		{"a rotation starts while AWSPENDING is on the current version", apiRotate, function, func(p *probe) {
			p.create("one")
			p.moves("AWSPENDING", "one", "")
			p.rotates("two")
			p.holds("AWSCURRENT:one AWSPENDING:two")
		}},
		{"a rotation starts after AWSPENDING was taken off the one before", apiRotate, function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			p.moves("AWSPENDING", "", "two")
			p.rotates("three")
			p.holds("AWSCURRENT:one AWSPENDING:three")
		}},
		{"a rotation without a function uses the one that is stored", apiRotate, function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			p.moves("AWSPENDING", "", "two")
			_, err := p.rotate("three", "")
			p.must("rotate", err)
			p.holds("AWSCURRENT:one AWSPENDING:three")
			if got := aws.ToString(p.describe().RotationLambdaARN); got != p.Function {
				p.see("the stored function is another")
			}
		}},
		{"a secret with a rotation function says that rotation is enabled", apiDescribe, function, func(p *probe) {
			p.create("one")
			if aws.ToBool(p.describe().RotationEnabled) {
				p.see("it says so before")
			}
			p.rotates("two")
			if !aws.ToBool(p.describe().RotationEnabled) {
				p.see("it does not say so")
			}
		}},
		{"a value put by hand takes AWSPENDING off an unfinished rotation's version", guideTrail + ", RotationAbandoned", function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			p.puts("three")
			p.holds("AWSCURRENT:three AWSPREVIOUS:one")
		}},
		{"moving AWSCURRENT onto the rotated version leaves it AWSPENDING", recorded, function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			p.puts("two", "AWSPENDING")
			p.moves("AWSCURRENT", "two", "one")
			p.holds("AWSCURRENT:two AWSPENDING:two AWSPREVIOUS:one")
			p.rotates("three")
			p.holds("AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one")
		}},
		{"cancelling turns rotation off and leaves the labels", apiCancel, function, func(p *probe) {
			p.create("one")
			p.rotates("two")
			_, err := p.Keeper.CancelRotateSecret(p.ctx, &secretsmanager.CancelRotateSecretInput{SecretId: &p.name})
			p.must("cancel", err)
			p.holds("AWSCURRENT:one AWSPENDING:two")
			if aws.ToBool(p.describe().RotationEnabled) {
				p.see("rotation is enabled")
			}
		}},
		{"a schedule is every four hours at most", apiRotate, function, func(p *probe) {
			p.create("one")
			_, err := p.Client.RotateSecret(p.ctx, &secretsmanager.RotateSecretInput{
				SecretId: &p.name, ClientRequestToken: ids("two"), RotationLambdaARN: &p.Function,
				RotationRules: &types.RotationRulesType{ScheduleExpression: aws.String("rate(3 hours)")},
			})
			p.refused("rotate", err, "", badParameter, invalid)
			p.holds("AWSCURRENT:one")
		}},
		{"a rotation's token has 32 to 64 characters", apiRotate, function, func(p *probe) {
			p.create("one")
			_, err := p.Client.RotateSecret(p.ctx, &secretsmanager.RotateSecretInput{
				SecretId: &p.name, ClientRequestToken: aws.String(strings.Repeat("t", 31)), RotationLambdaARN: &p.Function,
			})
			p.refused("rotate", err, "", badParameter, invalid)
			p.holds("AWSCURRENT:one")
		}},
	}
}

// untouched wants two under AWSCURRENT, one under AWSPREVIOUS, and no rotation.
func (p *probe) untouched() {
	p.holds("AWSCURRENT:two AWSPREVIOUS:one")
	p.lists(true, "AWSCURRENT:two AWSPREVIOUS:one")
	if aws.ToBool(p.describe().RotationEnabled) {
		p.see("rotation is enabled")
	}
}
