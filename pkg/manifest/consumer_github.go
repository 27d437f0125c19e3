package manifest

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// GitHub is the Actions secrets of a repository, of one of its environments, or of an organization.
type GitHub struct {
	// owner/name.
	// Example: `example/app`. Refuses: `app`.
	Repository string `yaml:"repository,omitempty" json:"repository,omitempty"`
	// The repository's environment. Default: the repository's own secrets.
	// Example: `production`. Refuses: `[production]`.
	Environment string `yaml:"environment,omitempty" json:"environment,omitempty"`
	// The organization whose secrets they are, instead of a repository.
	// Example: `example`. Refuses: `example/app`.
	Organization string `yaml:"organization,omitempty" json:"organization,omitempty"`
	// What rotary signs in with. Default: sign_in at the top.
	// Example: `{token: GH_TOKEN}`. Refuses: `{app_id: GH_APP_ID}`.
	SignIn GitHubSignIn `yaml:"sign_in,omitempty" json:"sign_in,omitzero"`
	// How long a workflow run that started before a change may go on. Default: 6h.
	// Example: `12h`. Refuses: `long`.
	Drain Duration `yaml:"drain,omitempty" json:"drain,omitempty"`
	// Existing secrets that rotary takes over.
	// Example: `[VENDOR_A_API_KEY]`. Refuses: what the bucket has not, `[NOBODY]`.
	Adopt []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`
}

// defaultDrain is how long a workflow run that started before a change may go on: a GitHub-hosted job ends after six
// hours.
const defaultDrain = Duration(6 * time.Hour)

var (
	repositoryShape   = newShape(`^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$`)
	organizationShape = newShape(`^[A-Za-z0-9-]+$`).upTo(39)
	ownEnvironment    = newShape(`^[^\x00-\x1f\x7f]{1,255}$`)
)

// isPathStep reports whether a name would be a step in the path of an address: . itself, or .. between slashes.
func isPathStep(name string) bool {
	return name == "." || slices.Contains(strings.Split(name, "/"), "..")
}

// docs.github.com, Actions secrets reference: 48 KB for each secret, 100 in a repository and in an environment,
// [A-Za-z0-9_], no leading digit, not GITHUB_, stored in upper case.
func (g *GitHub) sinkLimit() Limit {
	return Limit{Label: "GitHub", Count: 100, ValueBytes: 48_000, OneCase: true, Prefixes: []string{"GITHUB_"}}
}

func (g *GitHub) withDefaults(_ Consumer, signIn SignIn) consumerKind {
	out := *g
	out.Drain = cmp.Or(out.Drain, defaultDrain)
	if out.SignIn == (GitHubSignIn{}) {
		out.SignIn = signIn.GitHub
	}
	return &out
}

// listScopes returns one scope. GitHub does not tell upper from lower case.
func (g *GitHub) listScopes(*Environment) []string {
	if g.Organization != "" {
		return []string{strings.ToLower("github-org " + g.Organization)}
	}
	return []string{strings.ToLower("github " + g.Repository + " " + g.Environment)}
}

func (g *GitHub) checkNamed(r *report, path string, consumer Consumer, all []*Environment) {
	r.checkHas(path+".adopt", consumer.Bucket, g.Adopt, all)
}

func (g *GitHub) checkConsumer(c checker, path string, _ Consumer) {
	switch {
	case g.Organization != "" && (g.Repository != "" || g.Environment != ""):
		c.add(path+".organization", path+" names both an organization and a repository", "keep one of them")
	case g.Organization != "" && !organizationShape.MatchString(g.Organization):
		c.add(path+".organization", path+".organization is not an organization", "write its name")
	case g.Organization != "":
		c.addUnbuilt(c.env.Name, path+".organization", path+".organization: secrets of organizations are not written yet",
			"name repositories, a consumer each")
	case !repositoryShape.MatchString(g.Repository) || strings.HasSuffix(g.Repository, "/.") || isPathStep(g.Repository):
		c.add(path+".repository", path+".repository is not a repository", "write owner/name")
	}
	if g.Environment != "" && (isPathStep(g.Environment) || !ownEnvironment.MatchString(g.Environment)) {
		c.add(path+".environment", path+".environment is not the name of an environment",
			"write it as the repository's settings show it: up to 255 characters, and no steps like ..")
	}
	switch {
	case g.SignIn != (GitHubSignIn{}):
		c.checkGitHubSignIn(path+".sign_in", g.SignIn)
		c.requireHere(path+".sign_in", g.SignIn.listKeys()...)
	case c.file.SignIn.GitHub == (GitHubSignIn{}):
		c.add(path, path+" has nothing to sign in with",
			"name the keys at the top: sign_in: {github: {token: KEY}}, or {app_id: KEY, private_key: KEY} for an App")
	default:
		c.requireHere(path, c.file.SignIn.GitHub.listKeys()...)
	}
}
