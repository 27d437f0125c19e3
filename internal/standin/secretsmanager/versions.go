package secretsmanager

import (
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/wire"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Versions that no label holds are removed, oldest first, while there are more than keptVersions, but not before
// they are keptFor old. Source: the documentation of PutSecretValue.
const (
	keptVersions = 100
	keptFor      = 24 * time.Hour
	maxValue     = 65536
)

// version is one version of a secret. A rotation starts with a version that has no value yet.
type version struct {
	id       string
	created  time.Time
	accessed time.Time
	content  *content
}

// content is a version's value; it never changes.
type content struct {
	binary bool
	value  secret.Value
}

func (c *content) sameContent(other *content) bool {
	return c.binary == other.binary && c.value.Equal(other.value)
}

// newContent checks what a caller sent. It returns nil where neither form was given.
func newContent(text *string, binary []byte) (*content, error) {
	size := len(binary)
	if text != nil {
		size = len(*text)
	}
	switch {
	case text != nil && binary != nil:
		return nil, wire.Errorf("InvalidParameterException", "You can't specify both a binary secret value and a string secret value in the same secret.")
	case (text != nil || binary != nil) && (size < 1 || size > maxValue):
		return nil, wire.Errorf("ValidationException", "1 validation error detected: the secret value failed to satisfy constraint: Member must have length between 1 and %d", maxValue)
	case text != nil:
		return &content{value: secret.New(*text)}, nil
	case binary != nil:
		return &content{binary: true, value: secret.New(string(binary))}, nil
	}
	return nil, nil
}

// checkToken holds a ClientRequestToken, which becomes a version id, to its documented length.
func checkToken(token string) error {
	switch {
	case token == "":
		return wire.Errorf("InvalidParameterException", "You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	case len(token) < 32 || len(token) > 64:
		return wire.Errorf("InvalidParameterException", "ClientRequestToken must be 32-64 characters long.")
	}
	return nil
}

// entry is one secret: its versions, oldest first, and which of them hold labels.
type entry struct {
	name, arn   string
	description string
	kmsKey      string
	tags        map[string]string
	created     time.Time
	changed     time.Time
	accessed    time.Time
	deleted     *deletion
	versions    []*version
	labels      labels
	rotation    rotation
}

func (e *entry) findVersion(id string) *version {
	i := slices.IndexFunc(e.versions, func(v *version) bool { return v.id == id })
	if i < 0 {
		return nil
	}
	return e.versions[i]
}

// pickVersion returns the version that a reader asked for: AWSCURRENT unless it said otherwise.
func (e *entry) pickVersion(id, label string) (*version, error) {
	if id == "" {
		if label == "" {
			label = current
		}
		if v := e.findVersion(e.labels[label]); v != nil && v.content != nil {
			return v, nil
		}
		return nil, wire.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: %s", label)
	}
	v := e.findVersion(id)
	switch {
	case v == nil || v.content == nil:
		return nil, wire.Errorf("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: %s", id)
	case label != "" && e.labels[label] != id:
		return nil, wire.Errorf("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return v, nil
}

// fillVersion gives version id its value: a new version, or the empty one that a rotation made.
func (e *entry) fillVersion(id string, c *content, now time.Time) {
	if v := e.findVersion(id); v != nil {
		v.content = c
		return
	}
	e.versions = append(e.versions, &version{id: id, created: now, content: c})
}

// dropVersion removes a version that no label holds.
func (e *entry) dropVersion(id string) {
	if len(e.labels.labelsOf(id)) == 0 {
		e.versions = slices.DeleteFunc(e.versions, func(v *version) bool { return v.id == id })
	}
}

// pruneVersions drops old versions without labels, as Secrets Manager does in the background.
func (e *entry) pruneVersions(now time.Time) {
	excess := len(e.versions) - keptVersions
	e.versions = slices.DeleteFunc(e.versions, func(v *version) bool {
		if excess <= 0 || now.Sub(v.created) < keptFor || len(e.labels.labelsOf(v.id)) > 0 {
			return false
		}
		excess--
		return true
	})
}
