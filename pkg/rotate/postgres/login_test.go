package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/rotary-secrets/rotary/pkg/rotate"
	"github.com/rotary-secrets/rotary/pkg/rotate/sqluser"
)

func TestASourceThatCannotBeRotatedIsRefusedBeforeAnythingHappens(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://" + strings.Repeat("a", 58) + ":pw@h/app": "at most 57 bytes",
		"postgres://app:pw@h": "names no database",
		"mysql://app:pw@h/":   "not a URL that begins with postgres://",
	} {
		v, err := New(source(), sqluser.Admin{}).Create(t.Context(), rotate.Start{Current: at(text)})
		refused, is := errors.AsType[interface {
			error
			Refusal() string
		}](err)
		if !is || !strings.Contains(refused.Refusal(), want) || v != nil {
			t.Errorf("%s: error is %v, want a refusal that says %q", text, err, want)
		}
	}
}

func TestVersionsOfOneUserAreToldApartByTheirPasswords(t *testing.T) {
	r := New(source(), sqluser.Admin{})
	app := at("postgres://app:pw@h/app")
	for text, want := range map[string][2]bool{
		"postgres://app:pw@h/app":              {true, true},
		"postgresql://a%70p:p%77@H:5432/other": {true, true},
		"postgres://app:changed@h/app":         {true, false},
		"postgres://app:pw@elsewhere/app":      {true, false},
		"postgres://app_clone:pw@h/app":        {false, false},
		"nothing":                              {false, false},
	} {
		got := [2]bool{r.Identity(app) == r.Identity(at(text)), r.Same(app, at(text))}
		if got != want || r.Same(at(text), app) != want[1] {
			t.Errorf("%s: identity and credential are the same: %v, want %v", text, got, want)
		}
	}
	if r.Identity(at("one")) == r.Identity(at("two")) || r.Same(at("one"), at("two")) || !r.Same(at("one"), at("one")) {
		t.Error("what is no login is taken for something else that is none")
	}
}
