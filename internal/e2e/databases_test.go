package e2e

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/internal/stage"
	"github.com/rotary-secrets/rotary/pkg/bucket"
	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// database is a genuine server in a scene. Whatever tasks hold of a login is tried there.
type database struct {
	*scene
	accepts func(user, password string) bool // whether the server lets somebody in
	read    func(manifest.Source, rotate.Values) (sqluser.Login, error)
	texts   map[string]func(user, password string) string // of each source that holds a login
	tried   map[attempt]bool
}

// attempt is a login that was tried when so many writes had been made: nothing changes between two writes.
type attempt struct {
	user, password string
	writes         int
}

// openDatabase opens a scene in which these sources hold nothing yet.
func openDatabase(t *testing.T, text string, d database) *database {
	t.Helper()
	d.scene = openScene(t, text, func(c *stage.Config) { c.Unseeded = slices.Sorted(maps.Keys(d.texts)) })
	d.tried = map[attempt]bool{}
	return &d
}

// putLogin puts a login into a source as a tool that is not rotary does: the text of the secret and a login.
func (d *database) putLogin(source, user, password string) {
	d.t.Helper()
	declared, text := d.declaredSource(source), d.texts[source](user, password)
	d.public += d.texts[source]("", "") + "\n"
	d.putText(declared.Secret, text)
	values, _, err := bucket.ReadSource(declared, secret.New(text))
	if err != nil {
		d.t.Fatal(err)
	}
	d.Values[source] = map[string]string{}
	for key, value := range values {
		d.Values[source][key] = secret.Reveal(value)
		if slices.Contains(declared.Config, key) {
			d.Targets.Accept(stage.Target(d.Env, key), secret.Reveal(value))
			continue
		}
		d.Targets.Ask(stage.Target(d.Env, key), func(held string, _ bool) bool { return d.acceptsHeld(declared, key, held) })
	}
}

// acceptsHeld reports whether the server accepts the login of some version whose key holds this value.
func (d *database) acceptsHeld(source manifest.Source, key, held string) bool {
	for _, v := range d.ownRegion().SecretsManager.Peek(source.Secret) {
		values, _, err := bucket.ReadSource(source, v.Value)
		if err != nil || !values[key].Equal(secret.New(held)) {
			continue
		}
		if l, err := d.read(source, rotate.Values(values)); err == nil && d.logsIn(l.User, secret.Reveal(l.Password)) {
			return true
		}
	}
	return false
}

func (d *database) logsIn(user, password string) bool {
	a := attempt{user, password, d.Tap.Writes()}
	verdict, known := d.tried[a]
	if !known {
		verdict = d.accepts(user, password)
		d.tried[a] = verdict
	}
	return verdict
}

// readCurrentLogin reads the login in the current version of a source, and fails the test where its text differs in more
// than the login from the one that was put.
func (d *database) readCurrentLogin(source string) (user, password string) {
	d.t.Helper()
	_, values := d.currentVersion(source)
	l, err := d.read(d.declaredSource(source), values)
	if err != nil {
		d.t.Fatal(err)
	}
	user, password = l.User, secret.Reveal(l.Password)
	d.wantText(source, d.texts[source](user, password))
	return user, password
}

// turn rotates a source to its end: the other user logs in, every task has it, and the login before is refused.
func (d *database) turn(sources ...string) {
	d.t.Helper()
	first, olds := map[string]string{}, map[string][2]string{}
	for _, source := range sources {
		user, password := d.readCurrentLogin(source)
		first[source], _ = d.currentVersion(source)
		olds[source] = [2]string{user, password}
		d.rotateSource(source)
		if now, _ := d.currentVersion(source); now == first[source] {
			d.t.Fatalf("%s was not rotated; log of the Lambdas\n%s", source, d.logTail())
		}
		newUser, newPassword := d.readCurrentLogin(source)
		if newUser == user || newPassword == password {
			d.t.Errorf("the user or the password of %s is the same as before", source)
		}
		if !d.logsIn(user, password) || !d.logsIn(newUser, newPassword) {
			d.t.Errorf("while tasks follow, the server refuses one of the two logins of %s", source)
		}
	}
	d.watchConverged()
	for _, source := range sources {
		d.wantRetired(source, first[source])
		if d.logsIn(olds[source][0], olds[source][1]) || !d.logsIn(d.readCurrentLogin(source)) {
			d.t.Errorf("the server accepts the login before of %s, or refuses the present one", source)
		}
	}
}

// wantServed fails the test where a task of the service does not have what a source holds now.
func (d *database) wantServed(consumer string, sources ...string) {
	d.t.Helper()
	for _, source := range sources {
		_, values := d.currentVersion(source)
		for key, value := range values {
			if !d.runsOnly(consumer, key, secret.Reveal(value)) {
				d.t.Errorf("a task of %s does not have %s of %s", consumer, key, source)
			}
		}
	}
}

// putBeside puts another value next to the login of a source: nothing else of its text changes, the login neither, and it
// outlives the version before.
func (d *database) putBeside(source, key, before, after string) {
	d.t.Helper()
	user, password := d.readCurrentLogin(source)
	text := d.texts[source]
	d.texts[source] = func(user, password string) string {
		return strings.Replace(text(user, password), strconv.Quote(before), strconv.Quote(after), 1)
	}
	d.putByOperator(source, key, after)
	if nowUser, nowPassword := d.readCurrentLogin(source); nowUser != user || nowPassword != password {
		d.t.Errorf("what is put next to the login of %s changes it", source)
	}
	d.watchConverged()
	if !d.logsIn(user, password) {
		d.t.Errorf("the login of %s is refused after something else was put", source)
	}
}
