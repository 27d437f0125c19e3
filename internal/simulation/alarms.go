package simulation

import (
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
)

// listDue returns what every report must contain: what is owed, and what needs a person.
//
//	owed SOURCE VERSION        until it is retired, whatever holds it up (S6)
//	rotation-due SOURCE        its current version is older than the manifest allows (F44)
//	rotation-stuck SOURCE      a rotation neither ends nor fails, or may have made what no version holds
//	retirement-owed SOURCE     an old credential lives for days
//	rollback-abandoned SOURCE  somebody has begun to go back, and left
//	deadline-passed SOURCE     what an emergency has ended lives an hour later
//	undeclared-key SOURCE      a secret that rotary made holds a key that nobody declared
func (w *World) listDue() []string {
	var all []string
	for _, s := range w.Env.Sources {
		taken := w.takenAt(s.Secret)
		for _, v := range w.peekAt(s.Secret) {
			for _, what := range w.dueOf(s, v) {
				all = append(all, what+" "+s.Name)
			}
			if w.isOwed(v) && v.ID != taken {
				all = append(all, "owed "+s.Name+" "+v.ID)
			}
		}
	}
	return all
}

// takenAt returns the version that buckets are computed from although another one is current; "" where there is none.
func (w *World) takenAt(secret string) string {
	var h history.History
	for _, v := range w.peekAt(secret) {
		h.Versions = append(h.Versions, history.Version{ID: v.ID, Created: v.Created, Labels: v.Labels})
	}
	taken, _ := h.Taken()
	if taken.Has(history.AWSCurrent) {
		return ""
	}
	return taken.ID
}

// isOwed reports whether a version is owed, and notes since when.
func (w *World) isOwed(v secretsmanager.Version) bool {
	live := slices.ContainsFunc(v.Labels, func(l string) bool { return strings.HasPrefix(l, history.Live) })
	is := live && !slices.Contains(v.Labels, history.AWSCurrent) && !slices.Contains(v.Labels, history.AWSPending)
	if _, known := w.since[v.ID]; is && !known {
		w.since[v.ID] = w.Clock.Now()
	} else if !is {
		delete(w.since, v.ID)
	}
	return is
}

// How old things are when every report names them, with a minute for the look.
const (
	oldRotation = 4*time.Hour + time.Minute
	oldRollback = time.Hour + time.Minute
	oldDebt     = 3*24*time.Hour + time.Minute
	oldDeadline = time.Hour + time.Minute
)

// dueOf returns the alarms that one version is due.
func (w *World) dueOf(s manifest.Source, v secretsmanager.Version) (all []string) {
	has := func(label string) bool { return slices.Contains(v.Labels, label) }
	age := w.Clock.Now().Sub(v.Created)
	overdue := s.Rotate.Every > 0 && age > s.Rotate.Every.Std()+2*24*time.Hour+time.Minute
	if has(history.AWSCurrent) && (overdue || s.MaxAge > 0 && age > s.MaxAge.Std()+time.Minute) {
		all = append(all, plan.RotationDue)
	}
	if has(history.AWSCurrent) && holdsUndeclared(s, v) {
		all = append(all, plan.UndeclaredKey)
	}
	if has(history.AWSPending) && !has(history.AWSCurrent) && age > oldRotation {
		all = append(all, plan.RotationStuck)
	}
	_, rotating := findLabelled(w.peekAt(s.Secret), history.AWSPending)
	if !rotating && slices.ContainsFunc(v.Labels, func(l string) bool { return strings.HasPrefix(l, history.Making) }) {
		all = append(all, plan.RotationStuck)
	}
	changed := w.Clock.Now().Sub(w.region().SecretsManager.LastChanged(s.Secret))
	if has(history.Rollback) && changed > oldRollback {
		all = append(all, plan.RollbackAbandoned)
	}
	if !w.isOwed(v) {
		return all
	}
	debt := max(oldDebt, 2*w.Env.RetirementTakes(s)+time.Minute)
	if s.Rotate.Kind() == manifest.Manual {
		debt = max(debt, s.MaxAge.Std()+time.Minute)
	}
	if min(w.Clock.Now().Sub(w.since[v.ID]), changed) > debt {
		all = append(all, plan.RetirementOwed)
	}
	for _, h := range w.harms {
		if h.source.Name == s.Name && w.isEnded(h, v) && w.Clock.Now().Sub(h.until) > oldDeadline {
			all = append(all, plan.DeadlinePassed)
		}
	}
	return all
}

// holdsUndeclared reports whether a version of a source that rotary made holds a key that nobody declared.
func holdsUndeclared(s manifest.Source, v secretsmanager.Version) bool {
	_, undeclared, err := bucket.ReadSource(s, v.Value)
	return err == nil && undeclared > 0 && !s.Selects()
}

// checkReport checks that a report tells of what was due before its pass began, and still is when it has ended. Of a
// source that could not be read it tells that instead.
func (w *World) checkReport(r plan.Report, before []string) {
	told := map[string]bool{}
	for _, a := range r.Alarms {
		told[a.Name+" "+a.Subject] = true
	}
	frozen := map[string]bool{}
	for _, s := range r.Sources {
		frozen[s.Name] = s.Frozen != "" && told[plan.FrozenSecret+" "+s.Name]
		for _, o := range s.Owed {
			told["owed "+s.Name+" "+o.Version] = true
		}
	}
	for _, what := range w.listDue() {
		if slices.Contains(before, what) && !told[what] && !frozen[strings.Fields(what)[1]] {
			w.noteViolation("L3 a report does not tell of: %s", what)
		}
	}
}

// checkQuiet checks that nobody is alarmed when nothing is left to do, but of what is too old and of what nobody has
// declared, and that no label is left of what is over.
func (w *World) checkQuiet() {
	due := w.listDue()
	for _, a := range w.last.Alarms {
		undeclared := a.Name == plan.UndeclaredKey && slices.Contains(due, a.Name+" "+a.Subject)
		spied := a.Name == plan.StrangerReads && w.isSpiedLately()
		if a.Name != plan.RotationDue && !undeclared && !spied {
			w.noteViolation("L4 nothing is left to do, and %s alarms %s: %s", a.Subject, a.Name, a.Detail)
		}
	}
	for _, s := range w.Env.Sources {
		for _, v := range w.peekAt(s.Secret) {
			for _, label := range v.Labels {
				if label == history.Rollback || strings.HasPrefix(label, history.Deadline) || strings.HasPrefix(label, history.Making) {
					w.noteViolation("L2 %s is left on version %s of %s", label, history.Short(v.ID), s.Name)
				}
			}
		}
	}
}
