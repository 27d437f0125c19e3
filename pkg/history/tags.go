package history

// TagPrefix begins the keys of all tags that rotary puts on a secret.
const TagPrefix = "rotary:"

// The limits of the tags of one secret
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/managing-secrets_tagging.html).
const (
	MaxTags     = 50
	MaxTagKey   = 128 // characters
	MaxTagValue = 256
)
