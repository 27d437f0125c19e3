package manifest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Source is a Secrets Manager secret that defines values.
type Source struct {
	Name string `yaml:"-" json:"-"`
	// The canonical names that it holds: a list, or a mapping from each to the name under which the secret stores it. A
	// stored name that begins with / is a JSON pointer (RFC 6901).
	// Example: `[STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET]`, or
	// `{STRIPE_SECRET_KEY: api-key, STRIPE_WEBHOOK_SECRET: /webhook/secret}`. Refuses: `[]`, what is no name for a
	// variable, `[stripe-key]`, and a key of another source, `[GH_TOKEN]`.
	Keys Keys `yaml:"keys,omitempty" json:"keys,omitzero"`
	// The canonical name of a secret that is one plain text, instead of keys.
	// Example: `STRIPE_SECRET_KEY`. Refuses: `stripe-key`.
	Text string `yaml:"text,omitempty" json:"text,omitempty"`
	// The keys that are no credential, nor part of one, such as a region.
	// Example: `[STRIPE_REGION]`. Refuses: another source's key, `[GH_TOKEN]`.
	Config []string `yaml:"config,omitempty" json:"config,omitempty"`
	// What a key's value has to be: a word, a /regular expression/, or a call that must accept it.
	// Example: `{STRIPE_SECRET_KEY: "/^sk_/"}`. Refuses: other words, `{STRIPE_SECRET_KEY: uuid}`, and another source's
	// key, `{GH_TOKEN: url}`.
	Check map[string]Check `yaml:"check,omitempty" json:"check,omitempty"`
	// How old its value may become before somebody is reminded.
	// Example: `90d`. Refuses: `90 days`.
	MaxAge Duration `yaml:"max_age,omitempty" json:"max_age,omitempty"`
	// How its credential is replaced. Default: by a person.
	// Example: `{random: {}, every: 30d}`, or `never`. Refuses: `monthly`, and a schedule for a person, `{every: 30d}`.
	Rotate Rotate `yaml:"rotate,omitempty" json:"rotate,omitzero"`
	// The environments that it is in. Default: all.
	// Example: `[dev, production]`. Refuses: `[nowhere]`.
	In []string `yaml:"in,omitempty" json:"in,omitempty"`
	// The name of a secret that exists already. Default: source/{env}/{name}.
	// Example: `legacy/stripe-${env}`. Refuses: `"a secret"`.
	Secret string `yaml:"secret,omitempty" json:"secret,omitempty"`
	// A key without a value is an error, and nothing is written.
	// Example: `true`. Refuses: `"yes"`.
	Required bool `yaml:"required,omitempty" json:"required,omitempty"`
	// Its rotator runs inside the environment's network.
	// Example: `true`. Refuses: `"yes"`.
	Network bool `yaml:"network,omitempty" json:"network,omitempty"`
	// The hosts at which its login may be tried, besides those that it names itself.
	// Example: `[db-1.example.com, "db-2.example.com:5433"]`. Refuses: an address, `["https://db-1.example.com"]`.
	Hosts []string `yaml:"hosts,omitempty" json:"hosts,omitempty"`
	// The sources of the credentials that this one was made from, where no text shows it.
	// Example: `vendors`. Refuses: `nobody`.
	DerivedFrom Names `yaml:"derived_from,omitempty" json:"derived_from,omitempty"`
	// What is done about a leak of its credential. Default: what the environment says.
	// Example: `emergency`. Refuses: `ignore`.
	OnLeak   string `yaml:"on_leak,omitempty" json:"on_leak,omitempty"`
	Existing bool   `yaml:"-" json:"-"` // Secret was written in the manifest: referenced, not created
}

// Keys are the canonical names of a source. Stored has the name under which the secret holds each; nil where these are
// the canonical names themselves.
type Keys struct {
	Names  []string
	Stored map[string]string
}

// KeysOf returns keys that are stored under their canonical names.
func KeysOf(names ...string) Keys { return Keys{Names: names} }

// KeyNames returns the canonical names that s holds.
func (s Source) KeyNames() []string {
	if s.Text != "" {
		return []string{s.Text}
	}
	return s.Keys.Names
}

// Declares reports whether s holds a canonical name.
func (s Source) Declares(key string) bool { return slices.Contains(s.KeyNames(), key) }

// DescribeKeys lists keys of the secret of s for people. One that s does not declare is only counted: it may be a value in
// the wrong place.
func (s Source) DescribeKeys(keys []string) string {
	declared := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !s.Declares(key) })
	if n := len(keys) - len(declared); n > 0 {
		declared = append(declared, fmt.Sprintf("%d that it does not declare", n))
	}
	return strings.Join(declared, ", ")
}

// StoredName returns the name under which the secret of s holds a canonical name: a key of its object, or a JSON
// pointer where it begins with /. A source with Text holds no object.
func (s Source) StoredName(key string) string { return cmp.Or(s.Keys.Stored[key], key) }

// Selects reports whether the secret of s may hold more than s declares: it was there before, or stored names are
// given. What it holds besides is expected, and kept.
func (s Source) Selects() bool { return s.Existing || s.Keys.Stored != nil }

// withNameAndDefaults returns s as an environment sees it.
func (s Source) withNameAndDefaults(name, env string) Source {
	s.Name, s.Existing = name, s.Secret != ""
	s.Secret = cmp.Or(s.Secret, "source/"+env+"/"+name)
	s.Keys.Names, s.In = sortedCopy(s.KeyNames()), sortedCopy(s.In)
	s.Rotate = s.Rotate.withDefaults(s)
	s.Config = sortedCopy(s.Config)
	if kind := s.Rotate.chosenKind(); kind != nil && len(s.Config) == 0 {
		s.Config = slices.Compact(slices.Sorted(slices.Values(kind.listConfig(s))))
	}
	return s
}

func (k *Keys) decodeYAML(r *report, node ast.Node, path string) {
	switch node.(type) {
	case *ast.SequenceNode:
		decodeInto(r, node, path, &k.Names)
	case *ast.MappingNode:
		k.Stored = map[string]string{}
		for _, entry := range r.readEntries(node, path) {
			stored := ""
			decodeInto(r, entry.value, joinPath(path, entry.name), &stored)
			k.Names, k.Stored[entry.name] = append(k.Names, entry.name), stored
		}
	default:
		r.addWrongKind(node, path, "a list or a mapping",
			"write [ONE, TWO], or {ONE: stored-name} where the secret stores them under other names")
	}
}

// IsZero reports whether there are none.
func (k Keys) IsZero() bool { return len(k.Names) == 0 && k.Stored == nil }

// MarshalJSON writes k as the file has it.
func (k Keys) MarshalJSON() ([]byte, error) { return json.Marshal(k.writtenForm()) }

// MarshalYAML writes k as the file has it.
func (k Keys) MarshalYAML() (any, error) { return k.writtenForm(), nil }

func (k Keys) writtenForm() any {
	if k.Stored != nil {
		return k.Stored
	}
	return k.Names
}

// Writes returns the keys of s that its rotator puts new values into, sorted. A person may put any key of a source,
// and a source that a person rotates has none here.
func (s Source) Writes() []string {
	kind := s.Rotate.chosenKind()
	if kind == nil {
		return nil
	}
	keys := slices.DeleteFunc(slices.Clone(kind.listWrites(s)), func(key string) bool { return key == "" })
	slices.Sort(keys)
	return slices.Compact(keys)
}

// storedLike returns the key of s that the secret stores under a name, or "".
func (s Source) storedLike(name string) string {
	for _, key := range s.KeyNames() {
		if s.StoredName(key) == name {
			return key
		}
	}
	return ""
}
