package simulation

import (
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/ecs"
	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
)

// checkStartable checks everything that ECS would start without asking anybody, and every revision that a person could
// deploy, whoever registered it: its pins resolve, to versions with a label, and what they hold is accepted.
func (w *World) checkStartable() {
	all := append(w.region().ECS.Startable(), w.listDeployable()...)
	for _, s := range all {
		if s.Service != "" && w.isDismissed(s.Service, "") {
			continue
		}
		for _, name := range w.listUnlabelled(s) {
			w.noteViolation("S3 %s %s pins %s to a version without a label", s.Why, s.TaskDefinition, name)
		}
		for _, p := range w.listRefused(s) {
			w.noteViolation("S2 %s %s could be started with %s, which %s refuses", s.Why, s.TaskDefinition, p.Env, p.Target)
		}
	}
	w.checkUnderstood(all)
}

// listRefused lists what a revision would present in vain.
func (w *World) listRefused(s ecs.Startable) (all []ecs.Presents) {
	for _, p := range s.Presents {
		value, known := w.resolveValue(s.Secrets[p.Env])
		if !known || w.Targets.WouldAccept(p.Target, value) || w.isExcused(p.Target) || s.Why == "INACTIVE" && w.wasEnded(value) {
			continue
		}
		all = append(all, p)
	}
	return all
}

// resolveValue returns the value that a valueFrom refers to. A version's never changes, and is remembered.
func (w *World) resolveValue(from string) (value string, known bool) {
	if value, known = w.values[from]; known {
		return value, true
	}
	value, err := w.region().SecretsManager.Resolve(from)
	if _, version := splitValueFrom(from); err == nil && version != "" {
		w.values[from] = value
	}
	return value, err == nil
}

// listUnlabelled lists what a revision pins to a version that Secrets Manager may delete, or has deleted.
func (w *World) listUnlabelled(s ecs.Startable) (names []string) {
	looked := map[string]bool{} // by version: most of a revision's pins are to one
	for _, name := range slices.Sorted(maps.Keys(s.Secrets)) {
		secretARN, version := splitValueFrom(s.Secrets[name])
		kept, known := looked[secretARN+version]
		if !known {
			kept = slices.ContainsFunc(w.peekAt(secretARN), func(v secretsmanager.Version) bool { return v.ID == version && len(v.Labels) > 0 })
			looked[secretARN+version] = kept
		}
		if version != "" && !kept {
			names = append(names, name)
		}
	}
	return names
}

// splitValueFrom cuts valueFrom into the secret's ARN and the version id.
func splitValueFrom(from string) (secretARN, version string) {
	parts := strings.Split(from, ":")
	if len(parts) < 10 {
		return from, ""
	}
	return strings.Join(parts[:7], ":"), parts[9]
}
