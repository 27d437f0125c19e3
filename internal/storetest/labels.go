package storetest

import "strings"

// Where facts are known from.
const (
	apiPut      = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html"
	apiMove     = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html"
	apiGet      = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html"
	apiBatch    = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html"
	apiList     = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html"
	apiDescribe = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html"
	apiRotate   = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html"
	apiCancel   = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html"
	apiUpdate   = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html"
	apiCreate   = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html"
	apiDelete   = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html"
	apiRestore  = "docs.aws.amazon.com/secretsmanager/latest/apireference/API_RestoreSecret.html"
	guideQuotas = "docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html"
	guideTrail  = "docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html"
	recorded    = "recorded from AWS"
	thirdParty  = "quoted by third parties, not confirmed"
	unconfirmed = "not confirmed: rotary relies on it"
)

const (
	badParameter = "InvalidParameterException"
	badRequest   = "InvalidRequestException"
	notFound     = "ResourceNotFoundException"
	exists       = "ResourceExistsException"
	limit        = "LimitExceededException"
	invalid      = "ValidationException"
	denied       = "AccessDeniedException"
)

// labelFacts returns the facts of the label model: where each label is after each kind of put and move.
func labelFacts() []Fact {
	return []Fact{
		{"the first value is AWSCURRENT, and nothing is AWSPREVIOUS", apiPut, 0, func(p *probe) {
			p.createSecret("one")
			p.wantLabels("AWSCURRENT:one")
		}},
		{"the first value is AWSCURRENT also where it is put under AWSPENDING", apiPut, 0, func(p *probe) {
			p.createSecret()
			p.mustPut("one", "AWSPENDING")
			p.wantLabels("AWSCURRENT:one AWSPENDING:one")
		}},
		{"the first value is AWSCURRENT also where it is put under a label of its own", apiPut, 0, func(p *probe) {
			p.createSecret()
			p.mustPut("one", "L")
			p.wantLabels("AWSCURRENT:one L:one")
		}},
		{"a put without labels moves AWSCURRENT, and AWSPREVIOUS to the version left", apiPut, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:two")
		}},
		{"a put under AWSCURRENT is a put without labels", apiPut, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustPut("three", "AWSCURRENT")
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:two")
		}},
		{"a put that moves AWSCURRENT leaves the outgoing version its other labels", apiPut + "; not recorded", 0, func(p *probe) {
			p.createSecret("one")
			p.mustMove("L", "one", "")
			p.mustPut("two")
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one L:one")
		}},
		{"a put that moves AWSCURRENT leaves every other version its labels", apiPut, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.mustMove("L", "one", "")
			p.mustMove("M", "two", "")
			p.mustPut("four")
			p.wantLabels("AWSCURRENT:four AWSPREVIOUS:three L:one M:two")
		}},
		{"a put that moves AWSCURRENT takes AWSPENDING off the outgoing version", recorded, 0, func(p *probe) {
			p.createSecret("one")
			p.mustMove("AWSPENDING", "one", "")
			p.mustPut("two")
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"a put that moves AWSCURRENT takes AWSPENDING off an unfinished rotation's version", guideTrail + ", RotationAbandoned", 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSPENDING")
			p.mustPut("three")
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:one")
		}},
		{"a put under AWSCURRENT and another label takes both", apiPut, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustMove("L", "one", "")
			p.mustPut("three", "AWSCURRENT", "L")
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:two L:three")
		}},
		{"a put under AWSCURRENT and AWSPENDING has both", apiPut, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSCURRENT", "AWSPENDING")
			p.wantLabels("AWSCURRENT:two AWSPENDING:two AWSPREVIOUS:one")
		}},
		{"a put under another label leaves AWSCURRENT, AWSPREVIOUS and AWSPENDING", apiPut, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustPut("three", "AWSPENDING")
			p.mustPut("four", "L")
			p.wantLabels("AWSCURRENT:two AWSPENDING:three AWSPREVIOUS:one L:four")
		}},
		{"a put under a label takes it from the version that has it", recorded, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "L", "AWSPENDING")
			p.mustPut("three", "L", "AWSPENDING")
			p.wantLabels("AWSCURRENT:one AWSPENDING:three L:three")
		}},
		{"a label of its own can be put together with AWSPENDING", apiPut, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSPENDING", "LIVE-two")
			p.wantLabels("AWSCURRENT:one AWSPENDING:two LIVE-two:two")
		}},
		{"a label that begins with AWS is like any other", recorded, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSSOMETHING")
			p.mustMove("AWSSOMETHING", "one", "two")
			p.wantLabels("AWSCURRENT:one AWSSOMETHING:one")
		}},
		{"a label has 256 characters at most", apiMove, 0, func(p *probe) {
			p.createSecret("one")
			p.wantNoError("256", p.moveLabel(strings.Repeat("L", 256), "one", ""))
			p.wantRefused("257", p.moveLabel(strings.Repeat("L", 257), "one", ""), "", invalid, badParameter)
		}},
		{"moving AWSCURRENT moves AWSPREVIOUS to the version left", recorded, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSPENDING")
			p.mustMove("AWSCURRENT", "two", "one")
			p.wantLabels("AWSCURRENT:two AWSPENDING:two AWSPREVIOUS:one")
		}},
		{"moving AWSCURRENT takes AWSPREVIOUS from the version before", recorded, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.mustMove("AWSCURRENT", "one", "three")
			p.wantLabels("AWSCURRENT:one AWSPREVIOUS:three")
		}},
		{"moving AWSCURRENT back and forth swaps the two", recorded, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustMove("AWSCURRENT", "one", "two")
			p.wantLabels("AWSCURRENT:one AWSPREVIOUS:two")
			p.mustMove("AWSCURRENT", "two", "one")
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"moving AWSCURRENT leaves every other label", recorded, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.mustMove("L", "one", "")
			p.mustMove("M", "two", "")
			p.mustMove("N", "three", "")
			p.mustPut("four", "AWSPENDING")
			p.mustMove("AWSCURRENT", "two", "three")
			p.wantLabels("AWSCURRENT:two AWSPENDING:four AWSPREVIOUS:three L:one M:two N:three")
		}},
		{"moving another label moves that label alone", apiMove, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustMove("L", "one", "")
			p.mustMove("M", "one", "")
			p.mustMove("L", "two", "one")
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one L:two M:one")
			p.mustMove("L", "", "two")
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one M:one")
		}},
		{"AWSPREVIOUS can be taken off, and comes back with the next move of AWSCURRENT", apiMove, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustMove("AWSPREVIOUS", "", "one")
			p.wantLabels("AWSCURRENT:two")
			p.mustMove("AWSCURRENT", "one", "two")
			p.wantLabels("AWSCURRENT:one AWSPREVIOUS:two")
		}},
		{"AWSPENDING can be taken off", apiRotate, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSPENDING")
			p.mustMove("AWSPENDING", "", "two")
			p.wantLabels("AWSCURRENT:one")
		}},
		{"a version without a label can be given one", apiMove, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			p.mustMove("L", "one", "")
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:two L:one")
		}},
	}
}
