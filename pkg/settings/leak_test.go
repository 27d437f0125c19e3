package settings_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/rotary-secrets/rotary/pkg/settings"
)

// listForms returns the texts that give a value away: every 8 bytes of it, and how encoders write it.
func listForms(value string) (forms []string) {
	quoted, decimal := fmt.Sprintf("%q", value), strings.Trim(fmt.Sprint([]byte(value)), "[]")
	encoded, _ := json.Marshal(value)
	forms = []string{quoted[1 : len(quoted)-1], string(encoded[1 : len(encoded)-1]), decimal, strings.ReplaceAll(decimal, " ", ", "),
		hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value)))}
	for i := 0; i < 3; i++ {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("_", i) + value))
		forms = append(forms, text[4:len(text)-4])
	}
	for i := 0; i+8 <= len(value); i++ {
		forms = append(forms, value[i:i+8])
	}
	return forms
}

func requireHidden(t *testing.T, value, where, output string) {
	t.Helper()
	for _, form := range listForms(value) {
		if strings.Contains(output, form) {
			t.Fatalf("%s shows the value", where)
		}
	}
}

func TestTheSearchSeesAValue(t *testing.T) {
	const value = `c4nary<&>"'é/+wxyz`
	for _, verb := range []string{"%s", "%q", "%x", "%X", "%v"} {
		found := false
		for _, form := range listForms(value) {
			found = found || strings.Contains(fmt.Sprintf(verb, value)+fmt.Sprint([]byte(value)), form)
		}
		if !found {
			t.Errorf("the search does not see %s", verb)
		}
	}
}

// holder has a Secret wherever printers and encoders look.
type holder struct {
	Shown  settings.Secret `env:"V"`
	hidden settings.Secret
	Any    any
	Map    map[string]settings.Secret
	Slice  []settings.Secret
	Ptr    *settings.Secret
	inner  struct{ s settings.Secret }
}

func newHolder(value string) *holder {
	s := settings.NewSecret(value)
	h := &holder{Shown: s, hidden: s, Any: s, Map: map[string]settings.Secret{"k": s}, Slice: []settings.Secret{s}, Ptr: &s}
	h.inner.s = s
	return h
}

// printEveryWay returns what printers, loggers, encoders and templates make of v.
func printEveryWay(v any) string {
	var out bytes.Buffer
	for _, verb := range strings.Fields("%v %+v %#v %T %s %q %x %X %d %t %b %o %U %e %p %w %10v %#q %08d %!") {
		fmt.Fprintf(&out, verb, v)
		fmt.Fprint(&out, fmt.Errorf("reading "+verb, v))
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).With("with", v).Error("m", "key", v, slog.Group("g", "key", v))
	}
	for _, encode := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
		text, err := encode(v)
		fmt.Fprint(&out, string(text), err)
	}
	fmt.Fprint(&out, encodeGob(v))
	for _, text := range []string{"{{.}}", "{{print .}}", "{{.Shown}}", "{{.reveal}}", "{{.String}}", "{{.Reveal}}"} {
		fmt.Fprint(&out, template.Must(template.New("").Parse(text)).Execute(&out, v))
	}
	return out.String()
}

// encodeGob returns what gob makes of v; it panics on types without exported fields.
func encodeGob(v any) (out string) {
	defer func() {
		if r := recover(); r != nil {
			out = fmt.Sprintf("%v %+v %#v", r, r, r)
		}
	}()
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.String() + fmt.Sprint(err)
}

// FuzzNoValueIsShown: whatever a value is, neither what holds it nor an error about it shows it.
func FuzzNoValueIsShown(f *testing.F) {
	for _, value := range []string{`c4nary<&>"'é/+wxyz`, "postgres://u:p%40$w@h:5432/db", "-----BEGIN KEY-----\nabcdefgh", `{"k": "v4lue-v4lue`,
		"12345678901234567890", "\x00\x01binary\xff\xfe\xfd", "%!s(MISSING)%v%d"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		// Names and reasons stand in every error: a value that is a part of them proves nothing.
		value = "K4N-" + value + "-N4K"
		h := newHolder(value)
		requireHidden(t, value, "a holder", printEveryWay(h)+printEveryWay(*h)+printEveryWay(h.Shown)+printEveryWay(h.hidden)+printEveryWay(h.inner)+printEveryWay(h.Map)+printEveryWay(h.Slice))
		for _, check := range []string{"", "bool", "int", "json", "pem", "url", "/^sk_live_/"} {
			for _, target := range newTargets() {
				err := settings.LoadFrom(target[check], lookup("V", value))
				requireHidden(t, value, "an error", printEveryWay(err)+printEveryWay(errors.Unwrap(err))+fmt.Sprintf("%#v", err))
			}
		}
		err := settings.LoadJSON(h, value)
		requireHidden(t, value, "a bundle's error", printEveryWay(err)+fmt.Sprintf("%#v", errors.Unwrap(err)))
		text, _ := json.Marshal(map[string]any{"V": []string{value}})
		err = settings.LoadJSON(h, string(text))
		requireHidden(t, value, "a bundle's error", printEveryWay(err)+fmt.Sprintf("%#v", errors.Unwrap(err)))
	})
}

// newTargets returns structs of every type of a field, by the check.
func newTargets() []map[string]any {
	return []map[string]any{targets[settings.Secret](), targets[string](), targets[bool](), targets[int](), targets[json.RawMessage]()}
}

func targets[T any]() map[string]any {
	return map[string]any{
		"": &struct {
			V T `env:"V"`
		}{},
		"bool": &struct {
			V T `env:"V" check:"bool"`
		}{},
		"int": &struct {
			V T `env:"V" check:"int"`
		}{},
		"json": &struct {
			V T `env:"V" check:"json"`
		}{},
		"pem": &struct {
			V T `env:"V" check:"pem"`
		}{},
		"url": &struct {
			V T `env:"V" check:"url"`
		}{},
		"/^sk_live_/": &struct {
			V T `env:"V" check:"/^sk_live_/"`
		}{},
	}
}

func TestEncodersFailRatherThanWriteAMask(t *testing.T) {
	s := settings.NewSecret("hunter2")
	for _, marshal := range []func() ([]byte, error){s.MarshalJSON, s.MarshalText, s.MarshalBinary, s.GobEncode} {
		if out, err := marshal(); !errors.Is(err, settings.ErrEncode) || out != nil {
			t.Error("a marshaller returns something else than ErrEncode")
		}
	}
	if _, err := json.Marshal(map[string]any{"s": s}); !errors.Is(err, settings.ErrEncode) {
		t.Error("the cause is lost")
	}
	if got := fmt.Sprintf("%v %+v %#v %d", s, s, s, s); got != "[secret] [secret] [secret] [secret]" {
		t.Error(got)
	}
}
