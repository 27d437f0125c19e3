package terraform

import (
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// A token stands for what is not known while a configuration is read. It is a text in a private use area of Unicode,
// so that no configuration has it, and passes through whatever Terraform does with texts.
const (
	tokenStart = "\ue000"
	tokenEnd   = "\ue001"
)

// The kinds of tokens.
const (
	ofSecret   = "secret:"   // of an input: secret:var.environment_secrets/KEY, secret:var.stripe_key
	ofInput    = "input:"    // the whole of an input: input:var.environment_secrets
	ofResource = "resource:" // a resource: resource:module.api.aws_secretsmanager_secret.this
	ofRegion   = "region"
	ofAccount  = "account"
)

// makeToken returns the token of something.
func makeToken(kind, id string) string { return tokenStart + kind + id + tokenEnd }

var anyToken = regexp.MustCompile(tokenStart + `([a-z]+:?)([^` + tokenStart + tokenEnd + `]*)` + tokenEnd)

// findTokens returns the ids of the tokens of a kind in a text.
func findTokens(kind, text string) []string {
	var ids []string
	for _, match := range anyToken.FindAllStringSubmatch(text, -1) {
		if match[1] == kind {
			ids = append(ids, match[2])
		}
	}
	return ids
}

// readToken returns the id of a text that is one token of a kind.
func readToken(kind, text string) (id string, is bool) {
	id, found := strings.CutPrefix(text, tokenStart+kind)
	id, ends := strings.CutSuffix(id, tokenEnd)
	return id, found && ends && !strings.Contains(id, tokenStart) && !strings.Contains(id, tokenEnd)
}

// writeVariables writes the tokens of region and account as the manifest's variables, and a literal ${ as $${. It
// reports false where another token is left.
func writeVariables(text string) (string, bool) {
	text = strings.ReplaceAll(text, "${", "$${")
	text = strings.ReplaceAll(text, makeToken(ofRegion, ""), "${region}")
	text = strings.ReplaceAll(text, makeToken(ofAccount, ""), "${account}")
	return text, !strings.Contains(text, tokenStart) && !strings.Contains(text, tokenEnd)
}

// secretID is the id of a secret that an input holds under a key; of a text, key is "".
func secretID(input, key string) string {
	if key == "" {
		return input
	}
	return input + "/" + key
}

// splitID takes a secret's id apart.
func splitID(id string) (input, key string) {
	input, key, _ = strings.Cut(id, "/")
	return input, key
}

// findInput returns the input whose secrets a map holds, or "".
func findInput(v cty.Value) string {
	for _, name := range listNames(v) {
		if id, is := readToken(ofInput, name); is {
			return id
		}
	}
	return ""
}
