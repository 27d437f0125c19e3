package simulation

import (
	"errors"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// keyPair is a key pair that a person makes, where a source holds one: the first in both places where it has two, and
// any other in the second.
func (w *World) keyPair(s manifest.Source, first bool) map[string]secret.Value {
	if s.Rotate.Pair == "" {
		return nil
	}
	private, public, err := stage.KeyPair(w.ctx)
	if err != nil {
		w.violate("make a key pair: %v", err)
	}
	values := map[string]secret.Value{}
	if s.Rotate.Also == "" || first {
		values[s.Rotate.Key], values[s.Rotate.Public] = secret.New(private), secret.New(public)
	}
	if s.Rotate.Also != "" {
		values[s.Rotate.Next], values[s.Rotate.Also] = secret.New(private), secret.New(public)
	}
	return values
}

// enter is a person who puts a value as rotary put does: it refuses one while another is on its way.
func enter(w *World, args []string) error {
	s, err := w.source(args)
	if err != nil {
		return err
	}
	now, second := w.content(s), s.Rotate.Also
	if s.Rotate.Next != "" {
		second = s.Rotate.Next
	}
	if second != "" && !now[s.Rotate.Key].Equal(now[second]) {
		return errors.New("an earlier change is not finished")
	}
	return put(w, args)
}
