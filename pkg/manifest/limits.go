package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// SecretsManager is the kind of sink that every bucket has. The others are the kinds of consumers.
const SecretsManager = "secretsmanager"

// Limit holds the limits of a sink. Zero numbers mean no limit. The limit of a kind of consumer stands in its file.
type Limit struct {
	Label      string   // of the sink, for people
	Count      int      // names in one scope
	ValueBytes int      // one value
	TotalBytes int      // all names and values of one scope together, or all pins
	Pin        int      // > 0: TotalBytes is of pins, and each takes this plus twice its name
	OneCase    bool     // names that differ only in case are one
	Prefixes   []string // names may not start with these, in any case
	Names      []string // names may not be these
}

// Limits returns the rules of one kind of sink: SecretsManager, or a kind of consumer.
func Limits(kind string) Limit {
	if kind == SecretsManager {
		// Secrets Manager user guide, reference_limits: 65,536 bytes of secret value.
		return Limit{Label: "Secrets Manager", TotalBytes: 64 << 10}
	}
	var c Consumer
	setKind[consumerKind](&c, kind)
	return c.Limit()
}

// POSIX: names of environment variables are letters, digits and _, and do not start with a digit.
var variableShape = newShape(`^[A-Za-z_][A-Za-z0-9_]*$`).upTo(255)

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
		return "is a name that " + l.Label + " reserves"
	}
	for _, prefix := range l.Prefixes {
		if strings.HasPrefix(strings.ToUpper(name), prefix) {
			return "starts with " + prefix + ", which " + l.Label + " reserves"
		}
	}
	return ""
}

// RefusesAll returns what the sink refuses about names taken together: too many, or two that are one to it.
func (l Limit) RefusesAll(names []string) []string {
	var out []string
	if l.Count > 0 && len(names) > l.Count {
		out = append(out, fmt.Sprintf("has %d names, and %s takes %d", len(names), l.Label, l.Count))
	}
	folded := map[string]string{}
	for _, name := range slices.Sorted(slices.Values(names)) {
		upper := strings.ToUpper(name)
		if other, taken := folded[upper]; taken && l.OneCase {
			out = append(out, fmt.Sprintf("has %s and %s, which are one name to %s", Quote(other), Quote(name),
				l.Label))
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
				l.Label, l.ValueBytes))
		}
	}
	if l.TotalBytes > 0 && total > l.TotalBytes {
		out = append(out, fmt.Sprintf("takes %d bytes, and %s takes %d", total, l.Label, l.TotalBytes))
	}
	return out
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
