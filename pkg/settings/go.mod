module github.com/rotary-secrets/rotary/pkg/settings

go 1.22
