// Package events holds one sample of every event and request that the Lambdas get, as it looks on the wire.
package events

import "embed"

// FS has the samples as JSON files.
//
//go:embed *.json
var FS embed.FS
