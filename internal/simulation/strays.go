package simulation

import (
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/github"
	"github.com/rotary-secrets/rotary/pkg/consume"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/reconcile"
)

// stray is a repository of no consumer that has what a consumer's scope had, with its receipt, and a run that goes on with
// that.
type stray struct {
	consumer manifest.Consumer // as which it would be declared
	run      int64
	pass     int  // the last one that had begun when it was made
	named    bool // a pass has named it since, while everything that it has was accepted: it keeps that
}

// strayRepository is the name of that repository.
const strayRepository = "example/stray"

// organizationName is the owner of the repositories.
const organizationName = "example"

// receiptName is the variable in which a scope says what it has.
const receiptName = "ROTARY_RECEIPT"

// listStrays returns the actions of people who copy what rotary has written, by name.
//
//	stray ci      a repository of no consumer gets the secrets of that one's scope, with the receipt, and runs
//	forgive ci    a person dismisses it, for an hour: what it has may die
func listStrays() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{"stray": copyScope, "forgive": dismissStray}
}

// copyScope copies the secrets and the receipt of a repository's scope into one of no consumer, in which a run starts on
// them.
func copyScope(w *World, args []string) error {
	c, err := w.findConsumer(args, func(c manifest.Consumer) bool {
		return isGitHub(c) && c.GitHub.Organization == "" && c.GitHub.Environment != ""
	})
	if err != nil || !w.isWatched() {
		return errNotNow
	}
	receipt, has := w.GitHub.Variable(c.GitHub.Repository, c.GitHub.Environment, receiptName)
	if !has {
		return errNotNow
	}
	own := *c.GitHub
	w.removeStray()
	if !w.places[strayRepository] {
		w.places[strayRepository] = true
		w.GitHub.AddRepository(strayRepository, own.Environment)
	}
	for _, name := range w.GitHub.Secrets(own.Repository, own.Environment) {
		text, _, _ := w.GitHub.Secret(own.Repository, own.Environment, name)
		w.GitHub.SetSecretByHand(strayRepository, own.Environment, name, text)
	}
	w.GitHub.SetVariableByHand(strayRepository, own.Environment, receiptName, receipt)
	own.Repository, c.GitHub = strayRepository, &own
	w.repositories = append(w.repositories, organizationName)
	w.letIn(c)
	w.Code(c)
	w.stray = &stray{consumer: c, pass: w.passes, run: w.GitHub.StartRun(strayRepository, github.InProgress, own.Environment)}
	return nil
}

// removeStray deletes what the repository has, and ends its run.
func (w *World) removeStray() {
	if w.stray == nil {
		return
	}
	at := w.stray.consumer.GitHub
	for _, name := range w.GitHub.Secrets(at.Repository, at.Environment) {
		w.GitHub.DeleteSecretByHand(at.Repository, at.Environment, name)
	}
	w.GitHub.DeleteVariableByHand(at.Repository, at.Environment, receiptName)
	w.GitHub.FinishRun(at.Repository, w.stray.run)
	w.stray = nil
}

// dismissStray dismisses the repository, as dismissStranger does.
func dismissStray(w *World, _ []string) error {
	if w.stray == nil {
		return errNotNow
	}
	return dismissStranger(w, []string{w.strayLocation()})
}

func (w *World) strayLocation() string { return w.stray.consumer.Location(w.Env.Name) }

// newReceipts returns the census of receipts of a function that stays warm; nil where the world has none.
func (w *World) newReceipts() reconcile.ReceiptCensus {
	if !w.isWatched() {
		return nil
	}
	if w.receipts == nil || w.receiptsOf != w.Env {
		client, at := w.InMemory()
		w.receipts, w.receiptsOf = consume.Receipts(w.Env, consume.Endpoints{GitHub: at.GitHub, Transport: client.Transport}), w.Env
	}
	return w.receipts
}

// noteNamed notes that a pass has named the repository. What it has by then it keeps: a census that looks once an hour
// promises nothing before that.
func (w *World) noteNamed(r plan.Report, pass int) {
	s := w.stray
	if s == nil || s.named || pass <= s.pass || !slices.ContainsFunc(r.Strangers, func(t plan.StrangerReport) bool { return t.Name == w.strayLocation() }) {
		return
	}
	s.named = true
	at := s.consumer.GitHub
	for _, p := range stage.ListPresented(w.Env, s.consumer) {
		text, _, has := w.GitHub.Secret(at.Repository, at.Environment, p.Env)
		s.named = s.named && has && w.Targets.WouldAccept(p.Target, text)
	}
}

// isStrayOnItsOwn reports whether someone, in the words of the stand-in, is the repository, and no pass has named it or a
// person has dismissed it: what it has may die.
func (w *World) isStrayOnItsOwn(who string) bool {
	if !strings.HasPrefix(who, "repository "+strayRepository) {
		return false
	}
	return w.stray == nil || !w.stray.named || slices.Contains(w.accepted, w.strayLocation())
}
