package simulation

import (
	"maps"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/vercel"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// listReach returns what people do that changes who gets what rotary has written.
func listReach() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{"skew": setSkewProtection, "select": selectRepositories, "share": shareRepositories}
}

// setSkewProtection sets for how long Vercel serves a deployment of a project after another one has replaced it. It is
// done before anything else: what was replaced before would be served again.
func setSkewProtection(w *World, args []string) error {
	c, err := w.findConsumer(args, isVercel)
	if err != nil || w.fleet != nil {
		return errNotNow
	}
	age, err := time.ParseDuration(args[1])
	if err == nil {
		w.Vercel.SetSkewProtection(c.Vercel.Project, vercel.Skew{MaxAge: age})
	}
	return err
}

// selectRepositories takes every secret of an organization from all but the first of the repositories that the manifest
// names, as an owner does.
func selectRepositories(w *World, args []string) error {
	return w.selectReaders(args, true)
}

// shareRepositories gives them back.
func shareRepositories(w *World, args []string) error {
	return w.selectReaders(args, false)
}

func (w *World) selectReaders(args []string, narrow bool) error {
	c, err := w.findConsumer(args, func(c manifest.Consumer) bool { return isGitHub(c) && c.GitHub.Organization != "" })
	if err != nil || w.fleet != nil {
		return errNotNow
	}
	readers := stage.ListReaders(c.GitHub)
	if narrow {
		readers = readers[:1]
	}
	w.narrowed = map[string]bool{}
	for _, dependabot := range []bool{false, true} {
		for name := range w.GitHub.OrganizationSecrets(c.GitHub.Organization, dependabot) {
			w.GitHub.SelectRepositories(c.GitHub.Organization, dependabot, name, manifest.VisibleToSelected, readers...)
			if narrow {
				w.narrowed[name] = true
			}
		}
	}
	return nil
}

// nextRun returns in which repository the next run of a consumer starts, and whether Dependabot starts it: one after the
// other.
func (w *World) nextRun(c manifest.Consumer) (repository string, dependabot bool) {
	all, n := stage.ListReaders(c.GitHub), len(w.runs[c.Name])
	if len(w.narrowed) > 0 {
		all = all[:1] // the others have nothing of it any more
	}
	return all[n%len(all)], c.GitHub.Dependabot && n/len(all)%2 == 1
}

// editOrganization writes the same value of a secret again, as an owner does.
func (w *World) editOrganization(c manifest.Consumer) error {
	held := w.GitHub.OrganizationSecrets(c.GitHub.Organization, false)
	for _, name := range slices.Sorted(maps.Keys(held)) {
		if name != foreignName {
			w.GitHub.EditOrganizationSecret(c.GitHub.Organization, false, name, held[name].Value)
			return nil
		}
	}
	return errNotNow
}

// checkVaults checks that Dependabot has what the bucket says, where the manifest wants that, and that nobody sees more of
// an organization's secrets than the manifest and its owners say.
func (w *World) checkVaults(c manifest.Consumer, wanted map[string]secret.Value) {
	if c.GitHub.Organization == "" {
		if c.GitHub.Dependabot {
			w.holdsValues(c, w.GitHub.DependabotSecrets(c.GitHub.Repository), wanted)
		}
		return
	}
	w.checkVisibility(c, false)
	if c.GitHub.Dependabot {
		w.checkVisibility(c, true)
		held := map[string]string{}
		for name, s := range w.GitHub.OrganizationSecrets(c.GitHub.Organization, true) {
			held[name] = s.Value
		}
		w.holdsValues(c, held, wanted)
	}
}

// checkVisibility checks who sees the secrets of an organization.
func (w *World) checkVisibility(c manifest.Consumer, dependabot bool) {
	for name, s := range w.GitHub.OrganizationSecrets(c.GitHub.Organization, dependabot) {
		want := stage.ListReaders(c.GitHub)
		if w.narrowed[name] {
			want = want[:1]
		}
		if name != foreignName && (s.Visibility != manifest.VisibleToSelected || !slices.Equal(s.Selected, want)) {
			w.noteViolation("S14 secret %s of %s is seen by %s %v, and should be by %v", name, c.GitHub.Organization, s.Visibility, s.Selected, want)
		}
	}
}
