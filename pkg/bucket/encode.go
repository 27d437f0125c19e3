package bucket

import (
	"encoding/json"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Encode returns the canonical JSON of a bucket: one object of texts, keys sorted, no space, nothing escaped that
// need not be. The same values give the same bytes.
func Encode(values map[string]secret.Value) secret.Value {
	return secret.New(encodeJSON(revealTexts(values)))
}

func revealTexts(values map[string]secret.Value) map[string]string {
	texts := make(map[string]string, len(values))
	for name, value := range values {
		texts[name] = secret.Reveal(value)
	}
	return texts
}

// encodeJSON returns the canonical JSON of a text or of a map of texts.
func encodeJSON(texts any) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(texts); err != nil {
		panic("bucket: a map of strings does not encode") // it always does
	}
	return strings.TrimSuffix(out.String(), "\n")
}
