package simulation

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/history"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// database is the target of one source, whose users log in with a password each. It stands in for the database
// rotators: a user and its twin take turns.
type database struct {
	w      *World
	source manifest.Source
	key    string // of the source: the one that holds the password

	passwords map[string]string    // by user; none: nobody can log in
	installed map[string]time.Time // by user: when the rotation began that last set its password
	spared    map[string]bool      // logins that an emergency has ended, as it said: nobody need be told that they are refused
	made      int

	sessions []openSession        // who is logged in besides the consumers
	allowed  map[string]time.Time // by user: a person has accepted that who is logged in until then is cut off

	taken map[string]time.Time // logins that something late has taken away, and until when they have to be set again
}

// openDatabases makes those of an environment's sources, by source. The fleet's source has one, whatever it says.
func (w *World) openDatabases() map[string]*database {
	all := map[string]*database{}
	for _, s := range w.Env.Sources {
		if !slices.Contains([]string{manifest.Postgres, manifest.MySQL}, s.Rotate.Kind()) && (w.fleet == nil || s.Name != "db") {
			continue
		}
		d := &database{w: w, source: s, key: s.KeyNames()[0], passwords: map[string]string{}, installed: map[string]time.Time{}, spared: map[string]bool{}, taken: map[string]time.Time{}, allowed: map[string]time.Time{}}
		if f := s.Database().Fields; f != nil {
			d.key = f.Password
		} else if urls := s.Database().URL; len(urls) > 0 {
			d.key = urls[0]
		}
		all[s.Name] = d
	}
	return all
}

// makeLogin makes a user by hand, as people do before they put a value.
func (d *database) makeLogin() (login rotate.Values) {
	d.made++
	user, password := fmt.Sprintf("person%d", d.made), d.w.makeCanary()
	d.alterUser(user, password)
	return d.loginOf(user, password)
}

// holdsKey reports whether a key of the source is of its login. No database has any.
func (d *database) holdsKey(key string) bool {
	return d != nil && (key == d.key || slices.Contains(d.source.Database().URL, key) ||
		d.source.Database().Fields != nil && key == d.source.Database().Fields.Username)
}

// loginOf returns the keys of the source that hold a user's login: its connection URL, or its parts where the manifest
// names fields.
func (d *database) loginOf(user, password string) rotate.Values {
	login := rotate.Values{d.key: secret.New(d.textOf(user, password))}
	for _, key := range d.source.Database().URL {
		login[key] = login[d.key]
	}
	if f := d.source.Database().Fields; f != nil {
		login[f.Username] = secret.New(user)
	}
	return login
}

// textOf returns the text of the database's key: the password where the manifest names fields, the connection URL, or
// "user:password".
func (d *database) textOf(user, password string) string {
	switch {
	case d.source.Database().Fields != nil:
		return password
	case len(d.source.Database().URL) > 0:
		login := url.UserPassword(user, password).String()
		return d.source.Rotate.Kind() + "://" + login + "@" + d.source.Name + ".example.com/app"
	}
	return user + ":" + password
}

// rewriteHost returns the connection URL of a login for another way to the same database, as a pooler's is.
func (d *database) rewriteHost(login string) string {
	return strings.Replace(login, "@"+d.source.Name+".", "@direct.", 1)
}

// loginIn returns the login, as the database's own key has it, that a connection URL for any way to the database holds; ""
// where it is none.
func (d *database) loginIn(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return ""
	}
	password, _ := u.User.Password()
	return d.textOf(u.User.Username(), password)
}

// userOf returns the user whose login a version holds.
func (d *database) userOf(v rotate.Values) string {
	if f := d.source.Database().Fields; f != nil {
		return secret.Reveal(v[f.Username])
	}
	_, text, whole := strings.Cut(secret.Reveal(v[d.key]), "://")
	if !whole {
		text = secret.Reveal(v[d.key])
	}
	user, _, _ := strings.Cut(text, ":")
	return user
}

// alterUser gives a user another password; "" locks the user out.
func (d *database) alterUser(user, password string) {
	d.takeAway(user)
	for key, text := range d.findLost(user) {
		d.w.Targets.Revoke(stage.Target(d.w.Env, key), secret.Reveal(text))
	}
	d.passwords[user] = password
	if password == "" {
		return
	}
	delete(d.taken, d.textOf(user, password))
	for key, text := range d.loginOf(user, password) {
		d.w.Targets.Accept(stage.Target(d.w.Env, key), secret.Reveal(text))
	}
}

