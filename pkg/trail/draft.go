package trail

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// draftDrain is the drain that a draft gives a reader: a person knows better.
const draftDrain = "24h"

// Draft returns the consumers that would declare the strangers among these readers, in the manifest's form, for a person
// to look at. Whoever cannot be declared stands there as a remark: a reader names IAM roles.
func Draft(env *manifest.Environment, readers []Reader) string {
	out := strings.Builder{}
	fmt.Fprintf(&out, "# Who reads secrets of %s, and stands in no manifest, by CloudTrail. A draft: what is a service of ECS\n"+
		"# is better declared with ecs, and drain is how long each may go on with what it has read.\n", env.Name)
	taken := map[string]bool{}
	for _, c := range env.Consumers {
		taken[c.Name] = true
	}
	var lines []string
	for _, r := range readers {
		if r.IsStranger() {
			lines = append(lines, formatDraft(env, r, taken))
		}
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return !strings.HasPrefix(strings.TrimSpace(l), "#") }) {
		out.WriteString("consumers: {}\n")
	} else {
		out.WriteString("consumers:\n")
	}
	for _, line := range lines {
		out.WriteString(line)
	}
	return out.String()
}

// formatDraft returns the line that declares a reader, or the remark that it cannot be.
func formatDraft(env *manifest.Environment, r Reader, taken map[string]bool) string {
	kind, name := DescribeSecret(env, r.Secret)
	seen := fmt.Sprintf("%d reads, the last one %s", r.Count, r.Last.UTC().Format(time.DateTime))
	role, is := draftRole(env, r.Principal)
	if !is {
		return fmt.Sprintf("  # %s reads %s %s and is no role, so that no reader can name it: %s\n", r.Principal, kind, name, seen)
	}
	consumer := chooseName(role[strings.LastIndex(role, "/")+1:], name, taken)
	return fmt.Sprintf("  %s: {%s: %s, reader: {roles: [%q], drain: %s}} # %s\n", consumer, kind, name, role, draftDrain, seen)
}

// DescribeSecret returns bucket or source, and the name of the one that has this secret.
func DescribeSecret(env *manifest.Environment, secret string) (kind, name string) {
	if s, is := env.SourceBySecret(secret); is {
		return "source", s.Name
	}
	i := slices.IndexFunc(env.Buckets, func(b manifest.Bucket) bool { return b.Secret == secret })
	return "bucket", env.Buckets[i].Name
}

// draftRole returns how a manifest names a role: one of the environment's account by its name, another one by its ARN.
func draftRole(env *manifest.Environment, principal string) (role string, ok bool) {
	if path, is := strings.CutPrefix(principal, env.IAMARN("role/")); is {
		return path[strings.LastIndex(path, "/")+1:], true
	}
	return principal, strings.HasPrefix(principal, "arn:") && strings.Contains(principal, ":role/")
}

// longestName is how many characters of a role's name the name of a consumer has.
const longestName = 32

var oddInName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`[^a-z0-9]+`)
})

// chooseName returns a name for a consumer that is not taken, and takes it.
func chooseName(role, secret string, taken map[string]bool) string {
	name := strings.Trim(oddInName().ReplaceAllString(strings.ToLower(role), "-"), "-")
	if name == "" || name[0] < 'a' {
		name = strings.TrimSuffix("reader-"+name, "-")
	}
	name = strings.Trim(name[:min(len(name), longestName)], "-")
	if taken[name] {
		name += "-" + strings.Trim(oddInName().ReplaceAllString(strings.ToLower(secret), "-"), "-")
	}
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", strings.TrimSuffix(name, fmt.Sprintf("-%d", n-1)), n)
	}
	taken[name] = true
	return name
}
