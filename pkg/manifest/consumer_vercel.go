package manifest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/duration"
)

// Vercel is the environment variables of a project.
type Vercel struct {
	// The name of the project.
	// Example: `dashboard`. Refuses: `""`.
	Project string `yaml:"project" json:"project"`
	// The team that owns the project. Default: the owner of the token.
	// Example: `acme`. Refuses: `[acme]`.
	Team string `yaml:"team,omitempty" json:"team,omitempty"`
	// What rotary signs in with. Default: sign_in at the top.
	// Example: `{token: VERCEL_TOKEN}`. Refuses: `{token: NOBODY}`.
	SignIn VercelSignIn `yaml:"sign_in,omitempty" json:"sign_in,omitzero"`
	// From an environment to its Vercel targets.
	// Example: `{dev: [development, preview], production: [production]}`. Refuses:
	// `{dev: [staging], production: [production]}`, and an environment of the consumer without any, `{dev: [preview]}`.
	Targets map[string][]string `yaml:"targets" json:"targets"`
	// Names that the platform sets itself on previews.
	// Example: `[VENDOR_A_API_KEY]`. Refuses: a name twice, `[VENDOR_A_API_KEY, VENDOR_A_API_KEY]`.
	ExcludeFromPreview []string `yaml:"exclude_from_preview,omitempty" json:"exclude_from_preview,omitempty"`
	// always: nobody can read the variables again. Default: in protected environments only.
	// Example: `always`. Refuses: `never`.
	Sensitive string `yaml:"sensitive,omitempty" json:"sensitive,omitempty"`
	// The canonical key that holds a deploy hook's URL.
	// Example: `VERCEL_DEPLOY_HOOK`. Refuses: the address itself,
	// `"https://api.vercel.com/v1/integrations/deploy/prj_1/x"`.
	DeployHook string `yaml:"deploy_hook,omitempty" json:"deploy_hook,omitempty"`
	// For how long Skew Protection serves a deployment after another one has replaced it, or off: what holds where the
	// project's own answer does not say. Without it, such a project keeps old credentials alive.
	// Example: `12h`. Refuses: `long`.
	SkewProtection string `yaml:"skew_protection,omitempty" json:"skew_protection,omitempty"`
	// Existing variables that rotary adopt may take over. Until it is asked they stay as they are.
	// Example: `[VENDOR_A_API_KEY]`. Refuses: what the bucket has not, `[NOBODY]`.
	Adopt []string `yaml:"adopt,omitempty" json:"adopt,omitempty"`
}

var (
	projectShape = newShape(`^[A-Za-z0-9._-]+$`).upTo(100) // its id too
	teamShape    = newShape(`^[A-Za-z0-9_-]+$`).upTo(100)
)

// vercel.com/docs/environment-variables: 64 KB for all variables of a deployment, names and values, and 1,000 in one
// target; …/reserved-environment-variables (Lambda's own). VERCEL_* are the platform's system variables.
func (v *Vercel) sinkLimit() Limit {
	return Limit{
		Label: "Vercel", Count: 1000, TotalBytes: 64_000, Prefixes: []string{"VERCEL_", "AWS_LAMBDA_"},
		Names: []string{"VERCEL", "AWS_SECRET_KEY", "AWS_EXECUTION_ENV", "NOW_REGION", "TZ", "LAMBDA_TASK_ROOT",
			"LAMBDA_RUNTIME_DIR"},
	}
}

func (v *Vercel) withDefaults(_ Consumer, signIn SignIn) consumerKind {
	out := *v
	if out.SignIn == (VercelSignIn{}) {
		out.SignIn = signIn.Vercel
	}
	return &out
}

// listScopes returns a scope for each target, which ends in the team. Without one, it may be any: see findClaim.
func (v *Vercel) listScopes(e *Environment) (scopes []string) {
	for _, target := range slices.Compact(sortedCopy(v.Targets[e.Name])) {
		scopes = append(scopes, strings.Join([]string{"vercel", v.Project, target, cmp.Or(v.Team, anyOf)}, " "))
	}
	return scopes
}

func (v *Vercel) checkNamed(r *report, path string, consumer Consumer, all []*Environment) {
	r.checkHas(path+".adopt", consumer.Bucket, v.Adopt, all)
	r.requireUnique(path+".exclude_from_preview", v.ExcludeFromPreview)
}

func (v *Vercel) checkConsumer(c checker, path string, consumer Consumer) {
	if c.requireValue(path+".project", v.Project, "name the project") &&
		(!projectShape.MatchString(v.Project) || isPathStep(v.Project)) {
		c.add(path+".project", path+".project is not the name of a project", "write its name, or its id")
	}
	if v.Team != "" && !teamShape.MatchString(v.Team) {
		c.add(path+".team", path+".team is not a team", "write the last part of its address, or its id")
	}
	switch {
	case v.SignIn != (VercelSignIn{}):
		c.checkSignInKey(path+".sign_in.token", v.SignIn.Token)
		c.requireHere(path+".sign_in.token", v.SignIn.Token)
	case c.file.SignIn.Vercel == (VercelSignIn{}):
		c.add(path, path+" has nothing to sign in with",
			"name the key that holds a token at the top: sign_in: {vercel: {token: KEY}}")
	default:
		c.requireHere(path, c.file.SignIn.Vercel.Token)
	}
	if v.DeployHook != "" {
		c.checkSignInKey(path+".deploy_hook", v.DeployHook)
		c.requireHere(path+".deploy_hook", v.DeployHook)
	}
	if v.Sensitive != "" {
		c.requireOneOf(path+".sensitive", v.Sensitive, "always")
	}
	if _, stated := v.AssumedSkewProtection(); v.SkewProtection != "" && !stated {
		c.add(path+".skew_protection", path+".skew_protection is no duration",
			"write off, or the project's maximum age, such as 12h")
	}
	v.checkTargets(c, path+".targets", consumer)
}

// skewProtectionOff is the word for a project without Skew Protection.
const skewProtectionOff = "off"

// AssumedSkewProtection returns for how long a deployment is served after it was replaced where the project does not say,
// 0 for never; stated is false where the manifest does not say either.
func (v *Vercel) AssumedSkewProtection() (age time.Duration, stated bool) {
	if v.SkewProtection == skewProtectionOff {
		return 0, true
	}
	d, err := duration.Parse(v.SkewProtection)
	return d.Std(), err == nil
}

func (v *Vercel) checkTargets(c checker, path string, consumer Consumer) {
	if len(v.Targets[c.env.Name]) == 0 {
		c.add(path, path+" has none for environment "+Quote(c.env.Name),
			"list its targets, or say with in where the consumer is")
	}
	for _, name := range slices.Sorted(maps.Keys(v.Targets)) {
		at := joinPath(path, name)
		if !keyIn(c.written.Environments)(name) || !isIn(consumer.In, name) {
			c.add(at, path+" names "+Quote(name)+", where this consumer is not", "name environments of the consumer")
		}
		c.requireUnique(at, v.Targets[name])
		for i, target := range v.Targets[name] {
			c.requireOneOf(indexPath(at, i), target, "development", "preview", "production")
		}
	}
}
