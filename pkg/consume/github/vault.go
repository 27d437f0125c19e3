package github

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/pkg/secret"
)

// vault is a set of secrets of a scope that has a public key of its own: those of Actions, or those of Dependabot, which
// are what a workflow gets that Dependabot has started
// (https://docs.github.com/en/code-security/reference/secret-security/understanding-github-secret-types).
type vault struct {
	name       string // stands before the names of its secrets: "" or dependabotPrefix
	path       string
	key        *publicKey
	visibility map[string]string // of an organization's secrets, as they were listed last
}

// dependabotPrefix stands before the name of a Dependabot secret, in receipts and in messages.
const dependabotPrefix = "dependabot:"

// listing returns what listing the vault is called in errors.
func (v *vault) listing() string {
	if v.name == dependabotPrefix {
		return "list Dependabot secrets"
	}
	return "list secrets"
}

// vaultOf returns the vault of a secret, and the secret's own name.
func (s *Scope) vaultOf(name string) (v *vault, own string) {
	if own, is := strings.CutPrefix(name, dependabotPrefix); is {
		return s.dependabot, own
	}
	return s.actions, name
}

// isSecretName reports whether a name can stand in a receipt: that of a secret of either vault.
func isSecretName(name string) bool {
	return wordShape().MatchString(strings.TrimPrefix(name, dependabotPrefix))
}

// asksDependabot reports whether the scope's Dependabot secrets matter: the manifest wants them, or rotary has written
// some before.
func (s *Scope) asksDependabot(r *receipt) bool {
	return s.dependabot != nil && (s.wanted || r != nil && len(r.namesIn(dependabotPrefix)) > 0)
}

// addVault adds the secrets of a vault to those that were found.
func (s *Scope) addVault(ctx context.Context, v *vault, found map[string]time.Time) error {
	more, _, err := s.listVault(ctx, v)
	maps.Copy(found, more)
	return err
}

// addDependabotNames returns values with the same values once more for Dependabot, where the manifest wants that.
func (s *Scope) addDependabotNames(values map[string]secret.Value) map[string]secret.Value {
	if !s.wanted || s.dependabot == nil || values == nil {
		return values
	}
	both := maps.Clone(values)
	for name, value := range values {
		both[dependabotPrefix+name] = value
	}
	return both
}

// namesIn returns the names that rotary owns in a vault, without its prefix, sorted.
func (r receipt) namesIn(prefix string) (names []string) {
	for _, name := range r.ownedNames() {
		own, is := strings.CutPrefix(name, dependabotPrefix)
		if is == (prefix == dependabotPrefix) {
			names = append(names, own)
		}
	}
	return names
}

// explainVaults returns why the vaults are not as the manifest wants them, with the receipt r; "" where they are.
func (s *Scope) explainVaults(r receipt) string {
	has := r.namesIn(dependabotPrefix)
	switch {
	case s.wanted && !slices.Equal(has, r.namesIn("")):
		return "its Dependabot secrets are not all written yet"
	case !s.wanted && len(has) > 0:
		return "its Dependabot secrets, which the manifest does not name any more, are not deleted yet"
	}
	return ""
}
