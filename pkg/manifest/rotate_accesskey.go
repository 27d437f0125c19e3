package manifest

import (
	"slices"
	"strings"
)

// RotateAccessKey replaces the access key of an IAM user. The source has one key that ends in ACCESS_KEY_ID and one
// that ends in SECRET_ACCESS_KEY.
type RotateAccessKey struct {
	// The IAM user's name.
	// Example: `"artifacts-${env}"`. Refuses: an ARN, `"arn:aws:iam::111111111111:user/artifacts"`.
	User string `yaml:"user" json:"user"`
}

// AWS, IAM identifiers: letters, digits and _+=,.@- , at most 64 characters.
var userShape = newShape(`^[A-Za-z0-9_+=,.@-]+$`).upTo(64)

func (a *RotateAccessKey) withDefaults(Source) rotatorKind { return a }

func (a *RotateAccessKey) isScheduled() bool { return true }
func (a *RotateAccessKey) isTested() bool    { return true }

// countDisplaced: a user has two keys.
func (a *RotateAccessKey) countDisplaced(others int) int { return min(1, others) }

func (a *RotateAccessKey) describeStandIn() string {
	return "IAM and STS are stood in for; policies are not rehearsed"
}

// lateWrite: a key has an id of its own.
func (a *RotateAccessKey) lateWrite() LateWrite { return LateHarmless }

func (a *RotateAccessKey) listWrites(s Source) []string {
	id, key := s.AccessKey()
	return []string{id, key}
}

// listConfig returns all other keys, such as those of a region and of a bucket.
func (a *RotateAccessKey) listConfig(s Source) []string {
	id, key := s.AccessKey()
	return slices.DeleteFunc(slices.Clone(s.KeyNames()), func(name string) bool { return name == id || name == key })
}

func (a *RotateAccessKey) checkRotator(c checker, path, _ string, source Source) {
	if c.requireValue(path+".user", a.User, "name the IAM user") && !userShape.MatchString(a.User) {
		c.add(path+".user", path+".user is not the name of an IAM user", "write the name, not an ARN")
	}
	if id, key := source.AccessKey(); id == "" || key == "" {
		c.add(path, "rotator aws-access-key does not know which of the source's keys to write",
			"declare one key that ends in ACCESS_KEY_ID and one that ends in SECRET_ACCESS_KEY")
	}
}

// AccessKey returns the keys that hold an IAM user's access key: the only one that ends in ACCESS_KEY_ID and the
// only one that ends in SECRET_ACCESS_KEY. Either is "" where there is none or more than one.
func (s Source) AccessKey() (id, secret string) {
	only := func(suffix string) string {
		keys := slices.DeleteFunc(slices.Clone(s.KeyNames()),
			func(key string) bool { return !strings.HasSuffix(key, suffix) })
		if len(keys) == 1 {
			return keys[0]
		}
		return ""
	}
	return only("ACCESS_KEY_ID"), only("SECRET_ACCESS_KEY")
}
