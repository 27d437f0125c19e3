// Package envfile reads and writes files of environment variables for the programs that read them. No quoting is read
// alike by all of them, so each value is written in a form that its Reader reads back unchanged, or not at all.
//
// What the readers do was measured on the genuine ones; readers_test.go holds it against them.
package envfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Reader is a program, or a library, that reads files of variables.
type Reader string

// The readers, in the words of the manifest.
const (
	Next     Reader = "next"     // @next/env
	Pydantic Reader = "pydantic" // pydantic-settings, which reads with python-dotenv
	Python   Reader = "python"   // python-dotenv
	Node     Reader = "node"     // node --env-file
	Dotenv   Reader = "dotenv"   // npm's dotenv
	Compose  Reader = "compose"  // env_file and .env of docker compose
	Docker   Reader = "docker"   // docker run --env-file
	Shell    Reader = "shell"    // set -a; . FILE
	Godotenv Reader = "godotenv" // github.com/joho/godotenv

	// Any stands for every reader that knows quotes, but for the shell: what is written for it, all of them read alike.
	Any Reader = ""
)

// alike are the readers that Any stands for.
var alike = []Reader{Next, Pydantic, Node, Dotenv, Compose, Godotenv}

// Readers returns the names of all readers but Any, in the order in which people are told of them.
func Readers() []Reader {
	return []Reader{Next, Pydantic, Python, Node, Dotenv, Compose, Docker, Shell, Godotenv}
}

// String returns the name of r for people.
func (r Reader) String() string {
	switch r {
	case Any:
		return "any reader"
	case Docker:
		return "docker's --env-file"
	case Node:
		return "node's --env-file"
	case Dotenv:
		return "npm's dotenv"
	default:
		return string(r)
	}
}

// NoFormError is the error for a value that a reader would read as another one, however it is written.
type NoFormError struct {
	Name   string // of the variable
	Reader Reader
	What   string // about the value, in words that follow the name
}

// Error returns what is about the value, and who cannot hold it. It does not quote the value.
func (e *NoFormError) Error() string {
	if e.Reader == Any {
		return fmt.Sprintf("%s %s, which not every reader of such files reads alike", e.Name, e.What)
	}
	return fmt.Sprintf("%s %s, which %s cannot hold", e.Name, e.What, e.Reader)
}

// Format returns the text after NAME= with which r reads value, or a *NoFormError.
func (r Reader) Format(name string, value secret.Value) (secret.Value, error) {
	plain := secret.Reveal(value)
	if text, ok := r.findForm(plain); ok && (r != Docker || len(name)+len(text) <= maxLine) {
		return secret.New(text), nil
	}
	return secret.Value{}, &NoFormError{name, r, describeText(plain, r)}
}

// maxLine is the longest name and value in bytes that docker reads: a line of bufio.MaxScanTokenSize, with = and its end.
const maxLine = 64<<10 - 3

// findForm returns the first of r's forms that the grammar of r, or of each reader that it stands for, reads back.
func (r Reader) findForm(value string) (string, bool) {
	if strings.ContainsRune(value, 0) {
		return "", false
	}
	for _, form := range r.listForms() {
		if text, fits := form(value); fits && r.readsBack(text, value) {
			return text, true
		}
	}
	return "", false
}

func (r Reader) readsBack(text, value string) bool {
	if r == Any {
		return !slices.ContainsFunc(alike, func(one Reader) bool { return !one.readsBack(text, value) })
	}
	got, err := r.findGrammar()(text + "\n")
	return err == nil && got.length == len(text) && !got.dynamic && got.value == value
}

// describeText returns what it is about a value that leaves it without a form.
func describeText(value string, r Reader) string {
	var has []string
	add := func(is bool, what string) {
		if is {
			has = append(has, what)
		}
	}
	add(strings.Contains(value, "\n"), "several lines")
	add(strings.Contains(value, "\r"), "a carriage return")
	add(strings.ContainsRune(value, 0), "a NUL")
	add(r == Docker && len(value) > maxLine/2, "a very long line")
	if r != Docker {
		add(strings.Contains(value, "$"), "$")
		add(strings.Contains(value, `\`), `\`)
		for _, q := range []string{`'`, `"`, "`"} {
			add(strings.Contains(value, q), q)
		}
		add(strings.TrimSpace(value) != value, "blanks at an end")
		add(strings.Contains(value, "#"), "#")
	}
	if len(has) == 0 {
		return "has a character"
	}
	if len(has) == 1 {
		return "has " + has[0]
	}
	return "has " + strings.Join(has[:len(has)-1], ", ") + " and " + has[len(has)-1]
}
