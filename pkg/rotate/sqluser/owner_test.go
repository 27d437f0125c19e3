package sqluser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

// holding returns what reads these texts from another source, one version each.
func holding(texts ...string) rotate.Elsewhere {
	return func(context.Context) (all []rotate.Holding, err error) {
		for _, text := range texts {
			all = append(all, rotate.Holding{Source: manifest.Source{Name: "reader", Keys: manifest.KeysOf("K")}, Values: rotate.Values{"K": secret.New(text)}})
		}
		return all, nil
	}
}

// locking lets everybody in with "0ld", and says that the account of "locked" is.
type locking struct{ recorder }

func (l locking) Connect(ctx context.Context, login Login, h Host) (noSession, error) {
	s, err := l.recorder.Connect(ctx, login, h)
	switch secret.Reveal(login.Password) {
	case "locked":
		err = ErrLocked
	case "lost":
		err = errNobody
	}
	return s, err
}

func TestNobodysUserIsTaken(t *testing.T) {
	at := func(user, password string) string { return "db://" + user + ":" + password + "@h/d" }
	now := rotate.Values{"URL": secret.New(at("app", "0ld"))}
	next := rotate.Values{"URL": secret.New(at("app_clone", "new"))}
	for name, c := range map[string]struct {
		held  []string
		want  string // of the error; "": it is set
		tries int    // of logins of app_clone, besides one of Set's own
	}{
		"nothing":                            {nil, "", 0},
		"its own login":                      {[]string{at("app_clone", "new")}, "", 0},
		"another user's":                     {[]string{at("other", "0ld")}, "", 0},
		"one that the server refuses":        {[]string{at("app_clone", "x1"), "jdbc:db://h/d?user=app_clone&password=x1", at("app_clone", "x2")}, "", 2},
		"one that it accepts":                {[]string{at("app_clone", "x1"), at("app_clone", "0ld")}, "source reader holds the login", 2},
		"one that it accepts in other words": {[]string{"Host=h;Username=app_clone;Password=0ld"}, "source reader holds the login", 1},
		"one whose account is locked":        {[]string{at("app_clone", "locked")}, "source reader holds the login", 1},
		"one of which nobody knows":          {[]string{at("app_clone", "lost")}, "nobody listens", 1},
	} {
		for step, do := range map[string]func(*Rotator[noSession]) error{
			"Create": func(r *Rotator[noSession]) error {
				_, err := r.Create(t.Context(), rotate.Start{Current: now, Elsewhere: holding(c.held...)})
				return err
			},
			"Set": func(r *Rotator[noSession]) error {
				return r.Set(t.Context(), rotate.Change{Current: now, Pending: next, Elsewhere: holding(c.held...)})
			},
		} {
			if step == "Create" && name == "its own login" {
				continue // nobody has it before it is made
			}
			deeds := &[]string{}
			server := locking{recorder{func(l Login, _ Host) bool { return secret.Reveal(l.Password) == "0ld" }, deeds}}
			r := New(manifest.Source{Name: "app-db", Rotate: urls("URL")}, Admin{
				Source: manifest.Source{Name: "app-db-admin", Keys: manifest.KeysOf("URL")}, Read: reading(rotate.Values{"URL": secret.New("db://root:0ld@h/d")}),
			}, syntax(), Server[noSession](server))
			err := do(r)
			var refused Refusal
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || errors.As(err, &refused) != strings.Contains(c.want, "reader") {
				t.Errorf("%s of %s: error is %v, want %q", step, name, err, c.want)
			}
			tries := 0
			for _, deed := range *deeds {
				if strings.HasPrefix(deed, "app_clone at") {
					tries++
				}
			}
			if step == "Set" {
				tries--
			}
			if tries != c.tries || err != nil && slices.Contains(*deeds, "install app_clone by root at h:5432") {
				t.Errorf("%s of %s: %d tries, want %d; %q", step, name, tries, c.tries, *deeds)
			}
		}
	}
}

func TestTheCurrentLoginIsTriedByEveryURLBeforeARotation(t *testing.T) {
	for refusing, want := range map[string]string{"": "", "pooler": "its current login is not accepted: POOLED: the server refuses the login"} {
		deeds := &[]string{}
		server := recorder{func(_ Login, h Host) bool { return h.Name != refusing }, deeds}
		r := New(manifest.Source{Name: "app-db", Rotate: several()}, listed(), syntax(), Server[noSession](server))
		_, err := r.Create(t.Context(), rotate.Start{Current: valuesOf(severalOf("app", "0ld"))})
		var refused Refusal
		if (err == nil) != (want == "") || err != nil && (!errors.As(err, &refused) || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q refuses: error is %v", refusing, err)
		}
		if tried := fmt.Sprint(*deeds); want == "" && tried != "[app at pooler:6432 app at server:6000]" {
			t.Errorf("what was tried is %s", tried)
		}
	}
	_, err := withAdmin(several(), listed()).Create(t.Context(), rotate.Start{Current: valuesOf(severalOf("app", "0ld"))})
	var refused Refusal
	if errors.As(err, &refused) || !errors.Is(err, errNobody) || !strings.Contains(err.Error(), "POOLED") || !strings.Contains(err.Error(), "untested_urls") {
		t.Errorf("a URL that is not reached: %v", err)
	}
}

func TestALoginThatStandsTwiceInOneKeyIsRefused(t *testing.T) {
	r := of(urls("URL"))
	r.source.Keys = manifest.KeysOf("URL")
	_, err := r.Next(rotate.Values{"URL": secret.New("db://app:s3cret-and-long-enough@h/d?sslpassword=s3cret-and-long-enough")})
	var refused Refusal
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "URL holds its login a second time") {
		t.Errorf("error is %v", err)
	}
}

func TestSessionsOfAnotherSourceAreLeftAlone(t *testing.T) {
	owed := rotate.Values{"URL": secret.New("db://app:dead@h/d")}
	for text, want := range map[string]bool{"db://app:dead@h/d": false, "db://app:other@h/d": true, "db://else:other@h/d": false} {
		r := of(urls("URL"))
		r.admin.Read = reading(rotate.Values{"URL": secret.New("db://root:pw@h/d")})
		all, err := r.readRetirements(t.Context(), rotate.End{
			Owed: owed, Current: rotate.Values{"URL": secret.New("db://app_clone:new@h/d")}, Elsewhere: holding(text),
			Others: func(context.Context) ([]rotate.Other, error) { return nil, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if shares, err := all[0].SharesUser(t.Context()); shares != want || err != nil {
			t.Errorf("another source holds %s: the user is shared: %v, %v", text, shares, err)
		}
	}
}
