module github.com/rotary-secrets/rotary/infra

go 1.26.0

require (
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/stretchr/testify v1.11.1 // indirect
	github.com/theory/jsonpath v0.10.2 // indirect
)

require github.com/rotary-secrets/rotary v0.0.0

replace github.com/rotary-secrets/rotary => ../
