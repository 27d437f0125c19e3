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
	// Who sees a secret that rotary makes for an organization: repositories by their names, or all, or private, which is
	// its private and internal ones. A secret that is there keeps what it has. An organization needs it.
	// Example: `private`. Refuses: `example/app`.
	Repositories RepositoryAccess `yaml:"repositories,omitempty" json:"repositories,omitzero"`
	// Write the Dependabot secrets of the repository, or of the organization, too: workflows that Dependabot starts see no
	// others. An environment has none.
	// Example: `true`. Refuses: `"yes"`.
	Dependabot bool `yaml:"dependabot,omitempty" json:"dependabot,omitempty"`
	// What rotary signs in with. Default: sign_in at the top.
	// Example: `{token: GH_TOKEN}`. Refuses: `{app_id: GH_APP_ID}`.
	SignIn GitHubSignIn `yaml:"sign_in,omitempty" json:"sign_in,omitzero"`
	// How long a workflow run that started before a change may go on. Default: 6h.
	// Example: `12h`. Refuses: `long`.
	Drain Duration `yaml:"drain,omitempty" json:"drain,omitempty"`
	// Existing secrets that rotary adopt may take over. Until it is asked they stay as they are.
	// Example: `[VENDOR_A_API_KEY]`. Refuses: what the bucket has not, `[NOBODY]`.
	Adopt []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`
}

// RepositoryAccess is which of an organization's repositories see a secret: those with a visibility, or a list.
type RepositoryAccess struct {
	Visibility string   // all or private; "" for List
	List       []string // names, without their owner
}

// The visibilities of an organization's secret, in GitHub's words (selected_repository_ids goes with selected;
// https://docs.github.com/en/rest/actions/secrets#create-or-update-an-organization-secret).
const (
	VisibleToAll      = "all"
	VisibleToPrivate  = "private"
	VisibleToSelected = "selected"
)

// IsZero reports whether the manifest says nothing.
func (a RepositoryAccess) IsZero() bool { return a.Visibility == "" && len(a.List) == 0 }

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

// listScopes returns a scope, and one for Dependabot. GitHub does not tell upper from lower case.
func (g *GitHub) listScopes(*Environment) []string {
	scope, place := "github "+g.Repository+" "+g.Environment, g.Repository
	if g.Organization != "" {
		scope, place = "github-org "+g.Organization, g.Organization
	}
	scopes := []string{strings.ToLower(scope)}
	if g.Dependabot {
		scopes = append(scopes, strings.ToLower("github-dependabot "+place))
	}
	return scopes
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
	case !repositoryShape.MatchString(g.Repository) || strings.HasSuffix(g.Repository, "/.") || isPathStep(g.Repository):
		c.add(path+".repository", path+".repository is not a repository", "write owner/name")
	}
	if g.Environment != "" && (isPathStep(g.Environment) || !ownEnvironment.MatchString(g.Environment)) {
		c.add(path+".environment", path+".environment is not the name of an environment",
			"write it as the repository's settings show it: up to 255 characters, and no steps like ..")
	}
	g.checkAccess(c, path+".repositories")
	if g.Dependabot && g.Environment != "" {
		c.add(path+".dependabot", path+".dependabot: an environment has no Dependabot secrets",
			"write it at a consumer of the repository itself")
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

// repositoryName matches the name of a repository, without its owner.
var repositoryName = newShape(`^[A-Za-z0-9._-]{1,100}$`)

// checkAccess reports what is wrong with the repositories that see a new secret.
func (g *GitHub) checkAccess(c checker, path string) {
	switch a := g.Repositories; {
	case g.Organization == "" && !a.IsZero():
		c.add(path, path+" is for an organization's secrets", "remove it, or name the organization")
	case g.Organization != "" && a.IsZero():
		c.add(path, path+" is missing: nobody knows which repositories may see the secrets",
			"write all, private, or a list of repositories")
	case a.Visibility != "":
		c.requireOneOf(path, a.Visibility, VisibleToAll, VisibleToPrivate)
	default:
		c.requireUnique(path, a.List)
		for i, name := range a.List {
			if !repositoryName.MatchString(name) || isPathStep(name) {
				c.add(indexPath(path, i), path+" has what is not the name of a repository", "write it without its owner")
			}
		}
	}
}
