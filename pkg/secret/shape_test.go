package secret_test

import (
	"testing"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestACredentialIsToldFromAName(t *testing.T) {
	for _, text := range []string{
		"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "github_pat_11ABCDEFG0abcdefghij_x", "glpat-abcdefghijklmnopqrst",
		"sk_live_abcdefghijkl", "rk_test_4eC39HqLyjWDarjtT1zdp7dc", "xoxb-1234567890-abc", "npm_abcdefghijklmnop", "AKIAIOSFODNN7EXAMPLE",
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "q7Zk3uX9bT2mLw8RvN5cYdJ4hGf6sApE1KoViQxWzB0",
		"MY_KEY_9f86d081884c7d659a2f",
	} {
		if !secret.LooksLike(text) {
			t.Errorf("%s is taken for a name", text)
		}
	}
	for _, text := range []string{
		"", "api", "MY_APP__OTEL__OTEL_INGESTION_KEY", "S3_AWS_SECRET_ACCESS_KEY", "npm_config_registry", "worker-a-secrets",
		"MyApplicationHandshakeKey2", "AKIA", "0dd2d3cb", "7b0c2d1e-4c5f-4a86-9a0f-2f1f0c9b7a11", "subnet-0d1a0d1a",
		"OAUTH2CLIENTCREDENTIALS", "sk_live_key", "production20261129eucentral1",
	} {
		if secret.LooksLike(text) {
			t.Errorf("%s is taken for a credential", text)
		}
	}
}
