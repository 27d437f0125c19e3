package bucket

import (
	"bytes"
	"encoding/json"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Encode returns the canonical JSON of a bucket: one object of texts, keys sorted, no space, nothing escaped that
// need not be. The same values give the same bytes.
func Encode(values map[string]secret.Value) secret.Value {
	texts := make(map[string]string, len(values))
	for name, value := range values {
		texts[name] = secret.Reveal(value)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(texts); err != nil {
		panic("bucket: a map of strings does not encode") // it always does
	}
	return secret.New(string(bytes.TrimSuffix(out.Bytes(), []byte("\n"))))
}
