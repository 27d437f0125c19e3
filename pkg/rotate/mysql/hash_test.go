package mysql

import (
	"encoding/hex"
	"strings"
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
			if same, known := matchesHash(c.plugin, c.stored, secret.New(c.password)); !same || !known {
				t.Errorf("the password does not match: %v, known %v", same, known)
			}
			if same, _ := matchesHash(c.plugin, c.stored, secret.New(c.password+"x")); same {
				t.Error("another password matches")
			}
		})
	}
}

func TestAHashOfOursIsKnownAgainAndNeverTheSameTwice(t *testing.T) {
	password := secret.New("it's a password")
	first, err := computeHash(cachingSHA2, password)
	second, _ := computeHash(cachingSHA2, password)
	if err != nil || first == second || strings.Trim(first[3:], cryptDigits+"$") != "" {
		t.Errorf("hashes %q and %q, %v", first, second, err)
	}
	if same, known := matchesHash(cachingSHA2, first, password); !same || !known {
		t.Error("it is not known again")
	}
	if _, err := computeHash("ed25519", password); err == nil {
		t.Error("a hash is made up for a plugin that is not known")
	}
	for _, stored := range []string{"", "$A$005$", "$A$0x5$" + first[7:], "$A$000$" + first[7:], "$B$005$" + first[7:], first + "x"} {
		if same, known := matchesHash(cachingSHA2, stored, password); same || known && stored != "" {
			t.Errorf("%q matches: %v, known: %v", stored, same, known)
		}
	}
	if _, known := matchesHash("ed25519", "x", password); known {
		t.Error("a hash is known of a plugin that is not")
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
