package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/duration"
	"github.com/rotary-secrets/rotary/pkg/history"
)

// maxLocation is how many characters a location has at most: with a name and a time it fits into the value of a tag.
const maxLocation = 128

// The kinds of locations: what stands before the first colon.
const (
	atECS       = "ecs"
	atECSFamily = "ecs-family"
	atGitHub    = "github"
	atGitHubOrg = "github-org"
	atVercel    = "vercel"
	atReader    = "reader"
)

// Location returns where c runs, or reads, in an environment. Two consumers with the same location are the same thing at
// the sink. It is written with the characters of a tag of AWS, odd ones escaped:
//
//	ecs:CLUSTER/SERVICE              github:OWNER/REPOSITORY[:ENVIRONMENT]   vercel:[TEAM/]PROJECT:TARGET[+TARGET]
//	ecs-family:CLUSTER/FAMILY        github-org:OWNER                        reader:DRAIN:[ROLE+ROLE]
//
// One that would be longer than 128 characters is shortened: MovedTo does not read it, except that of readers, whose
// roles are left out.
func (c Consumer) Location(environment string) string {
	kind := c.chosenKind()
	if kind == nil {
		return ""
	}
	text := kind.formatLocation(environment)
	if len(text) <= maxLocation {
		return text
	}
	if c.Reader != nil {
		return joinLocation(atReader, c.Reader.Drain.String(), "")
	}
	sum := sha256.Sum256([]byte(text))
	before, _, _ := strings.Cut(text, ":")
	return before + ":" + hex.EncodeToString(sum[:16])
}

// MovedTo returns c as it was at another location: the same consumer with another place at the sink. What the location
// does not tell it keeps where it is of the same kind: what it signs in with, how its containers get the bucket. ok is
// false for a location that Location does not write, or has shortened.
func (c Consumer) MovedTo(location, environment string) (moved Consumer, ok bool) {
	name, rest, _ := strings.Cut(location, ":")
	moved = Consumer{Name: c.Name, Bucket: c.Bucket}
	switch name {
	case atECS:
		moved.ECS, ok = c.ECS.movedTo(rest)
	case atECSFamily:
		moved.ECSFamily, ok = c.ECSFamily.movedTo(rest)
	case atGitHub, atGitHubOrg:
		moved.GitHub, ok = c.GitHub.movedTo(name, rest)
	case atVercel:
		moved.Vercel, ok = c.Vercel.movedTo(rest, environment)
	case atReader:
		moved.Reader, ok = readerAt(rest)
	}
	return moved, ok
}

// joinLocation joins the parts of a location. They are escaped already.
func joinLocation(kind string, parts ...string) string {
	return strings.Join(append([]string{kind}, parts...), ":")
}

// joinEscaped escapes words and joins them.
func joinEscaped(separator string, words ...string) string {
	escaped := make([]string, len(words))
	for i, word := range words {
		escaped[i] = history.EscapeTag(word, "")
	}
	return strings.Join(escaped, separator)
}

// splitEscaped is the reverse of joinEscaped; ok is false where the text has not this many words, or an empty one. With
// 0 any number will do.
func splitEscaped(text, separator string, n int) (words []string, ok bool) {
	for part := range strings.SplitSeq(text, separator) {
		word, whole := history.UnescapeTag(part)
		if !whole || word == "" {
			return nil, false
		}
		words = append(words, word)
	}
	return words, n == 0 || len(words) == n
}

func (e *ECS) formatLocation(string) string {
	return joinLocation(atECS, joinEscaped("/", e.Cluster, e.Service))
}

// movedTo keeps how containers get the bucket, and not which: a former service may have other containers. It counts as
// running what its task definition pins at desired count 0 too.
func (e *ECS) movedTo(rest string) (*ECS, bool) {
	moved := ECS{Idle: true}
	if e != nil {
		moved.Task = e.Task.withoutContainers()
	}
	words, ok := splitEscaped(rest, "/", 2)
	if ok {
		moved.Cluster, moved.Service = words[0], words[1]
	}
	return &moved, ok
}

// withoutContainers returns what holds for other task definitions too.
func (t Task) withoutContainers() Task {
	return Task{Inject: t.Inject, Variable: t.Variable, Withdraw: t.Withdraw, DeploysTake: t.DeploysTake}
}

