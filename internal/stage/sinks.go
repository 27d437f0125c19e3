package stage

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// createSinks creates the repositories and projects that the manifest names, and the tokens that reach them. One token
// may reach several.
func (s *Stage) createSinks() error {
	known := map[string]string{}
	s.Values[""] = known // no source yet: seed finds them there
	for _, c := range s.Env.Consumers {
		switch {
		case c.GitHub != nil:
			if err := s.addRepository(c, known); err != nil {
				return err
			}
		case c.Vercel != nil:
			s.addProjectWithToken(c, known)
		}
	}
	return nil
}

// findToken returns what the source of a key holds, or a new value where it holds none.
func (s *Stage) findToken(key string) string {
	source, _ := s.Env.SourceOf(key)
	values, _, err := bucket.ReadSource(source, s.readCurrent(source.Secret))
	if text := secret.Reveal(values[key]); err == nil && text != "" {
		return text
	}
	return s.config.Canary(key)
}

func (s *Stage) addProjectWithToken(c manifest.Consumer, known map[string]string) {
	if known[c.Vercel.SignIn.Token] == "" {
		known[c.Vercel.SignIn.Token] = s.findToken(c.Vercel.SignIn.Token)
	}
	s.Vercel.AddToken(known[c.Vercel.SignIn.Token], c.Vercel.Team)
	s.addProject(c, known)
}

// Adopt makes the place of a consumer that another manifest has brought: its service, its repository or its project. Tokens
// do not reach it yet.
func (s *Stage) Adopt(ctx context.Context, c manifest.Consumer) error {
	switch {
	case c.GitHub != nil:
		s.makeRepositories(c.GitHub)
		s.Code(c)
	case c.Vercel != nil:
		s.addProject(c, s.Values[""])
	}
	return s.startTasks(ctx, c)
}

// Repositories returns the repositories, and the organizations, that rotary reaches with a key.
func Repositories(env *manifest.Environment, key string) (names []string) {
	for _, c := range env.Consumers {
		if c.GitHub == nil || c.GitHub.SignIn.Credential() != key {
			continue
		}
		names = append(names, ListReaders(c.GitHub)...)
		if c.GitHub.Organization != "" {
			names = append(names, c.GitHub.Organization)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ListReaders returns the repositories whose workflows get what a consumer has: its own, or those of its organization,
// which has one by the name of app where the manifest lists none.
func ListReaders(g *manifest.GitHub) (names []string) {
	if g.Organization == "" {
		return []string{g.Repository}
	}
	for _, name := range g.Repositories.List {
		names = append(names, g.Organization+"/"+name)
	}
	if len(names) == 0 {
		names = []string{g.Organization + "/app"}
	}
	return names
}

// makeRepositories makes the repositories that a consumer's secrets are for, and their organization.
func (s *Stage) makeRepositories(g *manifest.GitHub) {
	if g.Organization != "" {
		s.GitHub.AddOrganization(g.Organization)
	}
	for _, name := range ListReaders(g) {
		s.GitHub.AddRepository(name, g.Environment)
	}
}

func (s *Stage) addRepository(c manifest.Consumer, known map[string]string) error {
	s.makeRepositories(c.GitHub)
	s.Code(c)
	token, all := c.GitHub.SignIn.Credential(), Repositories(s.Env, c.GitHub.SignIn.Credential())
	switch {
	case c.GitHub.SignIn.AppID == "":
		if known[token] == "" {
			known[token] = s.findToken(token)
		}
		s.GitHub.AddToken(known[token], all...)
		return nil
	case known[token] != "":
		return nil
	}
	bits := 2048
	if s.config.InMemory {
		bits = 1024 // many worlds are made, and each pass signs with it
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return fmt.Errorf("make a GitHub App's key: %w", err)
	}
	id := appID(s.Env, c.GitHub.SignIn.AppID)
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	known[token], known[c.GitHub.SignIn.AppID] = string(pem.EncodeToMemory(block)), strconv.FormatInt(id, 10)
	s.GitHub.AddApp(id, &key.PublicKey, all...)
	return nil
}

// appID returns the id of the GitHub App that a key names: 4711 and on.
func appID(env *manifest.Environment, key string) int64 {
	var keys []string
	for _, c := range env.Consumers {
		if c.GitHub != nil && c.GitHub.SignIn.AppID != "" && !slices.Contains(keys, c.GitHub.SignIn.AppID) {
			keys = append(keys, c.GitHub.SignIn.AppID)
		}
	}
	return 4711 + int64(slices.Index(keys, key))
}

func (s *Stage) addProject(c manifest.Consumer, known map[string]string) {
	p := vercel.Project{
		Name: c.Vercel.Project, Team: c.Vercel.Team, RepoID: 1296269, Head: "5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689", Domain: c.Vercel.Project + ".example.com",
	}
	if hook := c.Vercel.DeployHook; hook != "" {
		p.Hook = s.config.Canary(hook)
		known[hook] = s.At.Vercel + "/v1/integrations/deploy/prj_" + p.Name + "/" + url.PathEscape(p.Hook)
	}
	s.Vercel.AddProject(p)
	s.Code(c)
}
