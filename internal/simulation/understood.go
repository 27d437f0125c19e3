package simulation

import "github.com/rotary-secrets/rotary/internal/standin/ecs"

// checkUnderstood checks that whoever could be started next to each other would understand each other, in whichever
// order they come and whichever of them a person deploys again: what one sends, every other that verifies accepts.
// Only an emergency that has said so before may break that.
func (w *World) checkUnderstood(all []ecs.Startable) {
	for _, verifier := range all {
		for _, v := range verifier.Verifies {
			held, whole := w.readEnvironment(verifier, v.Env)
			for _, sender := range all {
				for _, p := range sender.Presents {
					if p.Target != v.Target {
						continue
					}
					value, known := w.resolveValue(sender.Secrets[p.Env])
					withdrawn := (verifier.Why == "INACTIVE" || sender.Why == "INACTIVE") && w.wasDisturbed(p.Target)
					if whole && known && !v.Accepts(value, held) && !w.isExcused(p.Target) && !withdrawn {
						w.noteViolation("S2 %s %s, if it were started, would refuse what %s sends in %s", verifier.Why, verifier.TaskDefinition, sender.TaskDefinition, p.Env)
					}
				}
			}
		}
	}
}

// readEnvironment returns the values of these variables of a revision. Where one of them cannot be resolved, the image
// exits, and whole is false.
func (w *World) readEnvironment(s ecs.Startable, names []string) (values map[string]string, whole bool) {
	values = map[string]string{}
	for _, name := range names {
		value, known := w.resolveValue(s.Secrets[name])
		if !known {
			return nil, false
		}
		values[name] = value
	}
	return values, true
}
