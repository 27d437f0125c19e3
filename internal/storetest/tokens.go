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
			p.create()
			out, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{
				SecretId: &p.name, ClientRequestToken: ids("one"), SecretString: aws.String(value("one")),
			})
			p.must("put", err)
			if aws.ToString(out.VersionId) != id("one") || aws.ToString(out.Name) != p.name || strings.Join(out.VersionStages, " ") != "AWSCURRENT" {
				p.see("the answer is not about the version and its labels")
			}
			p.reads("one", "AWSCURRENT", "one")
		}},
		{"the same content under the same token again does nothing", apiPut, 0, func(p *probe) {
			p.create("one", "two")
			p.puts("one")
			p.holds("AWSCURRENT:two AWSPREVIOUS:one")
			p.lists(true, "AWSCURRENT:two AWSPREVIOUS:one")
		}},
		{"the same content under the same token again moves none of the labels it names", apiPut, 0, func(p *probe) {
			p.create("one", "two")
			p.moves("L", "two", "")
			p.puts("one", "L", "AWSCURRENT", "M")
			p.holds("AWSCURRENT:two AWSPREVIOUS:one L:two")
		}},
		{"the same content again on an AWSPENDING version does nothing", apiPut, 0, func(p *probe) {
			p.create("one")
			p.puts("two", "AWSPENDING", "L")
			p.puts("two", "AWSPENDING", "L")
			p.holds("AWSCURRENT:one AWSPENDING:two L:two")
			p.moves("L", "", "two")
			p.puts("two", "AWSPENDING", "L")
			p.holds("AWSCURRENT:one AWSPENDING:two")
		}},
		{"the same content again on a version that lost AWSPENDING does not put it back", apiPut, 0, func(p *probe) {
			p.create("one")
			p.puts("two", "AWSPENDING")
			p.moves("AWSPENDING", "", "two")
			p.puts("two", "AWSPENDING")
			p.holds("AWSCURRENT:one")
		}},
		{"other content under the same token is refused", apiPut, 0, func(p *probe) {
			p.create("one", "two", "three")
			for _, v := range []string{"one", "two", "three"} {
				p.refused("put "+v, p.put(v, "another value"), "", exists)
				p.reads(v, "", v)
			}
			p.holds("AWSCURRENT:three AWSPREVIOUS:two")
		}},
		{"other content on an AWSPENDING version is refused", apiPut, 0, func(p *probe) {
			p.create("one")
			p.puts("two", "AWSPENDING")
			p.refused("put two", p.put("two", "another value", "AWSPENDING"), "", exists)
			p.reads("two", "AWSPENDING", "two")
			p.holds("AWSCURRENT:one AWSPENDING:two")
		}},
		{"a version that is current and AWSPENDING refuses other content", apiPut, 0, func(p *probe) {
			p.create("one")
			p.moves("AWSPENDING", "one", "")
			p.refused("put one", p.put("one", "another value"), "", exists)
			p.reads("one", "AWSCURRENT", "one")
		}},
		{"A, then B, then A again: A's token does nothing, and the label has to be moved back", apiPut, 0, func(p *probe) {
			p.create("a", "b")
			p.puts("a")
			p.holds("AWSCURRENT:b AWSPREVIOUS:a")
			p.moves("AWSCURRENT", "a", "b")
			p.holds("AWSCURRENT:a AWSPREVIOUS:b")
			p.reads("", "AWSCURRENT", "a")
		}},
		{"the same content under another token is another version", apiPut, 0, func(p *probe) {
			p.create("one", "two")
			p.must("put", p.put("three", value("one")))
			p.holds("AWSCURRENT:three AWSPREVIOUS:two")
		}},
		{"a token has 32 to 64 characters", apiPut, 0, func(p *probe) {
			p.create()
			for _, n := range []int{31, 32, 64, 65} {
				_, err := p.Client.PutSecretValue(p.ctx, &secretsmanager.PutSecretValueInput{
					SecretId: &p.name, ClientRequestToken: aws.String(strings.Repeat("t", n)), SecretString: aws.String("v"),
				})
				if (err == nil) != (n == 32 || n == 64) {
					p.see("one of %d: %s", n, code(err))
				}
			}
		}},
		{"creating a secret again with the same token and content does nothing", apiCreate, 0, func(p *probe) {
			for range 2 {
				p.must("create", p.createWith("one", "one"))
			}
			p.holds("AWSCURRENT:one")
		}},
		{"creating a secret again with anything else is refused", recorded, 0, func(p *probe) {
			p.must("create", p.createWith("one", "one"))
			p.refused("another value", p.createWith("one", "two"), "", exists)
			p.refused("another token", p.createWith("two", "one"), "The operation failed because the secret "+p.name+" already exists.", exists)
			p.holds("AWSCURRENT:one")
		}},
		{"UpdateSecret refuses a token that is in use, whatever the content", apiUpdate, 0, func(p *probe) {
			p.create("one", "two")
			for _, text := range []string{value("one"), "another value"} {
				_, err := p.Keeper.UpdateSecret(p.ctx, &secretsmanager.UpdateSecretInput{SecretId: &p.name, ClientRequestToken: ids("one"), SecretString: &text})
				p.refused("update", err, "", exists, badRequest)
			}
			p.holds("AWSCURRENT:two AWSPREVIOUS:one")
		}},
	}
}

// createWith creates the probe's secret together with its first version.
func (p *probe) createWith(version, text string) error {
	if len(p.made) == 0 {
		p.made = []string{p.name}
	}
	_, err := p.Keeper.CreateSecret(p.ctx, &secretsmanager.CreateSecretInput{
		Name: &p.name, ClientRequestToken: ids(version), SecretString: aws.String(value(text)),
	})
	return err
}
