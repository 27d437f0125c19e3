package rotate_test

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/rotary-secrets/rotary/pkg/credential"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// database is a target with users that log in with a password.
type database struct {
	passwords map[string]string // by user; none: nobody can log in
	made      int
}

func newDatabase() *database { return &database{passwords: map[string]string{}} }

func (d *database) accepts(v rotate.Values) bool {
	user, password := secret.Reveal(v["DB_USER"]), secret.Reveal(v["DB_PASSWORD"])
	return password != "" && d.passwords[user] == password
}

func (d *database) accepted() int { return len(d.passwords) }

// user makes a user by hand.
func (d *database) user() rotate.Values {
	d.made++
	v := login(fmt.Sprintf("person%d", d.made), fmt.Sprintf("by-hand-%d", d.made))
	d.set(v)
	return v
}

func (d *database) set(v rotate.Values) {
	d.passwords[secret.Reveal(v["DB_USER"])] = secret.Reveal(v["DB_PASSWORD"])
}

func login(user, password string) rotate.Values {
	return rotate.Values{"DB_USER": secret.New(user), "DB_PASSWORD": secret.New(password), "DB_NAME": secret.New("app")}
}

// twoUsers rotates between a user and its clone, as the database rotators do.
type twoUsers struct{ *database }

func (r twoUsers) Create(ctx context.Context, s rotate.Start) (rotate.Values, error) {
	current := s.Current
	user := secret.Reveal(current["DB_USER"])
	clone, cloned := strings.CutSuffix(user, "_clone")
	if !cloned {
		clone = user + "_clone"
	}
	if s.Emergency {
		others, err := s.Others(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range others {
			if o.Live && o.Retained && r.Identity(o.Values) == clone {
				return nil, retained{}
			}
		}
	}
	if err := r.checkUnclaimed(ctx, s.Elsewhere, clone); err != nil {
		return nil, err
	}
	r.made++
	next := maps.Clone(current)
	maps.Copy(next, login(clone, fmt.Sprintf("made-by-rotation-%d", r.made)))
	return next, nil
}

// retained is the refusal of an emergency that would end what somebody retains.
type retained struct{}

func (retained) Error() string   { return "retained" }
func (retained) Refusal() string { return "retained" }

func (r twoUsers) Set(ctx context.Context, c rotate.Change) error {
	if r.accepts(c.Pending) {
		return nil
	}
	if err := r.checkUnclaimed(ctx, c.Elsewhere, r.Identity(c.Pending)); err != nil {
		return err
	}
	r.set(c.Pending)
	return nil
}

// checkUnclaimed refuses to set a user whose login another source holds.
func (r twoUsers) checkUnclaimed(ctx context.Context, elsewhere rotate.Elsewhere, user string) error {
	all, err := elsewhere.Read(ctx)
	if err != nil {
		return err
	}
	for _, h := range all {
		for _, password := range credential.FindPasswords(h.Source, h.Values, user) {
			if r.passwords[user] == secret.Reveal(password) {
				return claimed(h.Source.Name)
			}
		}
	}
	return nil
}

// claimed is the refusal to take the user of another source.
type claimed string

func (c claimed) Error() string   { return "source " + string(c) + " has the user" }
func (c claimed) Refusal() string { return c.Error() }

func (r twoUsers) Test(_ context.Context, pending rotate.Values) error {
	if !r.accepts(pending) {
		return fmt.Errorf("the login is refused: %w", rotate.ErrNotAccepted)
	}
	return nil
}

// Retire is done with the old credential itself: one that is refused is dead already.
func (r twoUsers) Retire(_ context.Context, e rotate.End) (rotate.Values, error) {
	if r.accepts(e.Owed) {
		delete(r.passwords, secret.Reveal(e.Owed["DB_USER"]))
	}
	return nil, nil
}

func (r twoUsers) Identity(v rotate.Values) string { return secret.Reveal(v["DB_USER"]) }

func (r twoUsers) Same(a, b rotate.Values) bool { return a["DB_PASSWORD"].Equal(b["DB_PASSWORD"]) }
