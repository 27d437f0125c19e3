package settings_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/settings"
)

type app struct {
	Shared struct {
		Name  string          `env:"SHARED__NAME,required"`
		Key   settings.Secret `env:"SHARED__KEY,required"`
		Spare settings.Secret `env:"SHARED__SPARE"`
		URL   string          `env:"SHARED__URL" check:"url"`
		Deep  struct {
			On    bool            `env:"SHARED__DEEP__ON"`
			Count int             `env:"SHARED__DEEP__COUNT"`
			Doc   json.RawMessage `env:"SHARED__DEEP__DOC"`
		}
	}
	Live  settings.Secret `env:"LIVE" check:"/^sk_live_/"`
	local int
}

func lookup(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestEveryTypeIsFilled(t *testing.T) {
	a := app{local: 7}
	a.Shared.Spare = settings.NewSecret("from before")
	err := settings.LoadFrom(&a, lookup("SHARED__NAME", "", "SHARED__KEY", "hunter2", "SHARED__URL", "postgres://h1,h2/db",
		"SHARED__DEEP__ON", "TRUE", "SHARED__DEEP__COUNT", "-007", "SHARED__DEEP__DOC", `{"a": [1]}`, "LIVE", "sk_live_1"))
	if err != nil {
		t.Fatal(err)
	}
	deep := a.Shared.Deep
	if settings.Reveal(a.Shared.Key) != "hunter2" || settings.Reveal(a.Live) != "sk_live_1" || !deep.On || deep.Count != -7 ||
		string(deep.Doc) != `{"a": [1]}` || a.Shared.URL != "postgres://h1,h2/db" || a.local != 7 {
		t.Errorf("%+v", a)
	}
	if a.Shared.Spare.IsSet() || !a.Shared.Key.IsSet() {
		t.Error("a variable that is not there has left a value")
	}
}

func TestTheEnvironmentIsRead(t *testing.T) {
	t.Setenv("SHARED__NAME", "n")
	t.Setenv("SHARED__KEY", "k")
	var a app
	if err := settings.Load(&a); err != nil || a.Shared.Name != "n" || settings.Reveal(a.Shared.Key) != "k" {
		t.Errorf("%v: %+v", err, a)
	}
}

func TestEverythingThatIsWrongIsReportedAtOnce(t *testing.T) {
	a := app{}
	a.Shared.Name = "from before"
	err := settings.LoadFrom(&a, lookup("SHARED__KEY", "hunter2", "SHARED__URL", "hunter2", "SHARED__DEEP__ON", "hunter2",
		"SHARED__DEEP__COUNT", "99999999999999999999", "SHARED__DEEP__DOC", "hunter2", "LIVE", "hunter2"))
	const want = "6 settings cannot be read: SHARED__NAME is missing; SHARED__URL is not a URL with a scheme and a host; " +
		"SHARED__DEEP__ON is not true, false, 1 or 0; SHARED__DEEP__COUNT is too large a number; " +
		"SHARED__DEEP__DOC is not JSON; LIVE does not match /^sk_live_/"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	var all *settings.Error
	if !errors.As(err, &all) || len(all.Problems) != 6 || all.Names()[5] != "LIVE" {
		t.Errorf("%#v", err)
	}
	if a.Shared.Name != "from before" || a.Shared.Key.IsSet() {
		t.Error("a failed Load has changed its target")
	}
	one := settings.LoadFrom(&struct {
		A string `env:"A,required"`
	}{}, lookup())
	if one == nil || one.Error() != "1 setting cannot be read: A is missing" {
		t.Error(one)
	}
}

func TestABundleIsRead(t *testing.T) {
	var a app
	if err := settings.LoadJSON(&a, `{"SHARED__NAME": "n", "SHARED__KEY": "k", "ELSE": "x"}`); err != nil || a.Shared.Name != "n" {
		t.Errorf("%v: %+v", err, a)
	}
	if err := settings.LoadJSON(&a, `{"SHARED__NAME": "n"}`); err == nil || !strings.Contains(err.Error(), "SHARED__KEY is missing") {
		t.Error(err)
	}
	for _, bundle := range []string{"", "hunter2", `{"SHARED__NAME": "hunter2"`, `["hunter2"]`, `{"SHARED__NAME": 1}`, `{"SHARED__NAME": null}`, "null"} {
		if err := settings.LoadJSON(&a, bundle); err == nil || err.Error() != "settings: the bundle is not a JSON object of texts" {
			t.Errorf("%q: %v", bundle, err)
		}
	}
}

// TestAStructThatCannotBeFilledIsRefused: these are mistakes in the program, whatever the environment has.
func TestAStructThatCannotBeFilledIsRefused(t *testing.T) {
	text := ""
	for want, target := range map[string]any{
		"not with a string":                          "x",
		"not with a *string":                         &text,
		"not with a <nil>":                           nil,
		"not with a *settings_test.app":              (*app)(nil),
		"field A of struct { A string }: has no tag": &struct{ A string }{},
		"has no tag":                                 &struct{ A settings.Secret }{},
		`neither env:"NAME" nor env:"NAME,required"`: &struct {
			A string `env:"A,requird"`
		}{},
		"is tagged and not exported": &struct {
			a string `env:"A"`
		}{},
		"has a type that is neither": &struct {
			A float64 `env:"A"`
		}{},
		"has a check that is neither": &struct {
			A string `env:"A" check:"uri"`
		}{},
		"url, json": &struct {
			A string `env:"A" check:"/(/"`
		}{},
	} {
		if err := settings.LoadFrom(target, lookup("A", "a")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: %v, want %s", target, err, want)
		}
	}
}

func TestASecretIsEmptyUntilItIsFilled(t *testing.T) {
	var s settings.Secret
	if s.IsSet() || settings.Reveal(s) != "" || reflect.TypeOf(s).Comparable() {
		t.Error("the zero Secret is not the empty text, or can be compared")
	}
}