// findLost returns the login of a user that nobody needs any more, and nil where somebody may need it or an emergency
// has named it before.
func (d *database) findLost(user string) rotate.Values {
	password := d.passwords[user]
	text := d.textOf(user, password)
	if _, comes := d.taken[text]; comes {
		return nil
	}
	if password != "" && (d.w.isTaken(d.source, text) || d.w.isDoomed(d.source, text)) {
		d.spared[text] = true
		return nil
	}
	return d.loginOf(user, password)
}

func (d *database) acceptsLogin(v rotate.Values) bool {
	password := d.passwords[d.userOf(v)]
	return password != "" && secret.Reveal(v[d.key]) == d.textOf(d.userOf(v), password)
}

// listAccepted lists what the logins that the database accepts have in its key.
func (d *database) listAccepted() map[string]bool {
	logins := map[string]bool{}
	for user, password := range d.passwords {
		if password != "" {
			logins[d.textOf(user, password)] = true
		}
	}
	return logins
}

// setAgainWithin is how long a login may be refused that something late has taken away: the next pass comes within a
// minute.
const setAgainWithin = 90 * time.Second

// takeAway notes that the current login is about to be lost to something late, in an emergency that has said that
// this may happen and that the login is set again.
func (d *database) takeAway(user string) {
	text, now := d.textOf(user, d.passwords[user]), d.w.Clock.Now()
	current := secret.Reveal(d.w.readSource(d.source)[d.key])
	if d.isFenced() || d.passwords[user] == "" || text != current || d.w.isTaken(d.source, text) || !d.w.isConfirming(d.source) {
		return
	}
	d.taken[text] = now.Add(setAgainWithin)
	d.w.Clock.After(setAgainWithin, "a login of "+d.source.Name+" that was taken away", func() {
		if _, still := d.taken[text]; still {
			d.w.noteViolation("S1 a login of %s that something late took away is not set again", d.source.Name)
			delete(d.taken, text)
		}
	})
}

// isFenced reports whether the target refuses what is older than the newest rotation of a user.
func (d *database) isFenced() bool { return d.source.LateWrite() == manifest.LateFenced }

// listTolerated returns the logins whose refusal needs no report.
func (d *database) listTolerated() map[string]bool {
	logins := d.listAccepted()
	maps.Copy(logins, d.spared)
	for text := range d.taken {
		logins[text] = true
	}
	return logins
}

// checkRemembered checks that every login that the database accepts is known to a version that says so: it is live,
// current or pending, or so new that no pass has seen it.
func (d *database) checkRemembered() {
	versions := d.w.peekAt(d.source.Secret)
	seen, _ := findLabelled(versions, history.Seen)
	known := map[string]bool{}
	for _, v := range versions {
		alive := slices.ContainsFunc(v.Labels, func(l string) bool {
			return strings.HasPrefix(l, history.Live) || l == history.AWSCurrent || l == history.AWSPending
		})
		if alive || !v.Created.Before(seen.Created) {
			known[secret.Reveal(readContent(d.source, v.Value)[d.key])] = true
		}
	}
	for _, user := range slices.Sorted(maps.Keys(d.passwords)) {
		if len(d.taken) > 0 {
			break // what took it away goes when it is set again
		}
		if password := d.passwords[user]; password != "" && !known[d.textOf(user, password)] {
			d.w.noteViolation("S6 the database accepts %s, and no version says so", user)
		}
	}
}

// checkAlone checks that the database accepts the current login and no other.
func (d *database) checkAlone() {
	now := secret.Reveal(d.w.readSource(d.source)[d.key])
	for login := range d.listAccepted() {
		if login != now {
			d.w.noteViolation("L3 the database still accepts another login than the current one")
		}
	}
}

// checkVetoed checks that what is about to be retired was not vetoed when the rotate Lambda began. What comes later,
// while it is at work, comes too late.
func (d *database) checkVetoed(owed rotate.Values, vetoes []string) {
	for _, v := range d.w.peekAt(d.source.Secret) {
		if slices.Contains(vetoes, v.ID) && readContent(d.source, v.Value)[d.key].Equal(owed[d.key]) {
			d.w.noteViolation("S4 version %s of %s is retired, and somebody holds it", history.Short(v.ID), d.source.Name)
		}
	}
}

// users is the rotator of a database: the user and its twin take turns.
type users struct{ *database }

func (r users) Identity(v rotate.Values) string { return r.userOf(v) }

func (r users) Same(a, b rotate.Values) bool { return a[r.key].Equal(b[r.key]) }

