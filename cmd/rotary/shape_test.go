package main

import (
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestTheShapeOfAValue(t *testing.T) {
	pem := func(label string) string {
		return "-----BEGIN " + label + "-----\nc4nary\n-----END " + label + "-----"
	}
	for text, want := range map[string]string{
		"c4nary":                       "6 characters, text",
		"c":                            "1 character, text",
		"pässwörd-c4nary":              "15 characters, text",
		"c4nary and more":              "15 characters, text with white space",
		" c4nary":                      "7 characters, text; white space at an end is part of it",
		`'c4nary'`:                     "8 characters, text; the quotes around it are part of it",
		"postgres://u:c4nary@h/d":      "23 characters, a PostgreSQL URL",
		"postgresql://u@c4nary/d":      "23 characters, a PostgreSQL URL without a password",
		"mysql://u:c4nary@h":           "18 characters, a MySQL URL",
		"https://c4nary.example/hook":  "27 characters, an https URL",
		"c4nary://c4nary/hook":         "20 characters, a URL",
		"c4nary:c4nary":                "13 characters, text",
		`{"c4nary": 1, "b": {"c": 2}}`: "28 characters, JSON with 2 keys",
		`{}`:                           "2 characters, JSON with 0 keys",
		`["c4nary"]`:                   "10 characters, a JSON list of 1",
		"null":                         "4 characters, text",
		"true":                         "4 characters, a truth value",
		"1234":                         "4 characters, a number",
		"AKIAC4NARYC4NARYC4NA":         "20 characters, an AWS access key id",
		"eyJc4nary.eyJc4nary.c4nary":   "26 characters, a JWT",
		pem("PRIVATE KEY"):             "60 characters on 3 lines, a PEM private key",
		pem("RSA PRIVATE KEY") + "\n":  "69 characters on 3 lines, a PEM private key; white space at an end is part of it",
		pem("PUBLIC KEY"):              "58 characters on 3 lines, a PEM public key",
		pem("CERTIFICATE"):             "60 characters on 3 lines, a PEM certificate",
		pem("C4NARY"):                  "50 characters on 3 lines, PEM",
		"-----BEGIN c4nary":            "17 characters, text with white space",
	} {
		got := describeShape(secret.New(text))
		if got != want || strings.Contains(strings.ToLower(got), "c4nary") {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
