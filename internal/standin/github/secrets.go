package github

import (
	"encoding/base64"
	"maps"
	"regexp"
	"strings"

	"golang.org/x/crypto/nacl/box"
)

// GitHub's limits. Source: https://docs.github.com/en/actions/reference/secrets-reference and
// https://docs.github.com/en/actions/reference/variables-reference.
const (
	maxSize      = 48 << 10
	maxSecrets   = 100 // an organization has 1,000
	maxVariables = 500 // of a repository; an environment has 100, an organization 1,000
)

var goodName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkName applies the rule that secrets and variables share.
func checkName(kind, name string) (answer, bool) {
	switch {
	case !goodName.MatchString(name):
		return validationError("%s names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_).", kind), false
	case strings.HasPrefix(strings.ToUpper(name), "GITHUB_"):
		return validationError("%s names must not start with GITHUB_.", kind), false
	}
	return answer{}, true
}

func (h *secret) describeSecret(name string) map[string]string {
	out := map[string]string{"name": name, "created_at": formatTime(h.created), "updated_at": formatTime(h.updated)}
	h.describeAccess(out)
	return out
}

func listSecrets(q *request) answer { return q.listSecrets(q.scope.secrets) }

func (q *request) listSecrets(held map[string]*secret) answer {
	names := q.shuffleNames(maps.Keys(held))
	return q.answerPage("secrets", names, 30, 100, func(name string) any { return held[name].describeSecret(name) })
}

func getSecret(q *request) answer {
	name := strings.ToUpper(q.PathValue("name"))
	held := q.scope.secrets[name]
	if held == nil {
		return notFound()
	}
	return okAnswer(held.describeSecret(name))
}

func (s *Server) deleteSecret(q *request) answer {
	name := strings.ToUpper(q.PathValue("name"))
	if !s.removeSecret(q.scope, q.token.of, name) {
		return notFound()
	}
	return noContentAnswer()
}

func (s *Server) putSecret(q *request) answer {
	name := strings.ToUpper(q.PathValue("name"))
	if refused, good := checkName("Secret", name); !good {
		return refused
	}
	var in secretInput
	if refused, good := q.decodeBody(&in); !good {
		return refused
	}
	seen, refused, good := q.readAccess(in.accessInput)
	if !good {
		return refused
	}
	plaintext, refused, good := q.openSealedBox(in)
	if !good {
		return refused
	}
	if limit := q.scope.secretLimit(); q.scope.secrets[name] == nil && len(q.scope.secrets) >= limit {
		return validationError("You have reached the limit of %d secrets.", limit)
	}
	isNew := s.setSecret(q.scope, q.token.of, name, plaintext)
	q.scope.secrets[name].access = seen
	if isNew {
		return createdAnswer()
	}
	return noContentAnswer()
}

func (c *scope) secretLimit() int {
	if c.organization != nil {
		return 10 * maxSecrets
	}
	return maxSecrets
}

type secretInput struct {
	EncryptedValue *string `json:"encrypted_value"`
	KeyID          *string `json:"key_id"`
	accessInput
}

// openSealedBox opens the sealed box of a PUT with the scope's private key.
func (q *request) openSealedBox(in secretInput) (plaintext string, refused answer, good bool) {
	if in.EncryptedValue == nil || in.KeyID == nil {
		return "", validationError("Invalid request. \"encrypted_value\" and \"key_id\" weren't supplied."), false
	}
	sealed, err := base64.StdEncoding.DecodeString(*in.EncryptedValue)
	if err != nil {
		return "", validationError("Encrypted value must be base64 encoded."), false
	}
	if *in.KeyID != q.scope.key.id {
		return "", validationError("Bad request - key_id is not the current public key."), false
	}
	opened, good := box.OpenAnonymous(nil, sealed, q.scope.key.public, q.scope.key.private)
	switch {
	case !good:
		return "", validationError("Bad request - the secret could not be decrypted."), false
	case len(opened) > maxSize:
		return "", validationError("Secret value is too large: at most %d bytes.", maxSize), false
	}
	return string(opened), answer{}, true
}
