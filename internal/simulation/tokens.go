package simulation

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strconv"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// toSinks reports whether rotary comes to a sink with what a key holds: a token, an App's key or id, a deploy hook.
func (w *World) toSinks(key string) bool {
	for _, c := range w.Env.Consumers {
		if c.GitHub != nil && (c.GitHub.SignIn.Credential() == key || c.GitHub.SignIn.AppID == key) || c.Vercel != nil && (c.Vercel.SignIn.Token == key || c.Vercel.DeployHook == key) {
			return true
		}
	}
	return false
}

// reissueToken replaces a key of the sinks' among the values of its source. The first one they know already.
func (w *World) reissueToken(key string, values map[string]secret.Value) {
	if _, has := values[key]; !has {
		return
	}
	if value := w.issueToken(key); value != "" {
		w.Targets.Accept(stage.Target(w.Env, key), value)
		values[key] = secret.New(value)
	}
}

// issueToken returns another credential that the sinks accept for a key of theirs, beside the one before; an App has one
// key at a time here. Ids and hooks stay: for these it returns "".
func (w *World) issueToken(key string) string {
	value := ""
	for _, c := range w.Env.Consumers {
		switch {
		case c.GitHub != nil && c.GitHub.SignIn.Credential() == key && c.GitHub.SignIn.AppID != "" && value == "":
			value = w.appKey(c)
		case c.GitHub != nil && c.GitHub.SignIn.Credential() == key && c.GitHub.SignIn.AppID == "" && value == "":
			value = w.makeCanary()
			w.GitHub.AddToken(value, stage.Repositories(w.Env, key)...)
		case c.Vercel != nil && c.Vercel.SignIn.Token == key:
			if value == "" {
				value = w.makeCanary()
			}
			w.Vercel.AddToken(value, c.Vercel.Team)
		}
	}
	return value
}

// appKey gives a GitHub App another private key: a short one, because it guards nothing.
func (w *World) appKey(c manifest.Consumer) string {
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // it guards nothing
	if err != nil {
		w.noteViolation("make an App's key: %v", err)
		return ""
	}
	source, _ := w.Env.SourceOf(c.GitHub.SignIn.AppID)
	id, _ := strconv.ParseInt(secret.Reveal(w.readSource(source)[c.GitHub.SignIn.AppID]), 10, 64)
	w.GitHub.AddApp(id, &key.PublicKey, stage.Repositories(w.Env, c.GitHub.SignIn.Credential())...)
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// dismissed makes the sinks refuse a token.
func (w *World) dismissed(key, value string) {
	if !w.toSinks(key) {
		return
	}
	w.GitHub.RevokeToken(value)
	w.Vercel.RevokeToken(value)
}
