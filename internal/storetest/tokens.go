package storetest

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// tokenFacts: a ClientRequestToken is the version's id, and what makes a put repeatable.
func tokenFacts() []Fact {
	return []Fact{
		{"the token is the version's id", apiPut, 0, func(p *probe) {
			p.createSecret()
			out, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{
				SecretId: &p.name, ClientRequestToken: optionalVersionID("one"), SecretString: aws.String(valueOf("one")),
			})
			p.must("put", err)
			if aws.ToString(out.VersionId) != versionID("one") || aws.ToString(out.Name) != p.name || strings.Join(out.VersionStages, " ") != "AWSCURRENT" {
				p.noteMismatch("the answer is not about the version and its labels")
			}
			p.wantValue("one", "AWSCURRENT", "one")
		}},
		{"the same content under the same token again does nothing", apiPut, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustPut("one")
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one")
			p.wantVersions(true, "AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"the same content under the same token again moves none of the labels it names", apiPut, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.mustMove("L", "two", "")
			p.mustPut("one", "L", "AWSCURRENT", "M")
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one L:two")
		}},
		{"the same content again on an AWSPENDING version does nothing", apiPut, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSPENDING", "L")
			p.mustPut("two", "AWSPENDING", "L")
			p.wantLabels("AWSCURRENT:one AWSPENDING:two L:two")
			p.mustMove("L", "", "two")
			p.mustPut("two", "AWSPENDING", "L")
			p.wantLabels("AWSCURRENT:one AWSPENDING:two")
		}},
		{"the same content again on a version that lost AWSPENDING does not put it back", apiPut, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSPENDING")
			p.mustMove("AWSPENDING", "", "two")
			p.mustPut("two", "AWSPENDING")
			p.wantLabels("AWSCURRENT:one")
		}},
		{"other content under the same token is refused", apiPut, 0, func(p *probe) {
			p.createSecret("one", "two", "three")
			for _, v := range []string{"one", "two", "three"} {
				p.wantRefused("put "+v, p.putVersion(v, "another value"), "", exists)
				p.wantValue(v, "", v)
			}
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:two")
		}},
		{"other content on an AWSPENDING version is refused", apiPut, 0, func(p *probe) {
			p.createSecret("one")
			p.mustPut("two", "AWSPENDING")
			p.wantRefused("put two", p.putVersion("two", "another value", "AWSPENDING"), "", exists)
			p.wantValue("two", "AWSPENDING", "two")
			p.wantLabels("AWSCURRENT:one AWSPENDING:two")
		}},
		{"a version that is current and AWSPENDING refuses other content", apiPut, 0, func(p *probe) {
			p.createSecret("one")
			p.mustMove("AWSPENDING", "one", "")
			p.wantRefused("put one", p.putVersion("one", "another value"), "", exists)
			p.wantValue("one", "AWSCURRENT", "one")
		}},
		{"A, then B, then A again: A's token does nothing, and the label has to be moved back", apiPut, 0, func(p *probe) {
			p.createSecret("a", "b")
			p.mustPut("a")
			p.wantLabels("AWSCURRENT:b AWSPREVIOUS:a")
			p.mustMove("AWSCURRENT", "a", "b")
			p.wantLabels("AWSCURRENT:a AWSPREVIOUS:b")
			p.wantValue("", "AWSCURRENT", "a")
		}},
		{"the same content under another token is another version", apiPut, 0, func(p *probe) {
			p.createSecret("one", "two")
			p.must("put", p.putVersion("three", valueOf("one")))
			p.wantLabels("AWSCURRENT:three AWSPREVIOUS:two")
		}},
		{"a token has 32 to 64 characters", apiPut, 0, func(p *probe) {
			p.createSecret()
			for _, n := range []int{31, 32, 64, 65} {
				_, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{
					SecretId: &p.name, ClientRequestToken: aws.String(strings.Repeat("t", n)), SecretString: aws.String("v"),
				})
				if (err == nil) != (n == 32 || n == 64) {
					p.noteMismatch("one of %d: %s", n, errorCode(err))
				}
			}
		}},
		{"creating a secret again with the same token and content does nothing", apiCreate, 0, func(p *probe) {
			for range 2 {
				p.must("create", p.createWith("one", "one"))
			}
			p.wantLabels("AWSCURRENT:one")
		}},
		{"creating a secret again with anything else is refused", recorded, 0, func(p *probe) {
			p.must("create", p.createWith("one", "one"))
			p.wantRefused("another value", p.createWith("one", "two"), "", exists)
			p.wantRefused("another token", p.createWith("two", "one"), "The operation failed because the secret "+p.name+" already exists.", exists)
			p.wantLabels("AWSCURRENT:one")
		}},
		{"UpdateSecret refuses a token that is in use, whatever the content", apiUpdate, 0, func(p *probe) {
			p.createSecret("one", "two")
			for _, text := range []string{valueOf("one"), "another value"} {
				_, err := p.Keeper.UpdateSecret(p.ctx, &secretsmanager.UpdateSecretInput{SecretId: &p.name, ClientRequestToken: optionalVersionID("one"), SecretString: &text})
				p.wantRefused("update", err, "", exists, badRequest)
			}
			p.wantLabels("AWSCURRENT:two AWSPREVIOUS:one")
		}},
	}
}

// createWith creates the probe's secret together with its first version.
func (p *probe) createWith(version, text string) error {
	if len(p.made) == 0 {
		p.made = []string{p.name}
	}
	_, err := p.Keeper.CreateSecret(p.ctx, &secretsmanager.CreateSecretInput{
		Name: &p.name, ClientRequestToken: optionalVersionID(version), SecretString: aws.String(valueOf(text)),
	})
	return err
}
