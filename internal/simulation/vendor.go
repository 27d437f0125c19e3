package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/secretsmanager"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/plan"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// vendor stands in for an API that a manifest describes, and for the rotator that calls it. What it makes it accepts
// beside what it made before, until that is revoked, or for as long as the description says.
type vendor struct {
	w      *World
	source manifest.Source
	made   map[string]rotate.Values // by version
	all    []rotate.Values          // that it ever made
}

// openVendors makes those of an environment's sources, by source.
func (w *World) openVendors() map[string]*vendor {
	all := map[string]*vendor{}
	for _, s := range w.Env.Sources {
		if s.Rotate.Kind() == manifest.HTTP {
			all[s.Name] = &vendor{w: w, source: s, made: map[string]rotate.Values{}}
		}
	}
	return all
}

// newRotator returns a rotator that acts like the one of pkg/rotate/httpapi as far as a schedule can tell: see its New.
func (v *vendor) newRotator() rotate.Rotator {
	if api := v.source.Rotate.HTTP.Calls; api.Find == nil && !api.Create.Repeatable {
		return unrepeatable{v}
	}
	return v
}

// unrepeatable is a vendor whose create must not be tried twice.
type unrepeatable struct{ *vendor }

// MayHaveMade implements rotate.Unrepeatable.
func (unrepeatable) MayHaveMade(err error) bool { return errors.Is(err, sim.ErrBroken) }

// Create makes another credential whenever it is asked.
func (u unrepeatable) Create(ctx context.Context, s rotate.Start) (rotate.Values, error) {
	delete(u.made, s.Version)
	return u.vendor.Create(ctx, s)
}

func (v *vendor) Create(_ context.Context, s rotate.Start) (rotate.Values, error) {
	next := maps.Clone(s.Current)
	err := v.callVendor("create", true, func() error {
		if v.made[s.Version] == nil {
			v.made[s.Version] = v.makeFresh()
			v.endBefore(s.Current)
		}
		maps.Copy(next, v.made[s.Version])
		return nil
	})
	return next, err
}

// makeFresh returns a new credential, which the vendor accepts.
func (v *vendor) makeFresh() rotate.Values {
	values := rotate.Values{}
	for _, key := range v.source.Writes() {
		value := v.w.makeCanary()
		v.w.Targets.Accept(stage.Target(v.w.Env, key), value)
		values[key] = secret.New(value)
	}
	v.all = append(v.all, values)
	return values
}

// listOrphans returns the credentials that the vendor accepts and that no version of the source holds which says so.
func (v *vendor) listOrphans() (all []rotate.Values) {
	for _, made := range v.all {
		held := slices.ContainsFunc(v.w.peekAt(v.source.Secret), func(version secretsmanager.Version) bool {
			alive := slices.ContainsFunc(version.Labels, func(l string) bool {
				return strings.HasPrefix(l, history.Live) || l == history.AWSCurrent || l == history.AWSPending
			})
			return alive && v.Same(readContent(v.source, version.Value), made)
		})
		if v.acceptsValues(made) && !held {
			all = append(all, made)
		}
	}
	return all
}

// checkRemembered checks that nothing that it has made is forgotten: MAKING says where that may be.
func (v *vendor) checkRemembered() {
	for _, version := range v.w.peekAt(v.source.Secret) {
		if slices.ContainsFunc(version.Labels, func(l string) bool { return strings.HasPrefix(l, history.Making) }) {
			return
		}
	}
	if n := len(v.listOrphans()); n > 0 {
		v.w.noteViolation("S6 the vendor of %s accepts %d credentials that no version holds, and nothing says so", v.source.Name, n)
	}
}

// tidyOrphans revokes at a vendor, or at AWS, the credentials that no version holds, as a person does.
func tidyOrphans(w *World, args []string) error {
	s, err := w.findSource(args)
	if err != nil {
		return err
	}
	if v := w.vendors[s.Name]; v != nil {
		for _, orphan := range v.listOrphans() {
			v.revokeOwed(orphan, rotate.Values{})
		}
	}
	return w.tidyKeys(s)
}

// endBefore ends the credential before when the vendor does: at once, after some time, or never by itself.
func (v *vendor) endBefore(before rotate.Values) {
	switch overlap := v.source.Overlap().Std(); {
	case v.source.AtOnce():
		v.revokeOwed(before, rotate.Values{})
	case overlap > 0:
		v.w.Clock.After(overlap, "the credential before at the vendor of "+v.source.Name, func() { v.revokeOwed(before, rotate.Values{}) })
	}
}

// revokeOwed makes the vendor refuse what of a credential another one does not hold.
func (v *vendor) revokeOwed(owed, current rotate.Values) {
	for _, key := range v.source.Writes() {
		if !owed[key].Equal(current[key]) {
			v.w.Targets.Revoke(stage.Target(v.w.Env, key), secret.Reveal(owed[key]))
		}
	}
}

// Set does nothing: the vendor accepts what it has made.
func (v *vendor) Set(context.Context, rotate.Change) error { return nil }

func (v *vendor) Test(_ context.Context, pending rotate.Values) error {
	return v.callVendor("test", false, func() error {
		if !v.acceptsValues(pending) {
			return fmt.Errorf("the vendor refuses it: %w", rotate.ErrNotAccepted)
		}
		return nil
	})
}

func (v *vendor) acceptsValues(values rotate.Values) bool {
	for _, key := range v.source.Writes() {
		if !v.w.Targets.WouldAccept(stage.Target(v.w.Env, key), secret.Reveal(values[key])) {
			return false
		}
	}
	return true
}

// Retire only looks where the manifest describes no call that revokes.
func (v *vendor) Retire(_ context.Context, e rotate.End) (rotate.Values, error) {
	revokes := v.source.Rotate.HTTP.Calls.Revoke != nil
	return nil, v.callVendor("revoke", revokes, func() error {
		switch {
		case !v.acceptsValues(e.Owed):
		case !revokes:
			return errors.New("the vendor still accepts it, and no call is described that revokes it")
		default:
			for _, key := range v.source.Writes() {
				if text := secret.Reveal(e.Owed[key]); !v.w.isDoomed(v.source, text) {
					v.w.checkRetiring(key, text)
				}
			}
			v.revokeOwed(e.Owed, e.Current)
		}
		return nil
	})
}

func (v *vendor) Identity(values rotate.Values) string {
	id := ""
	for _, key := range v.source.Writes() {
		id += secret.Reveal(values[key]) + "\n"
	}
	return id
}

func (v *vendor) Same(a, b rotate.Values) bool { return v.Identity(a) == v.Identity(b) }

func (v *vendor) callVendor(operation string, write bool, do func() error) error {
	call := sim.Call{Service: "vendor", Operation: operation, Resource: v.source.Name, Write: write, Caller: rotateLambda}
	_, err := sim.Do(v.w.Tap, call, "", func() (struct{}, error) { return struct{}{}, do() }, func(o sim.Outcome) error {
		return fmt.Errorf("the vendor says no: %d", o)
	})
	return err
}

// lookForOrphans does what the alarm about MAKING asks of a person: look at the vendor, and rotate again. It reports
// whether there was such an alarm.
func (w *World) lookForOrphans() (some bool) {
	for _, name := range slices.Sorted(maps.Keys(w.vendors)) {
		alarmed := slices.ContainsFunc(w.last.Alarms, func(a plan.Alarm) bool { return a.Name == plan.RotationStuck && a.Subject == name })
		if some = some || alarmed; alarmed {
			w.Advance(2 * sweep)
			w.doAction("tidy " + name)
			w.doAction("rotate " + name)
		}
	}
	return some
}
