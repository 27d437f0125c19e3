// Package sqluser rotates the login of a database between two users that take turns: app and app_clone. The one that is
// not in use gets a new password; the one that was in use keeps its own until it is retired.
//
// It holds what pkg/rotate/postgres and pkg/rotate/mysql have in common: the turns, how a source and the
// administrator's source hold a login, which hosts a user may be set at, how connections are encrypted, and errors that
// say nothing of a login. A product adds its Syntax (how logins are written) and its Server (what is sent).
//
// A user is set only for somebody who knows a password that works: before anything changes, current's login must be
// accepted, pending must be the user that takes turns with it at the same hosts, and these must be the administrator's
// or listed under hosts at the administrator's source. So whoever may put a value gets no more than the user whose
// password they know.
package sqluser

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// Rotator rotates one source.
type Rotator[S Session] struct {
	source manifest.Source
	admin  Admin
	syntax Syntax
	server Server[S]
}

// Server is a database product. What it returns as an error holds nothing of a login: see Failures.
type Server[S Session] interface {
	// Connect logs in at one host. The error wraps ErrRefused if the server refuses the user or the password, and
	// ErrLocked if it refuses whoever logs in with them for now.
	Connect(ctx context.Context, l Login, h Host) (S, error)
	// CheckPrimary returns an error if the server that a session is at cannot be written to.
	CheckPrimary(ctx context.Context, s S) error
	// Install makes t.Next accepted, with what t.Current may do. current is a session of t.Current.
	Install(ctx context.Context, current S, t Turn) error
	// Retire makes what is owed refused.
	Retire(ctx context.Context, e Retirement) error
}

// Session is a login that was accepted.
type Session interface {
	// Ask asks a trivial question.
	Ask(ctx context.Context) error
	// Close ends the session. It can be called again.
	Close(ctx context.Context)
}

// Turn is one turn of the two users.
type Turn struct {
	Next, Current Login     // at the administrator's hosts
	Admin         Login     // the administrator's
	Since         time.Time // when the rotation that made Next began
}

// Retirement is the end of one login.
type Retirement struct {
	Owed   Login     // at the administrator's hosts, if Served
	Admin  Login     // the administrator's; without hosts where it names none and nothing is Served
	Served bool      // the administrator's server has the user; otherwise it is one that was left behind
	Since  time.Time // when the owed version was created
	// Witness judges the user's sessions: where one vetoes, nothing is retired.
	Witness rotate.Witness
	// EndSessions asks for the end of those of the user's sessions that Witness has as accepted: the manifest wants it,
	// or an emergency's deadline has passed.
	EndSessions bool
	// SharesUser reports whether another live version holds another password of the user.
	SharesUser func(context.Context) (bool, error)
}

// StartChecker is a Server on which Install or Retire can fail for good. CheckStart is asked before a rotation makes
// anything; it changes nothing, and its error says why they would not succeed. first is set where no version of the
// source has ever held the user whose turn it is.
type StartChecker interface {
	CheckStart(ctx context.Context, t Turn, first bool) error
}

// New returns the rotator of a source that holds connection URLs (url), the parts of a login (fields), or both. admin
// is the source that its admin names.
func New[S Session](source manifest.Source, admin Admin, syntax Syntax, server Server[S]) *Rotator[S] {
	return &Rotator[S]{source: source, admin: admin, syntax: syntax, server: server}
}

// Create gives the other user a new password, in a copy of the current version. It changes nothing at the server, where
// it logs in with the current version by every URL. Where the source cannot be rotated as it is, the error is a Refusal;
// so it is where an emergency would take a password away that somebody retains, and where another source of the
// environment has the user whose turn it is.
func (r *Rotator[S]) Create(ctx context.Context, s rotate.Start) (rotate.Values, error) {
	next, err := r.Next(s.Current)
	if err != nil {
		return nil, err
	}
	t, err := r.readTurn(ctx, rotate.Change{Since: s.Since, Pending: next, Current: s.Current})
	if err != nil {
		return nil, err
	}
	if err := r.checkOthers(ctx, s, t); err != nil {
		return nil, err
	}
	claims, err := findClaims(ctx, s.Elsewhere, t.Next.User, t.Next.Password)
	if err == nil {
		err = r.checkUnclaimed(ctx, t.Next, claims)
	}
	if err != nil {
		return nil, err
	}
	return next, r.checkCurrent(ctx, s.Current)
}

