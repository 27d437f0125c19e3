package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/rotary-secrets/rotary/internal/standin/sim"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// database is a target whose users log in with user:password, one key of one source. It stands for the database
// rotators: alternating users, each with one password.
type database struct {
	w      *World
	target string // as stage.Target names it
	key    string

	passwords map[string]string // by user; none: nobody can log in
	made      int
}

// person makes a user by hand, as people do before they put a value.
func (d *database) person() (login string) {
	d.made++
	user := fmt.Sprintf("person%d", d.made)
	d.alter(user, d.w.canary())
	return user + ":" + d.passwords[user]
}

// alter gives a user another password; "" locks the user out.
func (d *database) alter(user, password string) {
	if old := d.passwords[user]; old != "" {
		d.w.Targets.Revoke(d.target, user+":"+old)
	}
	d.passwords[user] = password
	if password != "" {
		d.w.Targets.Accept(d.target, user+":"+password)
	}
}

func (d *database) accepts(v rotate.Values) bool {
	user, password, _ := strings.Cut(secret.Reveal(v[d.key]), ":")
	return password != "" && d.passwords[user] == password
}

// accepted lists the logins that the database accepts.
func (d *database) accepted() map[string]bool {
	logins := map[string]bool{}
	for user, password := range d.passwords {
		if password != "" {
			logins[user+":"+password] = true
		}
	}
	return logins
}

// users is the rotator of a database: the user and its twin take turns.
type users struct{ *database }

func (r users) Identity(v rotate.Values) string {
	user, _, _ := strings.Cut(secret.Reveal(v[r.key]), ":")
	return user
}

func (r users) Same(a, b rotate.Values) bool { return a[r.key].Equal(b[r.key]) }

func (r users) Create(_ context.Context, s rotate.Start) (rotate.Values, error) {
	current := s.Current
	user := r.Identity(current)
	twin, second := strings.CutSuffix(user, "_2")
	if !second {
		twin = user + "_2"
	}
	next := maps.Clone(current)
	next[r.key] = secret.New(twin + ":" + r.w.canary())
	return next, nil
}

func (r users) Set(_ context.Context, pending, _ rotate.Values) error {
	user, password, _ := strings.Cut(secret.Reveal(pending[r.key]), ":")
	return r.call("ALTER ROLE", user, true, func() error {
		r.alter(user, password)
		return nil
	})
}

func (r users) Test(_ context.Context, pending rotate.Values) error {
	return r.call("login", r.Identity(pending), false, func() error {
		if !r.accepts(pending) {
			return errors.New("the login is refused")
		}
		return nil
	})
}

// Retire is done with the old credential itself: one that is refused is dead already.
func (r users) Retire(_ context.Context, e rotate.End) (rotate.Values, error) {
	owed := e.Owed
	return nil, r.call("ALTER ROLE own", r.Identity(owed), true, func() error {
		if r.accepts(owed) {
			r.w.retiring(r.key, secret.Reveal(owed[r.key]))
			r.w.vetoed(owed)
			r.alter(r.Identity(owed), "")
		}
		return nil
	})
}

// call is one statement, which passes through the tap like everything else.
func (r users) call(operation, user string, write bool, do func() error) error {
	call := sim.Call{Service: "database", Operation: operation, Resource: user, Write: write, Caller: rotateLambda}
	_, err := sim.Do(r.w.Tap, call, operation+user, func() (struct{}, error) { return struct{}{}, do() }, func(o sim.Outcome) error {
		return fmt.Errorf("the database says no: %d", o)
	})
	return err
}
