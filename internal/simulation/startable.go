package simulation

import (
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
)

// startable checks everything that ECS would start without asking anybody, and every revision of rotary's that a person
// could deploy: its pins resolve, to versions with a label, and what they hold is accepted.
func (w *World) startable() {
	all := w.region().ECS.Startable()
	for _, s := range w.region().ECS.Deployable() {
		if !w.theirs[s.TaskDefinition] {
			all = append(all, s)
		}
	}
	for _, s := range all {
		for _, name := range w.unlabelled(s) {
			w.violate("S3 %s %s pins %s to a version without a label", s.Why, s.TaskDefinition, name)
		}
		for _, p := range w.refused(s) {
			w.violate("S2 %s %s could be started with %s, which %s refuses", s.Why, s.TaskDefinition, p.Env, p.Target)
		}
	}
	w.understood(all)
}

// refused lists what a revision would present in vain.
func (w *World) refused(s ecs.Startable) (all []ecs.Presents) {
	for _, p := range s.Presents {
		value, known := w.value(s.Secrets[p.Env])
		if known && !w.Targets.WouldAccept(p.Target, value) && !w.excused(p.Target) {
			all = append(all, p)
		}
	}
	return all
}

// value is what a valueFrom stands for. That of a version never changes, and is remembered.
func (w *World) value(from string) (value string, known bool) {
	if value, known = w.values[from]; known {
		return value, true
	}
	value, err := w.region().SecretsManager.Resolve(from)
	if _, version := split(from); err == nil && version != "" {
		w.values[from] = value
	}
	return value, err == nil
}

// unlabelled lists what a revision pins to a version that Secrets Manager may delete, or has deleted.
func (w *World) unlabelled(s ecs.Startable) (names []string) {
	looked := map[string]bool{} // by version: most of a revision's pins are to one
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		secretARN, version := split(s.Secrets[name])
		kept, known := looked[secretARN+version]
		if !known {
			kept = slices.ContainsFunc(w.peek(secretARN), func(v secretsmanager.Version) bool { return v.ID == version && len(v.Labels) > 0 })
			looked[secretARN+version] = kept
		}
		if version != "" && !kept {
			names = append(names, name)
		}
	}
	return names
}

// split cuts valueFrom into the secret's ARN and the version id.
func split(from string) (secretARN, version string) {
	parts := strings.Split(from, ":")
	if len(parts) < 10 {
		return from, ""
	}
	return strings.Join(parts[:7], ":"), parts[9]
}

// deadly checks that nothing that could be started holds a login that is about to die.
func (w *World) deadly(key, login string) {
	for _, s := range w.region().ECS.Startable() {
		for _, from := range s.Secrets {
			if value, known := w.value(from); known && value == login {
				w.violate("S4 %s is retired, and %s %s has it", key, s.Why, s.TaskDefinition)
			}
		}
	}
}
