package manifest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// SignIn names the credentials with which rotary itself calls GitHub and Vercel.
type SignIn struct {
	// Of GitHub: a token, or a GitHub App.
	// Example: `{token: GH_TOKEN}`. Refuses: `{app_id: GH_APP_ID}`.
	GitHub GitHubSignIn `yaml:"github,omitempty" json:"github,omitzero"`
	// Of Vercel: a token.
	// Example: `{token: VERCEL_TOKEN}`. Refuses: `{}`.
	Vercel VercelSignIn `yaml:"vercel,omitempty" json:"vercel,omitzero"`
}

// GitHubSignIn is a token, or the id and the private key of a GitHub App.
type GitHubSignIn struct {
	// The canonical key that holds a token.
	// Example: `GH_TOKEN`. Refuses: a token itself, and whatever else is no key, `NOBODY`.
	Token string `yaml:"token,omitempty" json:"token,omitempty"`
	// The canonical key that holds a GitHub App's id.
	// Example: `GH_APP_ID`. Refuses: the id itself, `"4711"`.
	AppID string `yaml:"app_id,omitempty" json:"app_id,omitempty"`
	// The canonical key that holds the GitHub App's private key.
	// Example: `GH_APP_PRIVATE_KEY`. Refuses: a key itself, and whatever else is no key, `NOBODY`.
	PrivateKey string `yaml:"private_key,omitempty" json:"private_key,omitempty"`
}

// VercelSignIn is a token.
type VercelSignIn struct {
	// The canonical key that holds a Vercel token.
	// Example: `VERCEL_TOKEN`. Refuses: a token itself, and whatever else is no key, `NOBODY`.
	Token string `yaml:"token" json:"token"`
}

// Credential returns the canonical key of the token, or of the App's private key.
func (g GitHubSignIn) Credential() string { return cmp.Or(g.Token, g.PrivateKey) }

// listKeys returns the keys of g that are set.
func (g GitHubSignIn) listKeys() []string {
	return slices.DeleteFunc([]string{g.Token, g.AppID, g.PrivateKey}, func(key string) bool { return key == "" })
}

// checkSignIn checks what stands at the top. Whether it is needed, and whether an environment has its keys, is asked for
// each consumer.
func (c checker) checkSignIn() {
	if c.file.SignIn.GitHub != (GitHubSignIn{}) {
		c.checkGitHubSignIn("sign_in.github", c.file.SignIn.GitHub)
	}
	if c.file.SignIn.Vercel != (VercelSignIn{}) {
		c.checkSignInKey("sign_in.vercel.token", c.file.SignIn.Vercel.Token)
	}
}

func (c checker) checkGitHubSignIn(path string, g GitHubSignIn) {
	switch {
	case g.Token != "" && (g.AppID != "" || g.PrivateKey != ""):
		c.add(path, path+" has both a token and an App", "keep token, or app_id and private_key")
	case g.Token == "" && (g.AppID == "" || g.PrivateKey == ""):
		c.add(path, path+" is not complete",
			"name the keys with token: KEY, or with app_id: KEY and private_key: KEY")
	}
	for field, key := range map[string]string{"token": g.Token, "app_id": g.AppID, "private_key": g.PrivateKey} {
		if key != "" {
			c.checkSignInKey(path+"."+field, key)
		}
	}
}

// checkSignInKey reports a key that no source declares. It does not show what was written instead: this is where a token
// gets pasted by mistake.
func (c checker) checkSignInKey(path, key string) {
	if c.requireValue(path, key, "name the canonical key that holds it") && !c.isDeclared(key) {
		c.add(path, path+" is not a key that a source declares",
			"name the canonical key that holds it; its value never stands in this file")
	}
}

// requireHere reports a key, under path, that no source of this environment declares although its consumer is here.
func (c checker) requireHere(path string, keys ...string) {
	for _, key := range keys {
		if _, ok := c.env.SourceOf(key); !ok && c.isDeclared(key) {
			c.add(path, "no source of environment "+Quote(c.env.Name)+" declares key "+Quote(key),
				"declare it there too, or say with in where the consumer is")
		}
	}
}

func (c checker) checkComputed() {
	for _, name := range slices.Sorted(maps.Keys(c.file.Computed)) {
		c.checkComputedNames("computed."+name, c.file.Computed[name])
	}
}

// checkComputedNames reports names that are none. What a sink refuses is asked for each bucket.
func (c checker) checkComputedNames(path string, texts Computed) {
	if len(texts) == 0 {
		c.add(path, path+" is empty", "write it as {NAME: text}")
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if !variableShape.MatchString(name) {
			c.add(joinPath(path, name), Quote(name)+" is not a name for an environment variable",
				"use letters, digits and _, no digit first")
		}
	}
}

// signsIn returns the keys with which rotary signs in at what c is.
func (c Consumer) signsIn() []string {
	switch {
	case c.GitHub != nil:
		return c.GitHub.SignIn.listKeys()
	case c.Vercel != nil && c.Vercel.SignIn.Token != "":
		return []string{c.Vercel.SignIn.Token}
	}
	return nil
}

// SignsInWith returns the consumers that show whether rotary can sign in with what the source holds, sorted by name: one
// for each sign-in that takes a key of it.
func (e *Environment) SignsInWith(s Source) []Consumer {
	var all []Consumer
	asked := map[string]bool{}
	for _, c := range e.Consumers {
		keys := c.signsIn()
		id := c.Kind() + " " + strings.Join(keys, " ")
		if slices.ContainsFunc(keys, s.Declares) && !asked[id] {
			asked[id] = true
			all = append(all, c)
		}
	}
	return all
}

// IsTaken reports whether buckets are computed from the version of s that carries TAKEN: where its target, or what
// rotary signs in to with it, can be asked whether it accepts a version. Nobody writes labels on what AWS rotates.
func (e *Environment) IsTaken(s Source) bool {
	return s.Rotate.Managed == nil && (s.Rotate.IsTested() || len(e.SignsInWith(s)) > 0)
}