func (r users) Create(_ context.Context, s rotate.Start) (rotate.Values, error) {
	user := r.userOf(s.Current)
	twin, second := strings.CutSuffix(user, "_2")
	if !second {
		twin = user + "_2"
	}
	next := maps.Clone(s.Current)
	maps.Copy(next, r.loginOf(twin, r.w.makeCanary()))
	return next, nil
}

// Set gives a user its password, unless the target knows a newer rotation of that user.
func (r users) Set(_ context.Context, c rotate.Change) error {
	user := r.userOf(c.Pending)
	return r.callDatabase("ALTER ROLE", user, true, func() error {
		if err := r.checkFence(user, c.Since); err != nil {
			return err
		}
		r.checkReplacing(c.Pending)
		r.alterUser(user, r.passwordOf(c.Pending))
		r.installed[user] = c.Since
		return nil
	})
}

// checkFence returns rotate.ErrSuperseded where a rotation that began later has set the user's password, on PostgreSQL.
// Other databases cannot tell.
func (r users) checkFence(user string, since time.Time) error {
	if r.isFenced() && r.installed[user].After(since) {
		return rotate.ErrSuperseded
	}
	return nil
}

// checkReplacing checks that a new password takes the place of none that anybody needs.
func (r users) checkReplacing(pending rotate.Values) {
	user := r.userOf(pending)
	old := r.passwords[user]
	if text := r.textOf(user, old); old != "" && text != secret.Reveal(pending[r.key]) {
		if !r.w.isTaken(r.source, text) && !r.setsAgain(text, secret.Reveal(pending[r.key])) {
			r.w.noteViolation("S5 %s of %s gets another password, and somebody may use the one before", user, r.source.Name)
		}
	}
}

// setsAgain reports whether one of two logins is the current one, which something late has taken away or which is set
// again after that.
func (r users) setsAgain(old, next string) bool {
	current := secret.Reveal(r.w.readSource(r.source)[r.key])
	return (old == current || next == current) && !r.isFenced() && r.w.isConfirming(r.source)
}

// checkRetiring checks that nobody needs a login that is about to die, or that an emergency has said so.
func (r users) checkRetiring(owed rotate.Values, vetoes []string) {
	text := secret.Reveal(owed[r.key])
	if !r.w.isDoomed(r.source, text) {
		r.w.checkRetiring(r.key, text)
	}
	r.checkVetoed(owed, vetoes)
}

// passwordOf returns the password in the values that Create wrote.
func (r users) passwordOf(v rotate.Values) string {
	text := secret.Reveal(v[r.key])
	if r.source.Database().Fields != nil {
		return text
	}
	if u, err := url.Parse(text); len(r.source.Database().URL) > 0 && err == nil {
		password, _ := u.User.Password()
		return password
	}
	_, password, _ := strings.Cut(text, ":")
	return password
}

func (r users) Test(_ context.Context, pending rotate.Values) error {
	return r.callDatabase("login", r.userOf(pending), false, func() error {
		if !r.acceptsLogin(pending) {
			return fmt.Errorf("the login is refused: %w", rotate.ErrNotAccepted)
		}
		return nil
	})
}

// Retire revokes the old credential with that credential itself: one that is refused is revoked already. A late call
// locks the user, whatever its password is by then, unless the target knows a newer rotation of it.
func (r users) Retire(_ context.Context, e rotate.End) (rotate.Values, error) {
	owed, vetoes := e.Owed, r.w.now.vetoes // of when this is sent, however late it lands
	user, dead := r.userOf(owed), !r.acceptsLogin(owed)
	return nil, r.callDatabase("ALTER ROLE own", user, true, func() error {
		if dead {
			return nil
		}
		if err := r.checkFence(user, e.Since); err != nil {
			return err
		}
		if err := r.judgeSessions(user, e.Witness); err != nil {
			return err
		}
		if r.acceptsLogin(owed) {
			r.checkRetiring(owed, vetoes)
			r.checkLoggedIn(user, secret.Reveal(owed[r.key]))
		}
		r.alterUser(user, "")
		return nil
	})
}

// callDatabase runs one statement through the tap, as every call.
func (r users) callDatabase(operation, user string, write bool, do func() error) error {
	call := sim.Call{Service: "database", Operation: operation, Resource: user, Write: write, Caller: rotateLambda}
	_, err := sim.Do(r.w.Tap, call, operation+user, func() (struct{}, error) { return struct{}{}, do() }, func(o sim.Outcome) error {
		return fmt.Errorf("the database says no: %d", o)
	})
	return err
}
