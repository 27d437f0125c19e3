package mysql

import (
	"encoding/hex"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// The vectors are published: MySQL's manual (PASSWORD('mypass')), and hashcat's list of example hashes, mode 7401.
func TestHashesAreThoseTheServersKeep(t *testing.T) {
	for _, c := range []struct{ name, plugin, password, stored string }{
		{"native", native, "mypass", "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4"},
		{"native, no password", native, "", ""},
		{"caching_sha2", cachingSHA2, "hashcat", "$A$005$" + unhex(t, "F9CC98CE08892924F50A213B6BC571A2C11778C5") +
			unhex(t, "625479393559393965414D45316477456B484F41316E64484742577A2E3162785353526B7554584647562F")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if same, known := matches(c.plugin, c.stored, secret.New(c.password)); !same || !known {
				t.Errorf("the password does not match: %v, known %v", same, known)
			}
			if same, _ := matches(c.plugin, c.stored, secret.New(c.password+"x")); same {
				t.Error("another password matches")
			}
		})
	}
}

func unhex(t *testing.T, digits string) string {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