func (f *ECSFamily) formatLocation(string) string {
	return joinLocation(atECSFamily, joinEscaped("/", f.Cluster, f.Family))
}

func (f *ECSFamily) movedTo(rest string) (*ECSFamily, bool) {
	var moved ECSFamily
	if f != nil {
		moved.Task = f.Task.withoutContainers()
	}
	words, ok := splitEscaped(rest, "/", 2)
	if ok {
		moved.Cluster, moved.Family = words[0], words[1]
	}
	return &moved, ok
}

func (g *GitHub) formatLocation(string) string {
	if g.Organization != "" {
		return joinLocation(atGitHubOrg, joinEscaped("/", g.Organization))
	}
	owner, repository, _ := strings.Cut(g.Repository, "/")
	parts := []string{joinEscaped("/", owner, repository)}
	if g.Environment != "" {
		parts = append(parts, joinEscaped("/", g.Environment))
	}
	return joinLocation(atGitHub, parts...)
}

func (g *GitHub) movedTo(kind, rest string) (*GitHub, bool) {
	moved := GitHub{Drain: defaultDrain}
	if g != nil {
		moved.SignIn, moved.Drain = g.SignIn, g.Drain
	}
	if kind == atGitHubOrg {
		words, ok := splitEscaped(rest, "/", 1)
		if ok {
			moved.Organization = words[0]
		}
		return &moved, ok
	}
	repository, environment, has := strings.Cut(rest, ":")
	words, ok := splitEscaped(repository, "/", 2)
	moved.Repository = strings.Join(words, "/")
	if ok && has {
		words, ok = splitEscaped(environment, "/", 1)
		moved.Environment = strings.Join(words, "")
	}
	return &moved, ok
}

func (v *Vercel) formatLocation(environment string) string {
	project := []string{v.Project}
	if v.Team != "" {
		project = []string{v.Team, v.Project}
	}
	targets := slices.Compact(sortedCopy(v.Targets[environment]))
	return joinLocation(atVercel, joinEscaped("/", project...), joinEscaped("+", targets...))
}

func (v *Vercel) movedTo(rest, environment string) (*Vercel, bool) {
	var moved Vercel
	if v != nil {
		moved.SignIn, moved.SkewProtection = v.SignIn, v.SkewProtection
	}
	place, targets, _ := strings.Cut(rest, ":")
	words, ok := splitEscaped(place, "/", 0)
	if !ok || len(words) > 2 {
		return &moved, false
	}
	moved.Project = words[len(words)-1]
	if len(words) == 2 {
		moved.Team = words[0]
	}
	words, ok = splitEscaped(targets, "+", 0)
	moved.Targets = map[string][]string{environment: words}
	return &moved, ok
}

func (d *Reader) formatLocation(string) string {
	return joinLocation(atReader, d.Drain.String(), joinEscaped("+", sortedCopy(d.Roles)...))
}

func readerAt(rest string) (*Reader, bool) {
	drain, roles, has := strings.Cut(rest, ":")
	long, err := duration.Parse(drain)
	moved := Reader{Drain: long}
	if err != nil || !has {
		return &moved, false
	}
	if roles == "" {
		return &moved, true
	}
	var ok bool
	moved.Roles, ok = splitEscaped(roles, "+", 0)
	return &moved, ok
}

// IsSignedIn reports whether c has something to sign in with at its sink, or needs nothing because it is AWS's own.
func (c Consumer) IsSignedIn() bool {
	switch {
	case c.GitHub != nil:
		return c.GitHub.SignIn != (GitHubSignIn{})
	case c.Vercel != nil:
		return c.Vercel.SignIn != (VercelSignIn{})
	}
	return true
}

// LendSignIn returns c with what the first other consumer of its kind signs in with, where there is one.
func (e *Environment) LendSignIn(c Consumer) Consumer {
	for _, other := range e.Consumers {
		switch {
		case other.Kind() != c.Kind() || !other.IsSignedIn() || c.IsSignedIn():
		case c.GitHub != nil:
			lent := *c.GitHub
			lent.SignIn = other.GitHub.SignIn
			c.GitHub = &lent
		case c.Vercel != nil:
			lent := *c.Vercel
			lent.SignIn = other.Vercel.SignIn
			c.Vercel = &lent
		}
	}
	return c
}
