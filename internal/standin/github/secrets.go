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
	maxSecrets   = 100
	maxVariables = 500 // of a repository; an environment has 100
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
	return map[string]string{"name": name, "created_at": formatTime(h.created), "updated_at": formatTime(h.updated)}
}

func listSecrets(q *request) answer { return q.listSecrets(q.scope) }

func listOrganizationSecrets(q *request) answer { return q.listSecrets(q.repository.shared) }

func (q *request) listSecrets(c *scope) answer {
	names := q.shuffleNames(maps.Keys(c.secrets))
	return q.answerPage("secrets", names, 30, 100, func(name string) any { return c.secrets[name].describeSecret(name) })
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
	plaintext, refused, good := q.openSealedBox()
	if !good {
		return refused
	}
	if q.scope.secrets[name] == nil && len(q.scope.secrets) >= maxSecrets {
		return validationError("You have reached the limit of %d secrets.", maxSecrets)
	}
	if s.setSecret(q.scope, q.token.of, name, plaintext) {
		return createdAnswer()
	}
	return noContentAnswer()
}

// openSealedBox reads the sealed box of a PUT with the scope's private key.
func (q *request) openSealedBox() (plaintext string, refused answer, good bool) {
	var in struct {
		EncryptedValue *string `json:"encrypted_value"`
		KeyID          *string `json:"key_id"`
	}
	if refused, good := q.decodeBody(&in); !good {
		return "", refused, false
	}
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
