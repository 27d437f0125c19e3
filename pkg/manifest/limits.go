package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// SecretsManager is the kind of sink that every bucket has. The others are the kinds of consumers.
const SecretsManager = "secretsmanager"

// Limit holds the limits of a sink. Zero numbers mean no limit. All of it stands in Limits and nowhere else.
type Limit struct {
	Kind       string
	Count      int      // names in one scope
	ValueBytes int      // one value
	TotalBytes int      // all names and values of one scope together, or all pins
	Pin        int      // > 0: TotalBytes is of pins, and each takes this plus twice its name
	OneCase    bool     // names that differ only in case are one
	Prefixes   []string // names may not start with these, in any case
	Names      []string // names may not be these
}

// Limits returns the rules of one kind of sink: secretsmanager, ecs, ecs_family, github, vercel or reader.
func Limits(kind string) Limit {
	switch kind {
	case SecretsManager:
		// Secrets Manager user guide, reference_limits: 65,536 bytes of secret value.
		return Limit{Kind: kind, TotalBytes: 64 << 10}
	case "ecs", "ecs_family":
		// ECS: a task definition is at most 64 KiB (service-quotas), about 270 pins of the form
		// {"name":N,"valueFrom":"arn:…:secret:NAME-AbCdEf:N::VERSION"}. The agent sets the names with these
		// prefixes itself (task metadata and task role credentials).
		return Limit{
			Kind: kind, Count: 270, TotalBytes: 64 << 10, Pin: 160,
			Prefixes: []string{"ECS_", "AWS_CONTAINER_"}, Names: []string{"AWS_EXECUTION_ENV"},
		}
	case "github":
		// docs.github.com, Actions secrets reference: 48 KB for each secret, 100 in a repository and in an
		// environment, [A-Za-z0-9_], no leading digit, not GITHUB_, stored in upper case.
		return Limit{Kind: kind, Count: 100, ValueBytes: 48_000, OneCase: true, Prefixes: []string{"GITHUB_"}}
	case "vercel":
		// vercel.com/docs/environment-variables: 64 KB for all variables of a deployment, names and values, and 1,000
		// in one target; …/reserved-environment-variables (Lambda's own). VERCEL_* are the platform's system variables.
		return Limit{
			Kind: kind, Count: 1000, TotalBytes: 64_000, Prefixes: []string{"VERCEL_", "AWS_LAMBDA_"},
			Names: []string{"VERCEL", "AWS_SECRET_KEY", "AWS_EXECUTION_ENV", "NOW_REGION", "TZ", "LAMBDA_TASK_ROOT",
				"LAMBDA_RUNTIME_DIR"},
		}
	}
	return Limit{Kind: kind}
}

// POSIX: names of environment variables are letters, digits and _, and do not start with a digit.
var variableShape = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)

// startNames change how a process starts, or what it runs. No bucket may set one.
func startNames() []string {
	return []string{
		"PATH", "HOME", "SHELL", "IFS", "ENV", "BASH_ENV", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT",
		"DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", "NODE_OPTIONS", "PYTHONPATH", "PYTHONSTARTUP", "PERL5OPT",
		"RUBYOPT", "JAVA_TOOL_OPTIONS", "GIT_SSH_COMMAND",
	}
}

// Refuses returns why the sink refuses a name, in words that follow it, or "". It also has the rules that every
// sink shares.
func (l Limit) Refuses(name string) string {
	switch {
	case !variableShape.MatchString(name):
		return "is not a name for an environment variable (letters, digits and _, no digit first)"
	case slices.Contains(startNames(), name):
		return "changes how a process starts"
	case slices.Contains(l.Names, name):
		return "is a name that " + sinkLabel(l.Kind) + " reserves"
	}
	for _, prefix := range l.Prefixes {
		if strings.HasPrefix(strings.ToUpper(name), prefix) {
			return "starts with " + prefix + ", which " + sinkLabel(l.Kind) + " reserves"
		}
	}
	return ""
}

// RefusesAll returns what the sink refuses about names taken together: too many, or two that are one to it.
func (l Limit) RefusesAll(names []string) []string {
	var out []string
	if l.Count > 0 && len(names) > l.Count {
		out = append(out, fmt.Sprintf("has %d names, and %s takes %d", len(names), sinkLabel(l.Kind), l.Count))
	}
	folded := map[string]string{}
	for _, name := range slices.Sorted(slices.Values(names)) {
		upper := strings.ToUpper(name)
		if other, taken := folded[upper]; taken && l.OneCase {
			out = append(out, fmt.Sprintf("has %s and %s, which are one name to %s", Quote(other), Quote(name),
				sinkLabel(l.Kind)))
		}
		folded[upper] = name
	}
	return out
}

// RefusesSizes returns what the sink refuses about the sizes of values, given by name. The size of a whole secret
// is checked against TotalBytes by whoever encodes it.
func (l Limit) RefusesSizes(sizes map[string]int) []string {
	var out []string
	total := 0
	names := make([]string, 0, len(sizes))
	for name, size := range sizes {
		names = append(names, name)
		total += len(name) + size
		if l.Pin > 0 {
			total += l.Pin + len(name) - size
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if l.ValueBytes > 0 && sizes[name] > l.ValueBytes {
			out = append(out, fmt.Sprintf("has %s with %d bytes, and %s takes %d", Quote(name), sizes[name],
				sinkLabel(l.Kind), l.ValueBytes))
		}
	}
	if l.TotalBytes > 0 && total > l.TotalBytes {
		out = append(out, fmt.Sprintf("takes %d bytes, and %s takes %d", total, sinkLabel(l.Kind), l.TotalBytes))
	}
	return out
}

func sinkLabel(kind string) string {
	switch kind {
	case SecretsManager:
		return "Secrets Manager"
	case "ecs", "ecs_family":
		return "an ECS task definition"
	case "github":
		return "GitHub"
	case "vercel":
		return "Vercel"
	}
	return kind
}

// BrowserPrefix returns the prefix by which a web framework builds a variable into its pages, or "".
//
// Next.js, Vite, Create React App, SvelteKit and Astro, Expo, Nuxt, Gatsby, Vue CLI.
func BrowserPrefix(name string) string {
	for _, prefix := range []string{"NEXT_PUBLIC_", "VITE_", "REACT_APP_", "PUBLIC_", "EXPO_PUBLIC_", "NUXT_PUBLIC_",
		"GATSBY_", "VUE_APP_"} {
		if strings.HasPrefix(name, prefix) {
			return prefix
		}
	}
	return ""
}