// Next returns the content of the version that follows current: the other user, with a new password. It asks nobody.
// The error is a Refusal.
func (r *Rotator[S]) Next(current rotate.Values) (rotate.Values, error) {
	now, err := r.readPlaces(current)
	if err != nil {
		return nil, Refusal(err.Error())
	}
	if err := r.checkStart(now); err != nil {
		return nil, Refusal(err.Error())
	}
	user, err := r.partnerOf(now[0].User)
	if err != nil {
		return nil, Refusal(err.Error())
	}
	next, err := r.replaceLogin(current, user, secret.New(rand.Text()+rand.Text()))
	if err != nil {
		return nil, Refusal(err.Error())
	}
	return next, r.checkReplaced(current, next)
}

// checkStart returns why a source whose login is at these places cannot be rotated.
func (r *Rotator[S]) checkStart(places []place) error {
	if r.syntax.CheckStart == nil {
		return nil
	}
	for _, p := range places {
		if err := r.syntax.CheckStart(r.source, p.Login); err != nil {
			return r.nameKey(p, err)
		}
	}
	return nil
}

// checkOthers refuses what the other versions of the source forbid: an emergency that would end the credential of a
// retained version, and whatever CheckStart objects to.
func (r *Rotator[S]) checkOthers(ctx context.Context, s rotate.Start, t Turn) error {
	checker, checks := r.server.(StartChecker)
	if !s.Emergency && !checks {
		return nil // nothing is live but the current version
	}
	others, err := s.Others(ctx)
	if err != nil {
		return err
	}
	held := false
	for _, o := range others {
		l, err := r.ReadLogin(o.Values)
		if err != nil || l.User != t.Next.User {
			continue
		}
		if held = true; s.Emergency && o.Live && o.Retained {
			return Refusal("the user whose turn it is belongs to a version that is retained")
		}
	}
	if !checks {
		return nil
	}
	return checker.CheckStart(ctx, t, !held)
}

// Set makes pending's login accepted. Where it is accepted already, nothing is left to do. It changes nothing before
// current's login was accepted, and never touches the administrator's own user, nor one whose login another source of
// the environment holds.
func (r *Rotator[S]) Set(ctx context.Context, c rotate.Change) error {
	t, err := r.readTurn(ctx, c)
	if err != nil {
		return err
	}
	switch accepted, err := Accepts(ctx, r.server, t.Next); {
	case err != nil:
		return fmt.Errorf("log in with the pending credential: %w", err)
	case accepted:
		return nil
	}
	claims, err := findClaims(ctx, c.Elsewhere, t.Next.User, t.Next.Password)
	if err == nil {
		err = r.checkUnclaimed(ctx, t.Next, claims)
	}
	if err != nil {
		return err
	}
	current, err := Primary(ctx, r.server, t.Current)
	if err != nil {
		return fmt.Errorf("log in with the current credential: %w", err)
	}
	defer current.Close(ctx)
	return r.server.Install(ctx, current, t)
}

// readTurn reads two versions and the administrator's login, and checks that the pending one may follow the current
// one.
func (r *Rotator[S]) readTurn(ctx context.Context, c rotate.Change) (t Turn, err error) {
	next, err := r.readPlaces(c.Pending)
	if err != nil {
		return t, fmt.Errorf("the pending version: %w", err)
	}
	current, err := r.readPlaces(c.Current)
	if err != nil {
		return t, fmt.Errorf("the current version: %w", err)
	}
	user, err := r.partnerOf(current[0].User)
	switch {
	case err != nil:
		return t, fmt.Errorf("the current version: %w", err)
	case user != next[0].User:
		return t, Refusal("the pending version's user is not the one that takes turns with the current version's")
	case !slices.Equal(listHosts(next), listHosts(current)):
		return t, Refusal("the pending version's hosts are not the current version's")
	}
	admin, err := r.findAdministrator(ctx, current)
	switch {
	case err != nil:
		return t, err
	case admin.User == current[0].User || admin.User == next[0].User:
		return t, Refusal("the source's user is the administrator's own: give the source a user of its own")
	}
	return Turn{Next: r.moveTo(admin, next), Current: r.moveTo(admin, current), Admin: admin, Since: c.Since}, nil
}

// findAdministrator returns the administrator's login for a source that is at these places, all of which must be at the
// administrator's hosts or at listed ones.
func (r *Rotator[S]) findAdministrator(ctx context.Context, places []place) (Login, error) {
	a, err := r.readAdministrator(ctx)
	if err != nil {
		return Login{}, err
	}
	if a, err = r.locateAdministrator(a, places); err != nil {
		return Login{}, err
	}
	return a.Login, r.checkServed(a, places)
}

