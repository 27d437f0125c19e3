package simulation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/rotary-secrets/rotary/internal/leak"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// many is how many values a run can make before they begin to repeat.
const many = 2000

// canaries are the values that worlds make, in order: every world makes the same ones, so that what they print is the
// same and is searched once.
var canaries = sync.OnceValue(func() []string {
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789\"\\%+/&"
	rng := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // they guard nothing
	all := make([]string, many)
	for i := range all {
		value := make([]byte, 24)
		for j := range value {
			value[j] = letters[rng.IntN(len(letters))]
		}
		all[i] = string(value)
	}
	return all
})

// search finds canaries.
var search = sync.OnceValue(func() *leak.Search {
	s := &leak.Search{}
	for i, value := range canaries() {
		if err := s.Add(fmt.Sprintf("canary %d", i), value); err != nil {
			panic(err) // they are long enough
		}
	}
	return s
})

// Search finds the values that worlds make, but for those that crypto/rand does.
func Search() *leak.Search { return search() }

// checkSilent checks S13: everything that came out, and everything that people and other programs can see at the end,
// holds no value in any form.
func (w *World) checkSilent() {
	w.keepText("%s", strings.Join(w.Trace, "\n"))
	w.visible()
	own := w.own()
	for _, text := range w.Told {
		for _, found := range append(search().In(text), own.In(text)...) {
			w.noteViolation("S13 %s is in what came out, %s", found.Name, found.Form)
		}
	}
}

// own searches for what crypto/rand made in this run: the values of random sources.
func (w *World) own() *leak.Search {
	s := &leak.Search{}
	for _, source := range w.Env.Sources {
		if source.Rotate.Kind() != manifest.Random || w.fleet != nil {
			continue // those values are canaries
		}
		for _, v := range w.peekAt(source.Secret) {
			for key, value := range readContent(source, v.Value) {
				_ = s.Add(source.Name+" "+key, secret.Reveal(value)) // too short a value is searched nowhere
			}
		}
	}
	return s
}

// visible keeps the texts of labels, receipts, comments and revisions for the search for leaks.
func (w *World) visible() {
	for _, s := range w.Env.Sources {
		w.keepText("%v", labels(w, s.Secret))
	}
	for _, b := range w.Env.Buckets {
		w.keepText("%v", labels(w, b.Secret))
	}
	if w.fleet != nil {
		return
	}
	for _, c := range w.Env.Consumers {
		switch {
		case c.GitHub != nil:
			receipt := ""
			if c.GitHub.Organization != "" {
				receipt, _, _ = w.GitHub.OrganizationVariable(c.GitHub.Organization, "ROTARY_RECEIPT")
			} else {
				receipt, _ = w.GitHub.Variable(c.GitHub.Repository, c.GitHub.Environment, "ROTARY_RECEIPT")
			}
			w.keepText("%s %v", receipt, w.GitHub.Changes(0))
		case c.Vercel != nil:
			w.keepText("%v", w.Vercel.Changes(0))
		}
	}
	if text, err := json.Marshal(w.region().ECS.Deployable()); err == nil {
		w.keepText("%s", text)
	}
}

func labels(w *World, name string) (all []string) {
	for _, v := range w.peekAt(name) {
		all = append(all, v.ID, strings.Join(v.Labels, " "))
	}
	return all
}
