package sqluser

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/manifest"
	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/secret"
)

func TestAnEmergencyTakesNoPasswordThatIsRetained(t *testing.T) {
	others := func(o rotate.Other, err error) func() ([]rotate.Other, error) {
		return func() ([]rotate.Other, error) { return []rotate.Other{o}, err }
	}
	at := func(user string) rotate.Values {
		return rotate.Values{"URL": secret.New("db://" + user + ":0ld@h/app")}
	}
	lost := errors.New("no answer")
	r, _ := recording(urls("URL"), Admin{
		Source: manifest.Source{Name: "app-db-admin", Keys: manifest.KeysOf("URL")}, Read: reading(rotate.Values{"URL": secret.New("db://root:adminpw@h/d")}),
	})
	for name, c := range map[string]struct {
		urgent bool
		others func() ([]rotate.Other, error)
		want   string
	}{
		"no emergency":            {false, others(rotate.Other{}, lost), ""},
		"retained":                {true, others(rotate.Other{Values: at("app_clone"), Live: true, Retained: true}, nil), "retained"},
		"retained of another":     {true, others(rotate.Other{Values: at("person"), Live: true, Retained: true}, nil), ""},
		"owed":                    {true, others(rotate.Other{Values: at("app_clone"), Live: true}, nil), ""},
		"retained and dead":       {true, others(rotate.Other{Values: at("app_clone"), Retained: true}, nil), ""},
		"what cannot be read":     {true, others(rotate.Other{Values: rotate.Values{"URL": secret.New("?")}, Live: true, Retained: true}, nil), ""},
		"a store without answers": {true, others(rotate.Other{}, lost), "no answer"},
	} {
		start := rotate.Start{Current: at("app"), Emergency: c.urgent, Others: func(context.Context) ([]rotate.Other, error) { return c.others() }}
		_, err := r.Create(t.Context(), start)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
	}
}

func TestADeadlineOrTheManifestEndsSessions(t *testing.T) {
	at := func(user string) rotate.Values { return rotate.Values{"URL": secret.New("db://" + user + ":pw@h/app")} }
	for _, c := range []struct{ wanted, forced, want bool }{{false, false, false}, {true, false, true}, {false, true, true}} {
		r := of(entry(manifest.Database{URL: manifest.Names{"URL"}, EndSessions: c.wanted}))
		r.admin.Read = reading(at("root"))
		all, err := r.readRetirements(t.Context(), rotate.End{Owed: at("app"), Current: at("app_clone"), Forced: c.forced})
		if err != nil || len(all) != 1 || all[0].EndSessions != c.want || !all[0].Served {
			t.Errorf("wanted %v, forced %v: sessions end: %v, %v", c.wanted, c.forced, all, err)
		}
	}
}

// answering is a product that lets everybody in, and answers a question with an error, or without.
type answering struct{ err error }

type answered struct{ err error }

func (a answered) Ask(context.Context) error { return a.err }
func (answered) Close(context.Context)       {}

func (a answering) Connect(context.Context, Login, Host) (answered, error) {
	return answered(a), nil
}
func (answering) CheckPrimary(context.Context, answered) error        { return errNobody }
func (answering) Install(_ context.Context, _ answered, _ Turn) error { return errNobody }
func (answering) Retire(context.Context, Retirement) error            { return errNobody }

// A password that has expired lets its user in, to change it, and is told with the first answer.
func TestALoginIsAcceptedIfItIsAnsweredToo(t *testing.T) {
	lost := errors.New("no answer")
	for _, c := range []struct {
		err      error
		accepted bool
		want     error
	}{{nil, true, nil}, {ErrLocked, false, nil}, {ErrRefused, false, nil}, {lost, false, lost}} {
		accepted, err := Accepts(t.Context(), Server[answered](answering{err: c.err}), Login{Hosts: []Host{{"h", "1"}}})
		if accepted != c.accepted || !errors.Is(err, c.want) {
			t.Errorf("a question is answered with %v: accepted is %v, %v", c.err, accepted, err)
		}
		if !errors.Is(ErrLocked, rotate.ErrNotAccepted) || errors.Is(ErrLocked, ErrRefused) {
			t.Error("a locked user is not accepted, and not dead")
		}
	}
}
