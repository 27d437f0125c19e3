package simulation

import (
	"slices"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// placeOf names the place of a consumer: its service, repository or project; "" where nothing has to be made.
func placeOf(c manifest.Consumer) string {
	switch {
	case c.ECS != nil:
		return "ecs " + c.ECS.Cluster + "/" + c.ECS.Service
	case c.GitHub != nil && c.GitHub.Organization != "":
		return "github-org " + c.GitHub.Organization
	case c.GitHub != nil:
		return "github " + c.GitHub.Repository + ":" + c.GitHub.Environment
	case c.Vercel != nil:
		return "vercel " + c.Vercel.Project
	}
	return ""
}

// notePlaces notes the places that a world begins with.
func (w *World) notePlaces() {
	for _, c := range w.Env.Consumers {
		w.places[placeOf(c)] = true
	}
}

// makePlaces makes the places that a manifest names and that there were not before, as people do before they deploy it.
// What was there before stays as it is: nobody tidies up.
func (w *World) makePlaces() error {
	for _, c := range w.Env.Consumers {
		place := placeOf(c)
		if w.fleet != nil || place == "" || w.places[place] {
			continue
		}
		w.places[place] = true
		end := w.openForOthers()
		err := w.Adopt(w.ctx, c)
		end()
		if err != nil {
			return err
		}
		switch {
		case c.GitHub != nil:
			w.letIn(c)
		case c.Vercel != nil:
			w.Vercel.SetPresented(c.Vercel.Project) // its code needs nothing yet
			w.Vercel.Push(c.Vercel.Project, w.makeID())
		}
	}
	return nil
}

// letIn gives the token of a repository's consumer that repository too, beside every one that it had.
func (w *World) letIn(c manifest.Consumer) {
	_, token, err := w.tokenOf([]string{c.Name})
	if err != nil || c.GitHub.SignIn.AppID != "" {
		return
	}
	w.repositories = append(w.repositories, stage.ListReaders(c.GitHub)...)
	w.GitHub.AddToken(token, slices.Concat(stage.Repositories(w.Env, c.GitHub.SignIn.Credential()), w.repositories)...)
}

// sharedLogins are, by manifest, keys which hold the login of a database's source that does not know of them: the source,
// by key.
var sharedLogins = map[string]map[string]string{
	"two-keys":    {"DIRECT_URL": "db"},
	"two-sources": {"REPORT_URL": "db"},
}

// acceptShared makes the targets of a source's shared keys accept what the database accepts.
func (w *World) acceptShared(s manifest.Source) {
	for _, key := range s.KeyNames() {
		if d := w.databases[w.shared[key]]; d != nil {
			w.Targets.Ask(stage.Target(w.Env, key), func(credential string, _ bool) bool {
				login := d.loginIn(credential)
				return login != "" && d.listTolerated()[login]
			})
		}
	}
}

// shareLogins adds the login that a database's source has, or is about to get, under the shared keys of a source.
func (w *World) shareLogins(s manifest.Source, values map[string]secret.Value) {
	for _, key := range s.KeyNames() {
		d := w.databases[w.shared[key]]
		if d == nil {
			continue
		}
		login, own := values[d.key]
		if !own {
			login = w.readSource(d.source)[d.key]
		}
		values[key] = secret.New(d.rewriteHost(secret.Reveal(login)))
	}
}