// Test logs in with every URL of pending but the untested ones, at each host that it names, as it configures, and asks
// a trivial question.
func (r *Rotator[S]) Test(ctx context.Context, pending rotate.Values) error {
	places, err := r.readPlaces(pending)
	if err != nil {
		return err
	}
	for _, p := range places {
		for i, h := range p.Hosts {
			if err := r.testAt(ctx, p.Login, h); err != nil {
				return r.nameKey(p, p.nameHost(i, err))
			}
		}
	}
	return nil
}

func (r *Rotator[S]) testAt(ctx context.Context, l Login, h Host) error {
	s, err := r.server.Connect(ctx, l, h)
	if err != nil {
		return err
	}
	defer s.Close(ctx)
	return s.Ask(ctx)
}

// Retire makes the owed login refused. It refuses to retire the current version's user and the administrator's own.
func (r *Rotator[S]) Retire(ctx context.Context, e rotate.End) (rotate.Values, error) {
	all, err := r.readRetirements(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, dead := range all {
		if err := r.server.Retire(ctx, dead); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// readRetirements reads what is owed, and where its user lives: once at the administrator's hosts, and at each place
// that was left behind.
func (r *Rotator[S]) readRetirements(ctx context.Context, e rotate.End) (all []Retirement, err error) {
	owed, err := r.readPlaces(e.Owed)
	if err != nil {
		return nil, fmt.Errorf("the owed version: %w", err)
	}
	current, err := r.ReadLogin(e.Current)
	if err != nil {
		return nil, fmt.Errorf("the current version: %w", err)
	}
	admin, err := r.readAdministrator(ctx)
	if err != nil {
		return nil, err
	}
	switch owed[0].User {
	case current.User:
		return nil, errors.New("its user is the current version's")
	case admin.User:
		return nil, errors.New("its user is the administrator's own, of which rotary changes nothing: " +
			"change its password by hand, then rotary retire --revoked")
	}
	d := Retirement{Since: e.Since, Witness: e.Witness, EndSessions: r.source.Database().EndSessions || e.Forced}
	d.Witness.Forced = e.Forced
	d.SharesUser = func(ctx context.Context) (bool, error) { return r.sharesUser(ctx, owed[0].Login, e) }
	served, left := r.splitServed(&admin, owed)
	if d.Admin = admin.Login; len(served) > 0 {
		d.Served, d.Owed = true, r.moveTo(admin.Login, served)
		all = append(all, d)
	}
	for _, p := range left {
		d.Served, d.Owed = false, p.Login
		all = append(all, d)
	}
	return all, nil
}

// splitServed locates the administrator, and tells the places of which all hosts are the administrator's, or listed,
// from those that were left behind. Where the administrator cannot be located, all were.
func (r *Rotator[S]) splitServed(admin *administrator, places []place) (served, left []place) {
	located, err := r.locateAdministrator(*admin, places)
	if err != nil {
		return nil, places
	}
	*admin = located
	for _, p := range places {
		if r.servesHosts(located, p.Hosts) {
			served = append(served, p)
		} else {
			left = append(left, p)
		}
	}
	return served, left
}

// sharesUser reports whether a live version of this source, or of another one, holds another password of the owed
// login's user.
func (r *Rotator[S]) sharesUser(ctx context.Context, owed Login, e rotate.End) (bool, error) {
	claims, err := findClaims(ctx, e.Elsewhere, owed.User, owed.Password)
	if err != nil || len(claims) > 0 {
		return true, err
	}
	all, err := e.Others(ctx)
	return slices.ContainsFunc(all, func(o rotate.Other) bool {
		l, err := r.ReadLogin(o.Values)
		return err == nil && o.Live && l.User == owed.User && !l.Password.Equal(owed.Password)
	}), err
}

// Identity is the user's name. Of what is no login it is the content itself.
func (r *Rotator[S]) Identity(v rotate.Values) string {
	l, err := r.ReadLogin(v)
	if err != nil {
		return "\x00" + secret.Reveal(bucket.Encode(v))
	}
	return l.User
}

// Same reports whether two versions of one user have one password at the same hosts.
func (r *Rotator[S]) Same(a, b rotate.Values) bool {
	one, err := r.readPlaces(a)
	if err != nil {
		return r.Identity(a) == r.Identity(b)
	}
	two, err := r.readPlaces(b)
	return err == nil && one[0].User == two[0].User && one[0].Password.Equal(two[0].Password) &&
		slices.Equal(listHosts(one), listHosts(two))
}
