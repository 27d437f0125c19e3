package github

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	gh "github.com/google/go-github/v92/github"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// authenticateClient returns base with what provides its token: a personal access token, or, where appID is not empty,
// an App's installation token, for which token is the App's private key.
func authenticateClient(
	base client, at installation, token secret.Value, appID string, now func() time.Time,
) (*client, error) {
	if strings.TrimSpace(secret.Reveal(token)) == "" {
		return nil, errors.New("its token is empty")
	}
	if appID == "" {
		token = secret.New(strings.TrimSpace(secret.Reveal(token)))
		base.token = func(context.Context) (secret.Value, error) { return token, nil }
		return &base, nil
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(secret.Reveal(token)))
	if err != nil {
		return nil, errors.New("the App's private key is not an RSA key in PEM")
	}
	a := &app{id: appID, key: key, at: at, now: now, client: base}
	a.client.token = a.signJWT
	base.token = a.fetchInstallationToken
	return &base, nil
}

// installation is where a GitHub App has to be installed: at a repository, whose name its token is then limited to, or at
// an organization, whose token reaches every repository of the installation.
type installation struct{ path, repository string }

// installation returns where an App has to be installed for the scope.
func (s *Scope) installation() installation {
	if s.owner != nil {
		return installation{path: s.owner.path}
	}
	_, name, _ := strings.Cut(strings.TrimPrefix(s.repository, "repos/"), "/")
	return installation{s.repository, name}
}

// app exchanges a GitHub App's key for a token that one repository, or an organization, accepts for an hour. Source:
// https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
type app struct {
	id     string
	key    *rsa.PrivateKey
	at     installation
	now    func() time.Time
	client client

	token   secret.Value
	expires time.Time
}

// signJWT returns a JWT that is valid for a few minutes. It is dated back a minute, in case the clocks differ.
func (a *app) signJWT(context.Context) (secret.Value, error) {
	claims := jwt.RegisteredClaims{
		Issuer:    a.id,
		IssuedAt:  jwt.NewNumericDate(a.now().Add(-time.Minute)),
		ExpiresAt: jwt.NewNumericDate(a.now().Add(5 * time.Minute)),
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(a.key)
	if err != nil {
		return secret.Value{}, errors.New("the App's private key does not sign")
	}
	return secret.New(signed), nil
}

// fetchInstallationToken returns a token that is valid for at least five more minutes.
func (a *app) fetchInstallationToken(ctx context.Context) (secret.Value, error) {
	if a.now().Add(5 * time.Minute).Before(a.expires) {
		return a.token, nil
	}
	var installed gh.Installation
	if _, err := a.client.callAPI(ctx, request{
		doing: "find the App's installation", method: http.MethodGet,
		path: a.at.path + "/installation", out: &installed,
	}); err != nil {
		return secret.Value{}, err
	}
	var limit gh.InstallationTokenOptions
	if a.at.repository != "" {
		limit.Repositories = []string{a.at.repository}
	}
	var out gh.InstallationToken
	if _, err := a.client.callAPI(ctx, request{
		doing: "get an installation token", method: http.MethodPost,
		path: fmt.Sprintf("app/installations/%d/access_tokens", installed.GetID()),
		in:   limit, out: &out,
	}); err != nil {
		return secret.Value{}, err
	}
	a.token, a.expires = secret.New(out.GetToken()), out.GetExpiresAt().Time
	return a.token, nil
}
