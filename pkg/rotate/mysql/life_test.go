package mysql

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

// life is a source and its versions, the last of them current.
type life struct {
	*target
	t        *testing.T
	rotator  *Rotator
	versions []rotate.Values
	witness  rotate.Witness // of its retirements
}

// noon is when retirements begin, and accepted their witness where a person has accepted the sessions.
var (
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	accepted = rotate.Witness{Now: noon, Proof: noon.Add(-time.Hour), Accepted: noon}
)

// live begins with a first version that somebody has put.
func (g *target) live(t *testing.T, first rotate.Values) *life {
	t.Helper()
	return &life{target: g, t: t, rotator: g.rotator(), versions: []rotate.Values{first}, witness: accepted}
}

// entry changes the source's entry in the manifest.
func (l *life) entry(change func(*manifest.Database)) {
	source := l.source
	change(entry(&source))
	l.open(source, l.administrator())
}

// open makes another rotator, which dials as before.
func (l *life) open(source manifest.Source, admin sqluser.Admin) {
	dial := l.rotator.server.dial
	l.rotator = New(source, admin)
	l.rotator.server.dial = dial
}

// endSessions makes the source's retirement end sessions.
func (l *life) endSessions() { l.entry(func(d *manifest.Database) { d.EndSessions = true }) }

func (l *life) current() rotate.Values { return l.versions[len(l.versions)-1] }

// create makes the next version's content.
func (l *life) create() (rotate.Values, error) {
	return l.rotator.Create(l.t.Context(), rotate.Start{Current: l.current(), Others: func(context.Context) ([]rotate.Other, error) {
		var all []rotate.Other
		for _, v := range l.versions[:len(l.versions)-1] {
			all = append(all, rotate.Other{Values: v})
		}
		return all, nil
	}})
}

// rotate makes the next version current, without retiring the one before.
func (l *life) rotate() {
	l.t.Helper()
	next, err := l.create()
	if err == nil {
		err = l.rotator.Set(l.t.Context(), rotate.Change{Pending: next, Current: l.current()})
	}
	if err == nil {
		err = l.rotator.Test(l.t.Context(), next)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.versions = append(l.versions, next)
}

// retire ends the credential of the version before the current one.
func (l *life) retire() {
	l.t.Helper()
	if err := l.end(l.versions[len(l.versions)-2]); err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) end(owed rotate.Values) error {
	_, err := l.rotator.Retire(l.t.Context(), rotate.End{Owed: owed, Current: l.current(), Witness: l.witness, Others: func(context.Context) ([]rotate.Other, error) {
		var all []rotate.Other
		for _, v := range l.versions[:len(l.versions)-1] {
			all = append(all, rotate.Other{Values: v, Live: true})
		}
		return all, nil
	}})
	return err
}

// login returns the login of a version.
func (l *life) login(v rotate.Values) sqluser.Login {
	l.t.Helper()
	got, err := l.rotator.ReadLogin(v)
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

func (l *life) accepts(v rotate.Values) bool {
	l.t.Helper()
	accepted, err := sqluser.Accepts(l.t.Context(), l.rotator.server, l.login(v))
	if err != nil {
		l.t.Fatal(err)
	}
	return accepted
}

// accounts are all that the server knows of its accounts but their passwords.
func (g *target) accounts(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, account := range g.Rows(t, "SELECT CONCAT('`', REPLACE(User, '`', '``'), '`@`', Host, '`') FROM mysql.user WHERE User <> 'administrator' ORDER BY 1") {
		all = append(all, g.Rows(t, "SHOW CREATE USER "+account)...)
		all = append(all, g.Rows(t, "SHOW GRANTS FOR "+account)...)
	}
	return all
}

// refused checks that an error is a refusal.
func refused(t *testing.T, err error) {
	t.Helper()
	if why, is := errors.AsType[interface {
		error
		Refusal() string
	}](err); !is || why.Refusal() == "" {
		t.Errorf("the error is %v, want a refusal", err)
	}
}

// unchanged checks that the server's accounts are as they were.
func (g *target) unchanged(t *testing.T, before []string) {
	t.Helper()
	if after := g.accounts(t); !slices.Equal(before, after) {
		t.Errorf("the accounts were\n%q\nand are\n%q", before, after)
	}
}
