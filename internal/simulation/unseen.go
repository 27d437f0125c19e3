package simulation

import (
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/manifest"
)

// listSights returns the actions that take a consumer out of rotary's sight and back, by name.
func listSights() map[string]func(w *World, args []string) error {
	return map[string]func(w *World, args []string) error{"blind": hideConsumer, "sight": showConsumer}
}

// hideConsumer makes every call about one consumer's service, repository or project fail for want of permission, until
// sight: as the manifest has it now, wherever it moves later.
func hideConsumer(w *World, args []string) error {
	c, err := w.findConsumer(args, func(manifest.Consumer) bool { return true })
	if err != nil {
		return err
	}
	w.hidden[c.Name] = c
	return nil
}

// showConsumer ends that.
func showConsumer(w *World, args []string) error {
	if len(args) == 0 {
		return errNotNow
	}
	delete(w.hidden, args[0])
	return nil
}

// isHidden reports whether a call is about a consumer that rotary may not see, alone or among others: AWS denies the whole
// call then.
func (w *World) isHidden(c sim.Call) bool {
	for _, consumer := range w.hidden {
		if isAbout(c, consumer) {
			return true
		}
	}
	return false
}
