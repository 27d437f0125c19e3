// Package rotary holds the example manifest and its schema, so that rotary demo needs no file.
package rotary

import _ "embed"

// Manifest is rotary.yaml, the article's whole environment.
//
//go:embed rotary.yaml
var Manifest []byte

// Schema is the JSON Schema of rotary.yaml, which internal/schema makes from the types.
//
//go:embed rotary.schema.json
var Schema []byte
