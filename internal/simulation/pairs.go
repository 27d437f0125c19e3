package simulation

import (
	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// keyPair returns a key pair that a person makes, where a source holds one: the first in both places where it has two,
// and any other in the second.
func (w *World) keyPair(s manifest.Source, first bool) map[string]secret.Value {
	if s.Random().Pair == "" {
		return nil
	}
	private, public, err := stage.KeyPair(w.ctx)
	if err != nil {
		w.noteViolation("make a key pair: %v", err)
	}
	values := map[string]secret.Value{}
	if s.Symmetric() == "" || first {
		values[s.Random().Key], values[s.Random().Public] = secret.New(private), secret.New(public)
	}
	if s.Symmetric() != "" {
		values[s.Random().Next], values[s.Symmetric()] = secret.New(private), secret.New(public)
	}
	return values
}
