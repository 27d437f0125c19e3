package operate

import (
	"context"
	"fmt"

	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// Retention is a change of RETAIN, before it is made.
type Retention struct {
	Source  manifest.Source
	Version string // that is retained, or released; "" where there is none to release
	Done    bool   // it is so already: there is nothing to do

	notes []history.Placement // where labels record who retained a version, and when
	note  string              // the label that would record it now
}

// FindRetainable returns which version of a source would be retained. given is its id, or the end of it.
//
//	given     | something is owed | the version
//	----------|-------------------|------------------------------------
//	the id of | anything          | the current one
//	  current |                   |
//	nothing   | nothing           | the current one
//	an id     | nothing           | invalid
//	nothing   | one version       | that one
//	nothing   | several           | invalid: one has to be named
//	an id     | that version      | that one
//
// One version of a source is retained at a time: where another one is, it fails. by is who asks, for people.
func (o Operator) FindRetainable(ctx context.Context, source manifest.Source, given, by string) (Retention, error) {
	r := Retention{Source: source}
	h, err := o.Secrets.Look(ctx, source.Secret)
	if err != nil {
		return r, err
	}
	if r.Version, err = chooseRetainable(h, source.Name, given); err != nil {
		return r, err
	}
	r.notes, r.note = h.Placements(history.Retained), h.RetainedLabel(o.Secrets.Now(), r.Version, by)
	holder, some := h.Labelled(history.Retain)
	if r.Done = some && holder.ID == r.Version; some && !r.Done {
		return r, fmt.Errorf("version %s of %s is retained, and one version is at a time: "+
			"to give that one up, rotary retain %s %s --release; nothing was changed",
			history.Short(holder.ID), source.Name, o.Environment.Name, source.Name)
	}
	return r, nil
}

func chooseRetainable(h history.History, source, given string) (string, error) {
	current, exists := h.Current()
	owed := listIDs(h.Owed())
	switch {
	case !exists:
		return "", newInvalid("source %s has no value yet: there is nothing to retain", source)
	case isNamed(current.ID, given), given == "" && len(owed) == 0:
		return current.ID, nil
	case len(owed) == 0:
		return "", newInvalid("source %s owes no retirement, and its current version is %s",
			source, history.Short(current.ID))
	}
	return chooseOwed(source, owed, given, "--version")
}

// Retain puts RETAIN on a version: from then on no pass asks for its retirement, and none that asked before begins.
func (o Operator) Retain(ctx context.Context, r Retention) error {
	if r.Done {
		return nil
	}
	return o.Secrets.Move(ctx, r.Source.Secret, history.Retain, r.Version, "")
}

// FindRetained returns the version of a source that is retained. It fails where given is another one.
func (o Operator) FindRetained(ctx context.Context, source manifest.Source, given string) (Retention, error) {
	h, err := o.Secrets.Look(ctx, source.Secret)
	if err != nil {
		return Retention{}, err
	}
	holder, some := h.Labelled(history.Retain)
	if some && given != "" && !isNamed(holder.ID, given) {
		return Retention{}, newInvalid("version %s of %s is the one that is retained",
			history.Short(holder.ID), source.Name)
	}
	return Retention{Source: source, Version: holder.ID, Done: !some, notes: h.Placements(history.Retained)}, nil
}

// NoteRetention records, in a label beside RETAIN, who has put that and when, in the place of older such notes. It is
// for people: a version is retained without it too. Repeatable.
func (o Operator) NoteRetention(ctx context.Context, r Retention) error {
	if r.Done {
		return nil
	}
	if err := o.dropNotes(ctx, r); err != nil {
		return err
	}
	return o.Secrets.Move(ctx, r.Source.Secret, r.note, r.Version, "")
}

func (o Operator) dropNotes(ctx context.Context, r Retention) error {
	for _, n := range r.notes {
		if err := o.Secrets.Move(ctx, r.Source.Secret, n.Label, "", n.Version); err != nil {
			return err
		}
	}
	return nil
}

// Release takes RETAIN off, and then the label that recorded who had put it.
func (o Operator) Release(ctx context.Context, r Retention) error {
	if r.Done {
		return nil
	}
	if err := o.Secrets.Move(ctx, r.Source.Secret, history.Retain, "", r.Version); err != nil {
		return err
	}
	return o.dropNotes(ctx, r)
}
