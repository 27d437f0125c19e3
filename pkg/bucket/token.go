package bucket

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// computeSchema is part of every token. Raise it with any change of Compute or Encode that gives another content
// for the same sources and manifest: Secrets Manager refuses other content under a token it has seen.
const computeSchema = "1"

const (
	rulesDigits    = 16
	versionsDigits = 32
)

// Token returns the version id that a bucket has by right: the ClientRequestToken of its PutSecretValue. It names
// what the content was made from and holds nothing of a value:
//
//	16 hex digits   the rules: computeSchema, the bucket's name and its entries in this environment (which key of
//	                which source goes where, computed texts), and the environment's vars
//	-
//	32 hex digits   the version ids of the sources that feed it, and of no others
//
// versions has the version id of each source; one that is missing counts as a version of its own. The same rules
// and versions give the same token, so a put that is tried again is the same put.
func Token(env *manifest.Environment, b manifest.Bucket, versions map[string]string) string {
	type entry struct{ Name, Layer, Source, Key, Text string }
	var entries []entry
	all := env.Entries(b)
	for _, e := range all {
		entries = append(entries, entry{e.Name, e.Layer, e.Source, e.Key, e.Text})
	}
	feeds := map[string]*string{}
	for _, source := range all.Feeds() {
		feeds[source] = nil
		if version, ok := versions[source]; ok {
			feeds[source] = &version
		}
	}
	rules := hashParts(rulesDigits, computeSchema, env.Name, b.Name, entries, env.Vars)
	return rules + "-" + hashParts(versionsDigits, feeds)
}

// Rules returns the part of a token that stands for the rules, or "" for a version id that Token did not make.
func Rules(token string) string {
	rules, versions, _ := strings.Cut(token, "-")
	if len(rules) != rulesDigits || len(versions) != versionsDigits || !isHex(rules) || !isHex(versions) {
		return ""
	}
	return rules
}

// hashParts hashes the JSON of its parts, in which no two lists of parts look alike. Maps are sorted by key.
func hashParts(digits int, parts ...any) string {
	text, err := json.Marshal(parts)
	if err != nil {
		panic("bucket: names do not encode") // strings always do
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:digits]
}

func isHex(text string) bool {
	return strings.Trim(text, "0123456789abcdef") == ""
}
